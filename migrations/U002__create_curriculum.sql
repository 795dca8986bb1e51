DROP TABLE curriculum;
