-- works with 2.0.0
-- One row for each change, written by triggers in the transaction of the change. SQLite has one writer at a time,
-- so the order of ids is the commit order.
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    audience TEXT NOT NULL,
    subject TEXT NOT NULL,
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL
        DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000)
) STRICT;

-- down
DROP TABLE events;
