-- works with 2.0.0
-- What tells one history of the feed from another: random values. Each further row begins a new history. The row of
-- this migration also holds the history that it begins, the only one that has cursors without an epoch: those of
-- earlier releases.
CREATE TABLE feed_epoch (
    value TEXT NOT NULL DEFAULT (lower(hex(randomblob(16)))),
    first_history TEXT
) STRICT;
INSERT INTO feed_epoch DEFAULT VALUES;
UPDATE feed_epoch SET first_history = value;

-- down
DROP TABLE feed_epoch;
