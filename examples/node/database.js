// node-postgres over the environment that progress-service/templates/deployment.yaml gives: it reads PGHOST, PGPORT, PGDATABASE, PGUSER
// and PGPASSWORD by itself, and takes the authority's certificate as text, so this service needs no file.
const { Pool } = require("pg");

const authority = process.env.DATABASE_CA_CERT;

// Without `ssl` it would not use TLS, whatever PGSSLMODE says about verifying.
// POOL_SIZE is there if the service has a role of its own: docs/reference/services.md.
module.exports = new Pool({ max: Number(process.env.POOL_SIZE ?? 10), ...(authority && { ssl: { ca: authority } }) });
