-- works with 2.0.0
-- Personal tasks.
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    description TEXT NOT NULL CHECK (length(description) <= 1000),
    completed INTEGER NOT NULL CHECK (completed IN (0, 1)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
-- One index for each order of a list; the first one also serves the count.
CREATE INDEX tasks_by_created_at ON tasks (user_id, created_at, id, completed);
CREATE INDEX tasks_by_updated_at ON tasks (user_id, updated_at, id);
CREATE INDEX tasks_by_title ON tasks (user_id, title, id);

-- Each task as the service represents it, in canonical JSON (RFC 8785).
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

-- down
DROP TABLE tasks;
