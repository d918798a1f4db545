-- works with 2.0.0
-- The Idempotency-Keys of users, each with the digest of its request and the answer to it: what the events say that the
-- request has left. A row without an answer exists only inside a transaction.
CREATE TABLE request_keys (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_digest TEXT NOT NULL,
    subject TEXT,
    answer TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT;
-- For those that a user has too many of, and for those that have expired.
CREATE INDEX request_keys_of_user ON request_keys (user_id, created_at);
CREATE INDEX request_keys_by_created_at ON request_keys (created_at);

-- down
DROP TABLE request_keys;
