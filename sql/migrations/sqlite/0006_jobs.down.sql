DROP TRIGGER job_created;
DROP TRIGGER job_updated;
DROP VIEW job_json;
DROP TABLE idempotency_keys;
DROP TABLE jobs;
