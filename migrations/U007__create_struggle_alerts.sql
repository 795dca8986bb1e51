DROP TABLE struggle_alerts;
