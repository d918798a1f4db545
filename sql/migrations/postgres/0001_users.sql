-- Accounts of this service, and everyone a token of another issuer has spoken for.
CREATE TABLE users (
    id text PRIMARY KEY CHECK (octet_length(id) BETWEEN 1 AND 255),
    email text UNIQUE,
    password_hash text,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- down
DROP TABLE users;
