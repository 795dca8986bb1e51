// LearnFlow's Triage Service in small: what learners struggle with. It needs node-postgres.
//
//     POST /struggles   {"user_id": 1, "topic": "Loops", "error_pattern": "off by one"}
//     GET  /struggles?topic=Loops
//     GET  /health
const http = require("http");
const database = require("./database.js");

const RECORD = `
  INSERT INTO struggle_alerts AS a (user_id, topic, error_pattern) VALUES ($1, $2, $3)
  ON CONFLICT (user_id, topic, error_pattern) WHERE resolved_at IS NULL
  DO UPDATE SET struggle_count = a.struggle_count + 1, last_detected = now()
  RETURNING struggle_count`;

const READ = `
  SELECT error_pattern, sum(struggle_count)::int AS times FROM struggle_alerts
  WHERE topic = $1 GROUP BY error_pattern ORDER BY times DESC, error_pattern`;

async function answer(request) {
  const url = new URL(request.url, "http://localhost");
  switch (`${request.method} ${url.pathname}`) {
    case "GET /health":
      return (await database.query("SELECT 1 AS ok")).rows;
    case "GET /struggles":
      return (await database.query(READ, [url.searchParams.get("topic")])).rows;
    case "POST /struggles": {
      const { user_id, topic, error_pattern } = JSON.parse(await text(request));
      return (await database.query(RECORD, [user_id, topic, error_pattern])).rows[0];
    }
  }
}

async function text(request) {
  let body = "";
  for await (const part of request) body += part;
  return body;
}

// A connection that a restart of the database has cut while it was idle: the pool makes another.
database.on("error", error => console.error(error.message));

const server = http.createServer(async (request, response) => {
  try {
    const result = await answer(request);
    response.writeHead(result ? 200 : 404, { "Content-Type": "application/json" });
    response.end(JSON.stringify(result));
  } catch (error) {
    console.error(error.message);
    // 22 and 23 are what the request said; all else is the database's: whoever asks again is answered.
    response.writeHead(/^2[23]/.test(error.code) || error instanceof SyntaxError ? 400 : 503).end();
  }
});
server.listen(8080);
process.on("SIGTERM", () => server.close(() => database.end()));
