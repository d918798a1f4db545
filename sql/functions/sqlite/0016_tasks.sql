-- Each task as the service represents it, in canonical JSON (RFC 8785). Views and triggers call SQLite's own functions
-- only, so that other programs can change rows, too. For a time that may be before 1970, see run_at in 0006_jobs.sql.
CREATE VIEW task_json (id, user_id, json) AS
SELECT id, user_id, json_object(
    'completed', json(CASE WHEN completed THEN 'true' ELSE 'false' END),
    'created_at', strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch')
        || printf('.%06dZ', created_at % 1000000),
    'description', description,
    'due_date', strftime('%Y-%m-%dT%H:%M:%S', (due_date - (due_date % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (due_date % 1000000 + 1000000) % 1000000),
    'id', id,
    'priority', CASE priority WHEN 0 THEN 'none' WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high' ELSE 'urgent' END,
    'tags', json(tags),
    'title', title,
    'updated_at', strftime('%Y-%m-%dT%H:%M:%S', updated_at / 1000000, 'unixepoch')
        || printf('.%06dZ', updated_at % 1000000),
    'user_id', user_id)
FROM tasks;

CREATE TRIGGER task_created AFTER INSERT ON tasks BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'task.created', 'user:' || user_id, '/tasks/' || id, json FROM task_json WHERE id = NEW.id;
END;

-- Names every column that is a member of a task, so that folding alone leaves no event.
CREATE TRIGGER task_updated
AFTER UPDATE OF id, user_id, title, description, completed, due_date, priority, tags, created_at, updated_at ON tasks BEGIN
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

-- Another program, such as an earlier release, has changed a text: until the service folds it, its lower case will do,
-- without the character that separates the parts.
CREATE TRIGGER task_added_unfolded AFTER INSERT ON tasks WHEN NEW.folds = 0 BEGIN
    UPDATE tasks
    SET folded_title = lower(title),
        folded_text = lower(replace(title, char(30), ' ')) || char(30)
            || lower(replace(description, char(30), ' ')) || char(30) || lower(tags)
    WHERE id = NEW.id;
END;

CREATE TRIGGER task_unfolded AFTER UPDATE OF title, description, tags ON tasks
WHEN NEW.folds = OLD.folds AND (NEW.title, NEW.description, NEW.tags) IS NOT (OLD.title, OLD.description, OLD.tags) BEGIN
    UPDATE tasks
    SET folds = 0,
        folded_title = lower(title),
        folded_text = lower(replace(title, char(30), ' ')) || char(30)
            || lower(replace(description, char(30), ' ')) || char(30) || lower(tags)
    WHERE id = NEW.id;
END;
