// node-postgres over the environment that deployment.yaml gives: it reads PGHOST, PGPORT, PGDATABASE, PGUSER and PGPASSWORD by
// itself, and takes the authority's certificate as text, so this service needs no file.
const { Pool } = require("pg");

const { DATABASE_CA_CERT: ca, PGSSLMODE: mode, POOL_SIZE: size } = process.env;

// It knows no sslmode "prefer": without `ssl` it would demand TLS, also of a server that has none.
const ssl = ca ? { ca } : mode === "require" && { rejectUnauthorized: false };

// POOL_SIZE is there if the service has a role of its own: docs/reference/services.md.
module.exports = new Pool({ ssl, max: Number(size ?? 10) });
