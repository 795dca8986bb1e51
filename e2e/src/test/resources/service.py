"""What the tests want of the Progress Service beyond itself (examples/progress-service/progress.py)."""
import asyncio
import os
import signal
import socket
import ssl
import sys

import asyncpg

import progress

TABLES = ["users", "curriculum", "exercises", "progress", "submissions", "code_executions", "struggle_alerts"]
VIEWS = ["users", "learning_progress", "struggles", "exercises", "code_executions"]


async def add(connection, name):
    """A learner registers and practises."""
    user = await progress.register(connection, name, name + "@example.org")
    await progress.record(connection, user, "Loops", 40, 300)


async def find(connection, name):
    """The learner is there, with statistics."""
    user = await connection.fetchval("SELECT id FROM users WHERE username = $1", name)
    found = await progress.statistics(connection, user)
    assert found == {"username": name, "topics": 1, "mastery": 40, "seconds": 300}, found


async def everything(connection, name):
    """Rows come, change and go in every table, and through every view of the earlier design."""
    user = await connection.fetchval("SELECT id FROM users WHERE username = $1", name)
    exercise = await connection.fetchval("SELECT min(id) FROM exercises")
    assert exercise, "no exercise was seeded"
    rows = {
        "users": ("username, email", ("somebody", "somebody@example.org"), "role = 'teacher'"),
        "curriculum": ("module_name, topic_name, order_index, estimated_minutes", ("e2e", "e2e", 1, 30), "dependencies = '{Loops}'"),
        "exercises": ("title, topic, description, difficulty", ("e2e", "Loops", "text", "beginner"), "solution = 'pass'"),
        "progress": ("user_id, topic", (user, "Functions"), "streak_days = 2"),
        "submissions": ("user_id, exercise_id, code", (user, exercise, "pass"), "feedback = 'good'"),
        "code_executions": ("user_id, exercise_id, submitted_code", (user, exercise, "pass"), "passed = true"),
        "struggle_alerts": ("user_id, topic, error_pattern", (user, "Loops", "IndexError"), "notified = true"),
        "compat.users": ("username, email", ("former", "former@example.org"), "created_at = now()"),
        "compat.learning_progress": ("user_id, concept_name", (user, "Classes"), "completion_percentage = 9"),
        "compat.struggles": ("user_id, concept_name, error_type", (user, "Lists", "KeyError"), "struggle_count = 3"),
        "compat.exercises": ("concept_name, problem_description, difficulty_level", ("Lists", "e2e", "beginner"),
                             "solution_code = 'pass'"),
        "compat.code_executions": ("user_id, exercise_id, submitted_code", (user, exercise, "pass"), "passed = false"),
    }
    assert set(rows) == set(TABLES) | {"compat." + view for view in VIEWS}
    for table, (columns, values, change) in rows.items():
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        condition = " AND ".join(
            f"{column} = ${number}" for number, column in enumerate(columns.split(", "), start=1))
        await connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", *values)
        assert await connection.fetchval(f"SELECT count(*) FROM {table} WHERE {condition}", *values) == 1, table
        for statement in (f"UPDATE {table} SET {change}", f"DELETE FROM {table}"):
            done = await connection.execute(f"{statement} WHERE {condition}", *values)
            assert done.split()[-1] == "1", (statement, done)
    version = await connection.fetchval("SELECT max(version) FROM schema_migrations")
    assert version == os.environ["SCHEMA_VERSION"], version


async def refused(connection, name):
    """The schema is not the services' to change."""
    statements = ["CREATE TABLE public.own (id int)", "CREATE TABLE compat.own (id int)", "CREATE SCHEMA own",
                  "CREATE TEMPORARY TABLE own (id int)", "DELETE FROM schema_migrations"]
    for table in TABLES:
        statements += [f"ALTER TABLE {table} ADD own int", f"DROP TABLE {table}", f"TRUNCATE {table} CASCADE"]
    statements += [f"DROP VIEW compat.{view}" for view in VIEWS]
    for statement in statements:
        try:
            await connection.execute(statement)
        except (asyncpg.InsufficientPrivilegeError, asyncpg.ObjectNotInPrerequisiteStateError):
            continue
        raise AssertionError("could: " + statement)


async def without_badges(connection, name):
    """Nothing is left of the migration that makes them."""
    assert await connection.fetchval("SELECT to_regclass('badges')") is None


async def award_badge(connection, name):
    """A table that a newer version brings is the services' to use too."""
    await connection.execute(
        "INSERT INTO badges (user_id, title) SELECT id, 'first loop' FROM users WHERE username = $1", name)


