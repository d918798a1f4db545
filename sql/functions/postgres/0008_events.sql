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
