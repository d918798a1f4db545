-- Each task as the service represents it, in canonical JSON (RFC 8785). Views and triggers call SQLite's own functions
-- only, so that other programs can change rows, too. For a time that may be before 1970, see run_at in 0006_jobs.sql.
CREATE VIEW task_json (id, user_id, json) AS
SELECT id, user_id, json_object(
    'completed', json(CASE WHEN completed THEN 'true' ELSE 'false' END),
    'created_at', strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch')
        || printf('.%06dZ', created_at % 1000000),
    'description', description,
    'id', id,
    'title', title,
    'updated_at', strftime('%Y-%m-%dT%H:%M:%S', updated_at / 1000000, 'unixepoch')
        || printf('.%06dZ', updated_at % 1000000),
    'user_id', user_id)
FROM tasks;

CREATE TRIGGER task_created AFTER INSERT ON tasks BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'task.created', 'user:' || user_id, '/tasks/' || id, json FROM task_json WHERE id = NEW.id;
END;

CREATE TRIGGER task_updated AFTER UPDATE ON tasks BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'task.updated', 'user:' || user_id, '/tasks/' || id, json FROM task_json WHERE id = NEW.id;
END;

CREATE TRIGGER task_deleted BEFORE DELETE ON tasks BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'task.deleted', 'user:' || user_id, '/tasks/' || id, json FROM task_json WHERE id = OLD.id;
END;

-- A task that is given to another user is deleted for the former one.
CREATE TRIGGER task_moved BEFORE UPDATE OF user_id ON tasks WHEN NEW.user_id <> OLD.user_id BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'task.deleted', 'user:' || user_id, '/tasks/' || id, json FROM task_json WHERE id = OLD.id;
END;
