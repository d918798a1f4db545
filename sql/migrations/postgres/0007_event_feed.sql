-- works with 2.0.0
-- For readers of the whole feed, and of one audience, in commit order.
CREATE INDEX events_in_commit_order ON events (transaction_id, id);
CREATE INDEX events_of_audience ON events (audience, transaction_id, id);

-- The last event that was removed. A reader whose cursor is before it has missed something.
CREATE TABLE events_pruned (
    transaction_id xid8 NOT NULL,
    id bigint NOT NULL
);
INSERT INTO events_pruned (transaction_id, id) VALUES ('0', 0);

CREATE FUNCTION events_removed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE events_pruned SET (transaction_id, id) = (newest.transaction_id, newest.id)
    FROM (SELECT removed.transaction_id, removed.id FROM removed
          ORDER BY removed.transaction_id DESC, removed.id DESC LIMIT 1) AS newest
    WHERE (newest.transaction_id, newest.id) > (events_pruned.transaction_id, events_pruned.id);
    RETURN NULL;
END
$$;

CREATE TRIGGER events_removed AFTER DELETE ON events
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION events_removed();

-- down
DROP TABLE events_pruned;
DROP INDEX events_of_audience;
DROP INDEX events_in_commit_order;
