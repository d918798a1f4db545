-- Each job as the service represents it, in canonical JSON (RFC 8785), without its lease, which only its worker may
-- see. The remainder of a run_at before 1970 is negative, so it is made positive first.
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
