-- Insert what is missing and change what differs, as most people write it.
BEGIN;
CREATE TEMPORARY TABLE staged (LIKE bench_rows) ON COMMIT DROP;
\copy staged FROM 01_bench_rows.csv WITH (FORMAT csv, HEADER, FREEZE)
INSERT INTO bench_rows AS t SELECT * FROM staged
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, note = excluded.note, amount = excluded.amount
WHERE (t.name, t.note, t.amount) IS DISTINCT FROM (excluded.name, excluded.note, excluded.amount);
COMMIT;
