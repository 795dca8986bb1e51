-- What metrics need of schema learnflow_db, written as JSON into the comment of a table: by the program after a change of that
-- schema, and by dump.sh. In one statement, which holds a lock, so that no session writes an older state over a newer one.
-- Each time is a number of seconds since 1970. The SQL of files/metrics.yaml reads it.
DO $$
BEGIN
    IF to_regclass('learnflow_db.runs') IS NULL THEN
        RETURN;
    END IF;
    LOCK TABLE learnflow_db.runs IN SHARE UPDATE EXCLUSIVE MODE;
    EXECUTE format('COMMENT ON TABLE learnflow_db.runs IS %L', (
        SELECT jsonb_strip_nulls(jsonb_build_object(
            'schema', (SELECT jsonb_build_object('version', schema_version, 'pending', pending)
                       FROM learnflow_db.runs ORDER BY id DESC LIMIT 1),
            'runs', (SELECT jsonb_agg(jsonb_build_object('command', command,
                               'finished', extract(epoch FROM started_at) + seconds, 'seconds', seconds,
                               'failed', (failure <> '')::int, 'steps', steps))
                     FROM (SELECT DISTINCT ON (command) * FROM learnflow_db.runs ORDER BY command, id DESC) r),
            'verified', (SELECT findings || jsonb_build_object('finished', extract(epoch FROM started_at) + seconds)
                         FROM learnflow_db.runs WHERE findings IS NOT NULL ORDER BY id DESC LIMIT 1),
            'figures', (SELECT findings -> 'figures' FROM learnflow_db.runs
                        WHERE jsonb_exists(findings, 'figures') ORDER BY id DESC LIMIT 1),
            'seeds', (SELECT jsonb_agg(jsonb_build_object('set', name, 'checksum', left(checksum, 12),
                                'loaded', extract(epoch FROM loaded_at)))
                      FROM learnflow_db.seed_sets),
            'dumps', (SELECT jsonb_agg(jsonb_build_object('kind', kind, 'bytes', bytes,
                                'finished', extract(epoch FROM finished_at),
                                'restored', EXISTS (SELECT FROM learnflow_db.drills t
                                                    WHERE t.dump = b.name AND t.failure = '')::int))
                      FROM (SELECT DISTINCT ON (kind) * FROM learnflow_db.backups
                            ORDER BY kind, finished_at DESC, id DESC) b),
            'drill', (SELECT jsonb_build_object('finished', extract(epoch FROM finished_at), 'seconds', seconds,
                               'failed', (failure <> '')::int)
                      FROM learnflow_db.drills ORDER BY finished_at DESC, id DESC LIMIT 1),
            'offsite', (SELECT jsonb_build_object('finished', extract(epoch FROM max(finished_at)),
                                 'bytes', (array_agg(bytes ORDER BY id DESC) FILTER (WHERE failure = ''))[1],
                                 'failed', count(*) FILTER (WHERE failure <> ''))
                        FROM learnflow_db.offsite_copies HAVING count(*) > 0)))::text));
END
$$;
