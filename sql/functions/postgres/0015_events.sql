CREATE OR REPLACE FUNCTION events_removed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO :schema.events_pruned (transaction_id, id)
    SELECT removed.transaction_id, removed.id FROM removed
    ORDER BY removed.transaction_id DESC, removed.id DESC LIMIT 1
    ON CONFLICT (only_row) DO UPDATE SET (transaction_id, id) = (excluded.transaction_id, excluded.id)
    WHERE (excluded.transaction_id, excluded.id) > (events_pruned.transaction_id, events_pruned.id);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER events_removed AFTER DELETE ON events
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION events_removed();

-- A TRUNCATE leaves no events, so it begins a new history: readers of the feed start again, and unchanged lists
-- (sql/fragments.sql) get other names.
CREATE OR REPLACE FUNCTION history_ended() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO :schema.feed_epoch DEFAULT VALUES;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tasks_truncated AFTER TRUNCATE ON tasks
FOR EACH STATEMENT EXECUTE FUNCTION history_ended();
CREATE OR REPLACE TRIGGER conversations_truncated AFTER TRUNCATE ON conversations
FOR EACH STATEMENT EXECUTE FUNCTION history_ended();
CREATE OR REPLACE TRIGGER messages_truncated AFTER TRUNCATE ON messages
FOR EACH STATEMENT EXECUTE FUNCTION history_ended();
CREATE OR REPLACE TRIGGER events_truncated AFTER TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION history_ended();
