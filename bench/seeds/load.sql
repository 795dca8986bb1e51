-- Into an empty table: one COPY, nothing else.
\copy bench_rows FROM 01_bench_rows.csv WITH (FORMAT csv, HEADER)
