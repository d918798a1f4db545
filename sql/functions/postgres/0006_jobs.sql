-- A job as the service represents it, in canonical JSON (RFC 8785), without its lease, which only its worker may
-- see.
CREATE OR REPLACE FUNCTION job_json(job jobs) RETURNS text
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

CREATE OR REPLACE FUNCTION job_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    verb text := CASE
        WHEN TG_OP = 'INSERT' THEN 'created'
        WHEN NEW.status = 'running' AND NEW.lease_id IS DISTINCT FROM OLD.lease_id THEN 'leased'
        WHEN NEW.status = OLD.status OR NEW.status = 'pending' THEN 'updated'
        ELSE NEW.status END;
BEGIN
    INSERT INTO :schema.events (type, audience, subject, data)
    VALUES ('job.' || verb, 'jobs', '/jobs/' || NEW.id, :schema.job_json(NEW)::json);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER job_changed AFTER INSERT OR UPDATE ON jobs
FOR EACH ROW EXECUTE FUNCTION job_changed();
