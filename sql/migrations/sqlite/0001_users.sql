-- works with 2.0.0
-- The accounts of this service, and the users of other issuers whose tokens were used. In every table, timestamps
-- are whole microseconds since 1970.
CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(CAST(id AS BLOB)) BETWEEN 1 AND 255),
    email TEXT UNIQUE,
    password_hash TEXT,
    created_at INTEGER NOT NULL
        DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000)
) STRICT;

-- down
DROP TABLE users;
