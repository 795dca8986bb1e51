"""LearnFlow's Progress Service in small: learners register, practise, and see how they are doing. It needs asyncpg.

    POST /users         {"username": "ada", "email": "ada@example.org"}
    POST /progress      {"user_id": 1, "topic": "Loops", "mastery_score": 40, "seconds": 300}
    GET  /statistics/1
    GET  /health

Nothing is configured here: asyncpg takes PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD and PGSSLMODE from the
environment, which deployment.yaml fills with what learnflow-db has published.
"""
import asyncio
import json
import os
import signal
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import asyncpg


async def register(database, username, email):
    return await database.fetchval("INSERT INTO users (username, email) VALUES ($1, $2) RETURNING id", username, email)


async def record(database, user_id, topic, mastery_score, seconds):
    """The score counts from now on; time adds up."""
    await database.execute(
        """
        INSERT INTO progress AS p (user_id, topic, mastery_score, total_time_seconds) VALUES ($1, $2, $3, $4)
        ON CONFLICT (user_id, topic) DO UPDATE SET
            mastery_score = EXCLUDED.mastery_score,
            total_time_seconds = p.total_time_seconds + EXCLUDED.total_time_seconds,
            last_practiced = now()
        """, user_id, topic, mastery_score, seconds)


async def statistics(database, user_id):
    row = await database.fetchrow(
        """
        SELECT username, count(p.id) AS topics, coalesce(round(avg(mastery_score)), 0)::int AS mastery,
               coalesce(sum(total_time_seconds), 0)::bigint AS seconds
        FROM users u LEFT JOIN progress p ON p.user_id = u.id WHERE u.id = $1 GROUP BY u.id
        """, user_id)
    if row is None:
        raise LookupError(f"there is no learner {user_id}")
    return dict(row)


class Requests(BaseHTTPRequestHandler):
    """The web part, with the standard library alone; a web framework does the same in fewer lines."""

    pool = loop = None

    def do_GET(self):
        if self.path == "/health":
            self.answer(lambda: self.pool.fetchval("SELECT 1"))
        elif self.path.startswith("/statistics/"):
            self.answer(lambda: statistics(self.pool, int(self.path.removeprefix("/statistics/"))))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self):
        work = {"/users": register, "/progress": record}.get(self.path)
        if work is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self.answer(lambda: work(self.pool, **json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

    def answer(self, work):
        try:
            result = asyncio.run_coroutine_threadsafe(work(), self.loop).result()
        except LookupError as error:
            self.send_error(HTTPStatus.NOT_FOUND, explain=str(error))
        except (TypeError, ValueError, asyncpg.DataError) as error:
            self.send_error(HTTPStatus.BAD_REQUEST, explain=str(error))
        except asyncpg.IntegrityConstraintViolationError as error:
            self.send_error(HTTPStatus.CONFLICT, explain=str(error))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            # The pool replaces connections that a restart of the database has cut; whoever asks again is answered.
            self.log_error("%s", error)
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            body = json.dumps(result).encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


async def main():
    async with asyncpg.create_pool(
            min_size=1, max_size=int(os.environ.get("POOL_SIZE", 5)), timeout=10, command_timeout=10) as pool:
        Requests.pool, Requests.loop = pool, asyncio.get_running_loop()
        server = ThreadingHTTPServer(("", 8080), Requests)
        Requests.loop.add_signal_handler(signal.SIGTERM, server.shutdown)
        await asyncio.to_thread(server.serve_forever)


if __name__ == "__main__":
    asyncio.run(main())
