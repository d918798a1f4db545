-- works with 2.0.0
-- Jobs for programs. `payload` and `result` are the canonical text of any JSON value.
CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 255),
    payload text NOT NULL CHECK (octet_length(payload) <= 32768),
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    attempts bigint NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND max_attempts),
    max_attempts bigint NOT NULL CHECK (max_attempts BETWEEN 1 AND 100),
    run_at timestamptz NOT NULL,
    result text NOT NULL DEFAULT 'null' CHECK (octet_length(result) <= 32768),
    error text CHECK (char_length(error) <= 1024),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    worker text CHECK (char_length(worker) <= 255),
    lease_id uuid,
    lease_expires_at timestamptz,
    CHECK ((status = 'running') = (worker IS NOT NULL)),
    CHECK ((status = 'running') = (lease_id IS NOT NULL)),
    CHECK ((status = 'running') = (lease_expires_at IS NOT NULL))
);
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
    api_key text NOT NULL,
    key text NOT NULL,
    request_digest text NOT NULL,
    job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    run_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (api_key, key)
);
CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job_id);

-- A job as the service represents it, in canonical JSON (RFC 8785), without its lease, which only its worker may
-- see.
CREATE FUNCTION job_json(job jobs) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '{"attempts":' || job.attempts
    || ',"created_at":"' || rfc3339(job.created_at)
    || '","error":' || coalesce(to_json(job.error)::text, 'null')
    || ',"id":"' || job.id
    || '","max_attempts":' || job.max_attempts
    || ',"payload":' || job.payload
    || ',"result":' || job.result
    || ',"run_at":"' || rfc3339(job.run_at)
    || '","status":"' || job.status
    || '","title":' || to_json(job.title)::text
    || ',"updated_at":"' || rfc3339(job.updated_at)
    || '","version":' || job.version || '}';

CREATE FUNCTION job_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    verb text := CASE
        WHEN TG_OP = 'INSERT' THEN 'created'
        WHEN NEW.status = 'running' AND NEW.lease_id IS DISTINCT FROM OLD.lease_id THEN 'leased'
        WHEN NEW.status = OLD.status OR NEW.status = 'pending' THEN 'updated'
        ELSE NEW.status END;
BEGIN
    INSERT INTO events (type, audience, subject, data)
    VALUES ('job.' || verb, 'jobs', '/jobs/' || NEW.id, job_json(NEW)::json);
    RETURN NULL;
END
$$;

CREATE TRIGGER job_changed AFTER INSERT OR UPDATE ON jobs
FOR EACH ROW EXECUTE FUNCTION job_changed();

-- down
DROP TABLE idempotency_keys;
DROP TABLE jobs;
