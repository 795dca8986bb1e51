DROP TABLE code_executions;
