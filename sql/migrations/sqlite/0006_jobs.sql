-- works with 2.0.0
-- Jobs for programs. `payload` and `result` are the canonical text of any JSON value.
CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    payload TEXT NOT NULL CHECK (length(CAST(payload AS BLOB)) <= 32768),
    status TEXT NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND max_attempts),
    max_attempts INTEGER NOT NULL CHECK (max_attempts BETWEEN 1 AND 100),
    run_at INTEGER NOT NULL,
    result TEXT NOT NULL DEFAULT 'null' CHECK (length(CAST(result AS BLOB)) <= 32768),
    error TEXT CHECK (length(error) <= 1024),
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    worker TEXT CHECK (length(worker) <= 255),
    lease_id TEXT CHECK (length(lease_id) = 36),
    lease_expires_at INTEGER,
    CHECK ((status = 'running') = (worker IS NOT NULL)),
    CHECK ((status = 'running') = (lease_id IS NOT NULL)),
    CHECK ((status = 'running') = (lease_expires_at IS NOT NULL))
) STRICT;
-- Jobs that are due, and jobs whose lease may have expired. Jobs that have ended are in neither index, however many
-- they are.
CREATE INDEX jobs_due ON jobs (run_at, created_at, id) WHERE status = 'pending';
CREATE INDEX jobs_leased ON jobs (lease_expires_at) WHERE status = 'running';
-- One index for each list.
CREATE INDEX jobs_by_created_at ON jobs (created_at, id);
CREATE INDEX jobs_by_status ON jobs (status, created_at, id);

-- The job that each Idempotency-Key of an API key stands for, and the part of the first answer that changes later.
-- The reference is deferred because a key is inserted before its job.
CREATE TABLE idempotency_keys (
    api_key TEXT NOT NULL,
    key TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    run_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (api_key, key)
) STRICT;
CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job_id);

-- Each job as the service represents it, in canonical JSON (RFC 8785), without its lease, which only its worker may
-- see.
CREATE VIEW job_json (id, json) AS
SELECT id, '{"attempts":' || attempts
    || ',"created_at":"' || strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch')
    || printf('.%06dZ', created_at % 1000000)
    || '","error":' || coalesce(json_quote(error), 'null')
    || ',"id":"' || id
    || '","max_attempts":' || max_attempts
    || ',"payload":' || payload
    || ',"result":' || result
    || ',"run_at":"' || strftime('%Y-%m-%dT%H:%M:%S', (run_at - (run_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', (run_at % 1000000 + 1000000) % 1000000)
    || '","status":"' || status
    || '","title":' || json_quote(title)
    || ',"updated_at":"' || strftime('%Y-%m-%dT%H:%M:%S', updated_at / 1000000, 'unixepoch')
    || printf('.%06dZ', updated_at % 1000000)
    || '","version":' || version || '}'
FROM jobs;

CREATE TRIGGER job_created AFTER INSERT ON jobs BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'job.created', 'jobs', '/jobs/' || id, json FROM job_json WHERE id = NEW.id;
END;

CREATE TRIGGER job_updated AFTER UPDATE ON jobs BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'job.' || CASE
            WHEN NEW.status = 'running' AND NEW.lease_id IS NOT OLD.lease_id THEN 'leased'
            WHEN NEW.status = OLD.status OR NEW.status = 'pending' THEN 'updated'
            ELSE NEW.status END,
        'jobs', '/jobs/' || id, json
    FROM job_json WHERE id = NEW.id;
END;

-- down
DROP TABLE idempotency_keys;
DROP TABLE jobs;
