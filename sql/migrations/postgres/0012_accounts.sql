-- works with 2.0.0
-- The networks from which each account has logged in, so that guesses from elsewhere cannot lock its owner out.
CREATE TABLE login_networks (
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network text NOT NULL CHECK (octet_length(network) BETWEEN 1 AND 16),
    last_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, network)
);

-- The tokens of a disabled user are refused. Null: not disabled.
ALTER TABLE users ADD COLUMN disabled_at timestamptz;

-- The order in which `steelthread user list` reads them.
CREATE INDEX users_by_created_at ON users (created_at, id);

-- down
DROP INDEX users_by_created_at;
ALTER TABLE users DROP COLUMN disabled_at;
DROP TABLE login_networks;
