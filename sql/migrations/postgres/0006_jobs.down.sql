DROP TRIGGER job_changed ON jobs;
DROP FUNCTION job_changed();
DROP FUNCTION job_json(jobs);
DROP TABLE idempotency_keys;
DROP TABLE jobs;
