-- Insert what is missing and change what differs: a merge join along the primary key's index finds
-- both, so that the equal rows never come near the INSERT.
BEGIN;
SET LOCAL enable_hashjoin = off;
SET LOCAL jit = off;
CREATE TEMPORARY TABLE staged (LIKE bench_rows) ON COMMIT DROP;
\copy staged FROM 01_bench_rows.csv WITH (FORMAT csv, HEADER, FREEZE)
INSERT INTO bench_rows
SELECT s.* FROM staged s LEFT JOIN bench_rows t ON t.id = s.id
WHERE t.id IS NULL
  OR t.name IS DISTINCT FROM s.name
  OR t.note IS DISTINCT FROM s.note
  OR t.amount IS DISTINCT FROM s.amount
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, note = excluded.note, amount = excluded.amount;
COMMIT;
