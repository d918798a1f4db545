-- works with 2.0.0
-- The shared board.
CREATE TABLE collab_tasks (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    description TEXT CHECK (length(description) <= 1024),
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX collab_tasks_in_creation_order ON collab_tasks (created_at, id);

-- The board's revision is the sum of these counters. SQLite has one writer at a time, so it needs only one.
CREATE TABLE board_revisions (
    slot INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO board_revisions (slot, revision) VALUES (0, abs(random() % 1000000000000));

-- Each task as the service represents it, in canonical JSON (RFC 8785).
CREATE VIEW collab_task_json (id, json) AS
SELECT id, json_object(
    'created_at', strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch')
        || printf('.%06dZ', created_at % 1000000),
    'description', description,
    'id', id,
    'title', title,
    'updated_at', strftime('%Y-%m-%dT%H:%M:%S', updated_at / 1000000, 'unixepoch')
        || printf('.%06dZ', updated_at % 1000000),
    'version', version)
FROM collab_tasks;

CREATE TRIGGER collab_task_created AFTER INSERT ON collab_tasks BEGIN
    UPDATE board_revisions SET revision = revision + 1;
    INSERT INTO events (type, audience, subject, data)
    SELECT 'task.created', 'public', '/collab/tasks/' || id, json FROM collab_task_json WHERE id = NEW.id;
END;

CREATE TRIGGER collab_task_updated AFTER UPDATE ON collab_tasks BEGIN
    UPDATE board_revisions SET revision = revision + 1;
    INSERT INTO events (type, audience, subject, data)
    SELECT 'task.updated', 'public', '/collab/tasks/' || id, json FROM collab_task_json WHERE id = NEW.id;
END;

CREATE TRIGGER collab_task_deleted BEFORE DELETE ON collab_tasks BEGIN
    UPDATE board_revisions SET revision = revision + 1;
    INSERT INTO events (type, audience, subject, data)
    SELECT 'task.deleted', 'public', '/collab/tasks/' || id, json FROM collab_task_json WHERE id = OLD.id;
END;

-- down
DROP TABLE board_revisions;
DROP TABLE collab_tasks;