async def stay(connection, name):
    """One connection, used all the time until badges are there."""
    await without_badges(connection, name)
    while await connection.fetchval("SELECT to_regclass('badges')") is None:
        await find(connection, name)
        await asyncio.sleep(0.05)
    await award_badge(connection, name)


async def load(connection, name):
    """A hundred transactions a second over connections that stay open, until told to end; one that fails ends it badly."""
    user = await connection.fetchval("SELECT id FROM users WHERE username = $1", name)
    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ending.set)

    async def work(pool, topic):
        due = loop.time()
        while not ending.is_set():
            async with pool.acquire() as own, own.transaction():
                # Time adds up: a second for each transaction.
                await progress.record(own, user, topic, 40, 1)
            due += 0.05
            await asyncio.sleep(due - loop.time())

    async with asyncpg.create_pool(min_size=5, max_size=5, max_inactive_connection_lifetime=0) as pool:
        await asyncio.gather(*(work(pool, f"{socket.gethostname()} {number}") for number in range(5)))
        await progress.record(pool, user, socket.gethostname() + " ended in order", 40, 0)


async def outage(connection, name):
    """Ten rows a second until the database was away and is back: those that it acknowledged are there, and each once."""
    user = await connection.fetchval("SELECT id FROM users WHERE username = $1", name)
    await connection.close()
    host, clock = socket.gethostname(), asyncio.get_running_loop().time
    acknowledged, unknown, longest, since, last = set(), set(), 0, 0, clock()
    print("writing", flush=True)
    while longest < 1 or since < 50:
        topic = f"{host} {len(acknowledged) + len(unknown)}"
        try:
            own = await asyncpg.connect(timeout=2, command_timeout=5)
            try:
                await progress.record(own, user, topic, 40, 1)
            finally:
                await own.close(timeout=1)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            unknown.add(topic)
            since = 0
        else:
            acknowledged.add(topic)
            longest, since, last = max(longest, clock() - last), since + 1, clock()
        await asyncio.sleep(0.1)
    own = await asyncpg.connect(timeout=10)
    rows = await own.fetch("SELECT topic, total_time_seconds FROM progress WHERE user_id = $1 AND topic LIKE $2", user, host + " %")
    found = {row["topic"] for row in rows}
    assert acknowledged <= found <= acknowledged | unknown, (acknowledged - found, found - acknowledged - unknown)
    assert all(row["total_time_seconds"] == 1 for row in rows)
    print(f"{len(acknowledged)} rows acknowledged and there, longest outage {longest:.0f} s", flush=True)
    sys.exit()


async def reads(connection, name):
    """On a replica, which has what the primary has, and takes no writes."""
    for address in (os.environ["DATABASE_READ_URL"], os.environ["DATABASE_URL"].replace(os.environ["PGHOST"], os.environ["PGHOST_READ"])):
        own = await asyncpg.connect(address, timeout=10)
        assert await own.fetchval("SELECT pg_is_in_recovery()")
        await find(own, name)
        try:
            await add(own, "written on a replica")
        except asyncpg.ReadOnlySQLTransactionError:
            await own.close()
        else:
            raise AssertionError("a replica took a write")


async def hold(connection, name):
    """Takes every connection that there is, and keeps them."""
    held = []
    while True:
        try:
            held.append(await asyncpg.connect(timeout=10))
        except asyncpg.TooManyConnectionsError:
            break
    print("all connections are mine", flush=True)
    await asyncio.sleep(100)


async def verified(connection, name):
    """The server has shown a certificate by the published authority, and none that the system trusts."""
    assert os.environ["PGSSLMODE"] == "verify-full"
    assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    try:
        await asyncpg.connect(timeout=10, ssl=ssl.create_default_context())
    except ssl.SSLCertVerificationError:
        return
    raise AssertionError("connected without the authority's certificate")


async def main(steps, name):
    # From PGHOST and its like, and from the URL.
    for address in (None, os.environ["DATABASE_URL"]):
        connection = await asyncpg.connect(address, timeout=10)
        assert await connection.fetchval("SELECT current_user") == os.environ["PGUSER"]
        await connection.close()
    connection = await asyncpg.connect(timeout=10, command_timeout=10)
    for step in steps.split(","):
        await globals()[step](connection, name)
        print(step, "done", flush=True)
    await connection.close()


asyncio.run(main(sys.argv[1], sys.argv[2]))
