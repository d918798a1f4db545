-- A task as the service represents it, in canonical JSON (RFC 8785).
CREATE OR REPLACE FUNCTION collab_task_json(task collab_tasks) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '{"created_at":"' || rfc3339(task.created_at)
    || '","description":' || coalesce(to_json(task.description)::text, 'null')
    || ',"id":"' || task.id
    || '","title":' || to_json(task.title)::text
    || ',"updated_at":"' || rfc3339(task.updated_at)
    || '","version":' || task.version || '}';

CREATE OR REPLACE FUNCTION collab_task_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    task :schema.collab_tasks := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    verb text := CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END;
BEGIN
    UPDATE :schema.board_revisions SET revision = revision + 1 WHERE slot = pg_backend_pid() % 16;
    INSERT INTO :schema.events (type, audience, subject, data)
    VALUES ('task.' || verb, 'public', '/collab/tasks/' || task.id, :schema.collab_task_json(task)::json);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER collab_task_changed AFTER INSERT OR UPDATE OR DELETE ON collab_tasks
FOR EACH ROW EXECUTE FUNCTION collab_task_changed();

-- For a TRUNCATE at a psql prompt: the board gets a new revision, but the feed gets no event.
CREATE OR REPLACE FUNCTION collab_tasks_truncated() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE :schema.board_revisions SET revision = revision + 1 WHERE slot = 0;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER collab_tasks_truncated AFTER TRUNCATE ON collab_tasks
FOR EACH STATEMENT EXECUTE FUNCTION collab_tasks_truncated();
