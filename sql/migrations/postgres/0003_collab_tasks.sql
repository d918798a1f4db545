-- works with 2.0.0
-- The shared board.
CREATE TABLE collab_tasks (
    id uuid PRIMARY KEY,
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 255),
    description text CHECK (char_length(description) <= 1024),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX collab_tasks_in_creation_order ON collab_tasks (created_at, id);

-- The board's revision is the sum of these counters. Every change of the board increments one of them in its own
-- transaction. There are several, so that writers do not queue for one row while another's commit is written to
-- disk. They start at random values, so that a board cached before a `migrate down` is not taken for a new one.
CREATE TABLE board_revisions (
    slot integer PRIMARY KEY,
    revision bigint NOT NULL
) WITH (fillfactor = 20);
INSERT INTO board_revisions (slot, revision)
SELECT slot, (random() * 1e12)::bigint FROM generate_series(0, 15) AS slot;

-- A task as the service represents it, in canonical JSON (RFC 8785).
CREATE FUNCTION collab_task_json(task collab_tasks) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '{"created_at":"' || rfc3339(task.created_at)
    || '","description":' || coalesce(to_json(task.description)::text, 'null')
    || ',"id":"' || task.id
    || '","title":' || to_json(task.title)::text
    || ',"updated_at":"' || rfc3339(task.updated_at)
    || '","version":' || task.version || '}';

CREATE FUNCTION collab_task_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    task collab_tasks := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    verb text := CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END;
BEGIN
    UPDATE board_revisions SET revision = revision + 1 WHERE slot = pg_backend_pid() % 16;
    INSERT INTO events (type, audience, subject, data)
    VALUES ('task.' || verb, 'public', '/collab/tasks/' || task.id, collab_task_json(task)::json);
    RETURN NULL;
END
$$;

CREATE TRIGGER collab_task_changed AFTER INSERT OR UPDATE OR DELETE ON collab_tasks
FOR EACH ROW EXECUTE FUNCTION collab_task_changed();

-- For a TRUNCATE at a psql prompt: the board gets a new revision, but the feed gets no event.
CREATE FUNCTION collab_tasks_truncated() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE board_revisions SET revision = revision + 1 WHERE slot = 0;
    RETURN NULL;
END
$$;

CREATE TRIGGER collab_tasks_truncated AFTER TRUNCATE ON collab_tasks
FOR EACH STATEMENT EXECUTE FUNCTION collab_tasks_truncated();

-- down
DROP TABLE board_revisions;
DROP TABLE collab_tasks;
