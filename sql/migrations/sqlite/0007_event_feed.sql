-- works with 2.0.0
-- For readers of one audience of the feed, in commit order, which is the order of ids.
CREATE INDEX events_of_audience ON events (audience, id);

-- The last event that was removed. A reader whose cursor is before it has missed something.
CREATE TABLE events_pruned (
    id INTEGER NOT NULL
) STRICT;
INSERT INTO events_pruned (id) VALUES (0);

CREATE TRIGGER events_removed AFTER DELETE ON events BEGIN
    UPDATE events_pruned SET id = OLD.id WHERE id < OLD.id;
END;

-- down
DROP TABLE events_pruned;
DROP INDEX events_of_audience;
