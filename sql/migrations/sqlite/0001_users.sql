-- Accounts of this service, and everyone a token of another issuer has spoken for.
-- Moments are whole microseconds since 1970 in every table.
CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(CAST(id AS BLOB)) BETWEEN 1 AND 255),
    email TEXT UNIQUE,
    password_hash TEXT,
    created_at INTEGER NOT NULL
        DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000)
) STRICT;

-- down
DROP TABLE users;
