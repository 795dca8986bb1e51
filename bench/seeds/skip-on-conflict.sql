-- Insert what is missing, as most people write it.
BEGIN;
CREATE TEMPORARY TABLE staged (LIKE bench_rows) ON COMMIT DROP;
\copy staged FROM 01_bench_rows.csv WITH (FORMAT csv, HEADER, FREEZE)
INSERT INTO bench_rows SELECT * FROM staged ON CONFLICT (id) DO NOTHING;
COMMIT;
