-- A task as the service represents it, in canonical JSON (RFC 8785). A member that may be null needs a coalesce, as in
-- 0006_jobs.sql: || of NULL is NULL.
CREATE OR REPLACE FUNCTION task_json(task tasks) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '{"completed":' || task.completed
    || ',"created_at":"' || rfc3339(task.created_at)
    || '","description":' || to_json(task.description)::text
    || ',"id":' || task.id
    || ',"title":' || to_json(task.title)::text
    || ',"updated_at":"' || rfc3339(task.updated_at)
    || '","user_id":' || to_json(task.user_id)::text || '}';

-- A task that is given to another user is deleted for the former one.
CREATE OR REPLACE FUNCTION task_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    task :schema.tasks := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    verb text := CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.user_id <> OLD.user_id THEN
        INSERT INTO :schema.events (type, audience, subject, data)
        VALUES ('task.deleted', 'user:' || OLD.user_id, '/tasks/' || OLD.id, :schema.task_json(OLD)::json);
    END IF;
    INSERT INTO :schema.events (type, audience, subject, data)
    VALUES ('task.' || verb, 'user:' || task.user_id, '/tasks/' || task.id, :schema.task_json(task)::json);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER task_changed AFTER INSERT OR UPDATE OR DELETE ON tasks
FOR EACH ROW EXECUTE FUNCTION task_changed();
