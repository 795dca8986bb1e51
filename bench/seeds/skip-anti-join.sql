-- Insert what is missing, found by a join of whole rows.
BEGIN;
CREATE TEMPORARY TABLE staged (LIKE bench_rows) ON COMMIT DROP;
\copy staged FROM 01_bench_rows.csv WITH (FORMAT csv, HEADER, FREEZE)
INSERT INTO bench_rows
SELECT * FROM staged s
WHERE NOT EXISTS (SELECT FROM bench_rows t WHERE t.id = s.id);
COMMIT;
