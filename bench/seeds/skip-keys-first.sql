-- Insert what is missing: only keys and row addresses are joined, along the primary key's index;
-- the rows themselves are fetched for the keys that are missing.
BEGIN;
SET LOCAL enable_hashjoin = off;
SET LOCAL random_page_cost = 1.1;
SET LOCAL work_mem = '64MB';
CREATE TEMPORARY TABLE staged (LIKE bench_rows) ON COMMIT DROP;
\copy staged FROM 01_bench_rows.csv WITH (FORMAT csv, HEADER, FREEZE)
INSERT INTO bench_rows
SELECT * FROM staged
WHERE ctid = ANY (ARRAY(
  SELECT s.ctid FROM staged s
  WHERE NOT EXISTS (SELECT FROM bench_rows t WHERE t.id = s.id)));
COMMIT;
