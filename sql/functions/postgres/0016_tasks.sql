-- A task as the service represents it, in canonical JSON (RFC 8785).
CREATE OR REPLACE FUNCTION task_json(task tasks) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '{"completed":' || task.completed
    || ',"created_at":"' || rfc3339(task.created_at)
    || '","description":' || to_json(task.description)::text
    || ',"due_date":' || coalesce('"' || rfc3339(task.due_date) || '"', 'null')
    || ',"id":' || task.id
    || ',"priority":"' || (ARRAY['none', 'low', 'medium', 'high', 'urgent'])[task.priority + 1]
    || '","tags":' || task.tags
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

-- Names every column that is a member of a task, so that folding alone leaves no event.
CREATE OR REPLACE TRIGGER task_changed
AFTER INSERT OR DELETE OR UPDATE OF
    id, user_id, title, description, completed, due_date, priority, tags, created_at, updated_at
ON tasks FOR EACH ROW EXECUTE FUNCTION task_changed();

-- Another program, such as an earlier release, has changed a text: until the service folds it, its lower case will do,
-- without the character that separates the parts.
CREATE OR REPLACE FUNCTION task_unfolded() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.folds := 0;
    NEW.folded_title := lower(NEW.title);
    NEW.folded_text := lower(replace(NEW.title, chr(30), ' ')) || chr(30)
        || lower(replace(NEW.description, chr(30), ' ')) || chr(30) || lower(NEW.tags);
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER task_added_unfolded BEFORE INSERT ON tasks
FOR EACH ROW WHEN (NEW.folds = 0) EXECUTE FUNCTION task_unfolded();
CREATE OR REPLACE TRIGGER task_unfolded BEFORE UPDATE OF title, description, tags ON tasks
FOR EACH ROW WHEN (NEW.folds = OLD.folds
    AND (NEW.title, NEW.description, NEW.tags) IS DISTINCT FROM (OLD.title, OLD.description, OLD.tags))
EXECUTE FUNCTION task_unfolded();
