CREATE OR REPLACE FUNCTION events_removed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE :schema.events_pruned SET (transaction_id, id) = (newest.transaction_id, newest.id)
    FROM (SELECT removed.transaction_id, removed.id FROM removed
          ORDER BY removed.transaction_id DESC, removed.id DESC LIMIT 1) AS newest
    WHERE (newest.transaction_id, newest.id) > (events_pruned.transaction_id, events_pruned.id);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER events_removed AFTER DELETE ON events
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION events_removed();
