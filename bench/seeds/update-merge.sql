-- Insert what is missing and change what differs, by MERGE with a hash join in memory.
BEGIN;
SET LOCAL jit = off;
SET LOCAL work_mem = '256MB';
CREATE TEMPORARY TABLE staged (LIKE bench_rows) ON COMMIT DROP;
\copy staged FROM 01_bench_rows.csv WITH (FORMAT csv, HEADER, FREEZE)
MERGE INTO bench_rows t USING staged s ON t.id = s.id
WHEN MATCHED AND (t.name, t.note, t.amount) IS DISTINCT FROM (s.name, s.note, s.amount) THEN
  UPDATE SET name = s.name, note = s.note, amount = s.amount
WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.name, s.note, s.amount);
COMMIT;
