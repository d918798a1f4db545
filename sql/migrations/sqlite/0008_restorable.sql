-- works with 2.0.0
-- events_pruned has at most one row: the greatest if there were several, and none in a new database, so that a
-- restored row does not conflict. (A database with events keeps its row, because processes of an older release may
-- still read it.)
DROP TRIGGER IF EXISTS events_removed;
ALTER TABLE events_pruned RENAME TO events_pruned_before;
CREATE TABLE events_pruned (
    id INTEGER NOT NULL,
    only_row INTEGER NOT NULL DEFAULT 1 UNIQUE CHECK (only_row = 1)
) STRICT;
INSERT INTO events_pruned (id)
SELECT id FROM events_pruned_before
WHERE id > 0 OR EXISTS (SELECT 1 FROM events)
ORDER BY id DESC LIMIT 1;
DROP TABLE events_pruned_before;

CREATE TRIGGER events_removed AFTER DELETE ON events BEGIN
    INSERT INTO events_pruned (id) VALUES (OLD.id)
    ON CONFLICT (only_row) DO UPDATE SET id = excluded.id WHERE excluded.id > events_pruned.id;
END;

-- down
ALTER TABLE events_pruned RENAME TO events_pruned_after;
CREATE TABLE events_pruned (
    id INTEGER NOT NULL
) STRICT;
INSERT INTO events_pruned (id) SELECT coalesce((SELECT id FROM events_pruned_after), 0);
DROP TABLE events_pruned_after;
