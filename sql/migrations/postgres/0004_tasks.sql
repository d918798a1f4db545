-- works with 2.0.0
-- Personal tasks. Titles are sorted by their bytes, as in SQLite.
CREATE TABLE tasks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title text COLLATE "C" NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    description text NOT NULL CHECK (char_length(description) <= 1000),
    completed boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
-- One index for each order of a list; the first one also serves the count.
CREATE INDEX tasks_by_created_at ON tasks (user_id, created_at, id) INCLUDE (completed);
CREATE INDEX tasks_by_updated_at ON tasks (user_id, updated_at, id);
CREATE INDEX tasks_by_title ON tasks (user_id, title, id);

-- A task as the service represents it, in canonical JSON (RFC 8785).
CREATE FUNCTION task_json(task tasks) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '{"completed":' || task.completed
    || ',"created_at":"' || rfc3339(task.created_at)
    || '","description":' || to_json(task.description)::text
    || ',"id":' || task.id
    || ',"title":' || to_json(task.title)::text
    || ',"updated_at":"' || rfc3339(task.updated_at)
    || '","user_id":' || to_json(task.user_id)::text || '}';

CREATE FUNCTION task_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    task tasks := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    verb text := CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END;
BEGIN
    INSERT INTO events (type, audience, subject, data)
    VALUES ('task.' || verb, 'user:' || task.user_id, '/tasks/' || task.id, task_json(task)::json);
    RETURN NULL;
END
$$;

CREATE TRIGGER task_changed AFTER INSERT OR UPDATE OR DELETE ON tasks
FOR EACH ROW EXECUTE FUNCTION task_changed();

-- down
DROP TABLE tasks;
