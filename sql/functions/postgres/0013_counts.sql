-- Keeps the counts of tasks, messages and tasks of the board. These triggers run once for each statement, because all
-- rows of a statement mostly change the same count. A slot may become negative: only the sum of slots means something.
CREATE OR REPLACE FUNCTION tasks_counted() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    own_slot integer := pg_backend_pid() % 16;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO :schema.task_counts AS counts (user_id, slot, total)
        SELECT user_id, own_slot, count(*) FROM changed GROUP BY user_id
        ON CONFLICT (user_id, slot) DO UPDATE SET total = counts.total + excluded.total;
    ELSIF TG_OP = 'DELETE' THEN
        -- Adds no slot: a user who is being deleted cannot get one.
        UPDATE :schema.task_counts AS counts SET total = counts.total - removed.total
        FROM (SELECT user_id, count(*) AS total FROM changed GROUP BY user_id) AS removed
        WHERE counts.user_id = removed.user_id AND counts.slot = (
            SELECT slot FROM :schema.task_counts AS slots WHERE slots.user_id = removed.user_id
            ORDER BY slot <> own_slot, slot LIMIT 1);
    ELSE
        DELETE FROM :schema.task_counts;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tasks_added AFTER INSERT ON tasks
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tasks_counted();
CREATE OR REPLACE TRIGGER tasks_removed AFTER DELETE ON tasks
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tasks_counted();
CREATE OR REPLACE TRIGGER tasks_emptied AFTER TRUNCATE ON tasks
FOR EACH STATEMENT EXECUTE FUNCTION tasks_counted();

CREATE OR REPLACE FUNCTION messages_counted() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO :schema.message_counts AS counts (conversation_id, total)
        SELECT conversation_id, count(*) FROM changed GROUP BY conversation_id
        ON CONFLICT (conversation_id) DO UPDATE SET total = counts.total + excluded.total;
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE :schema.message_counts AS counts SET total = counts.total - removed.total
        FROM (SELECT conversation_id, count(*) AS total FROM changed GROUP BY conversation_id) AS removed
        WHERE counts.conversation_id = removed.conversation_id;
    ELSE
        DELETE FROM :schema.message_counts;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER messages_added AFTER INSERT ON messages
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION messages_counted();
CREATE OR REPLACE TRIGGER messages_removed AFTER DELETE ON messages
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION messages_counted();
CREATE OR REPLACE TRIGGER messages_emptied AFTER TRUNCATE ON messages
FOR EACH STATEMENT EXECUTE FUNCTION messages_counted();

CREATE OR REPLACE FUNCTION collab_tasks_counted() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM :schema.board_counts;
    ELSE
        INSERT INTO :schema.board_counts AS counts (slot, total)
        SELECT pg_backend_pid() % 16, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END FROM changed
        ON CONFLICT (slot) DO UPDATE SET total = counts.total + excluded.total;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER collab_tasks_added AFTER INSERT ON collab_tasks
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION collab_tasks_counted();
CREATE OR REPLACE TRIGGER collab_tasks_removed AFTER DELETE ON collab_tasks
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION collab_tasks_counted();
CREATE OR REPLACE TRIGGER collab_tasks_emptied AFTER TRUNCATE ON collab_tasks
FOR EACH STATEMENT EXECUTE FUNCTION collab_tasks_counted();
