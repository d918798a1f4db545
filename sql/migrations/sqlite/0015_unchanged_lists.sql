-- works with 2.0.0
-- Every change of a personal list leaves an event of its user. The triggers of this number see to that.

-- When the last removed event was created: an older file that was put back may give its id to another event.
ALTER TABLE events_pruned ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;

-- down
ALTER TABLE events_pruned RENAME TO events_pruned_after;
CREATE TABLE events_pruned (
    id INTEGER NOT NULL,
    only_row INTEGER NOT NULL DEFAULT 1 UNIQUE CHECK (only_row = 1)
) STRICT;
INSERT INTO events_pruned (id) SELECT id FROM events_pruned_after;
DROP TABLE events_pruned_after;
