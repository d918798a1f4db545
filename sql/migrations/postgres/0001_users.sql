-- works with 2.0.0
-- The accounts of this service, and the users of other issuers whose tokens were used.
CREATE TABLE users (
    id text PRIMARY KEY CHECK (octet_length(id) BETWEEN 1 AND 255),
    email text UNIQUE,
    password_hash text,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- down
DROP TABLE users;
