-- name: find_account
SELECT id, email, password_hash, created_at
FROM users
WHERE email = $1

-- Nothing where the e-mail is taken, also by whom only a token of another issuer has spoken for.
-- name: insert_account
INSERT INTO users (id, email, password_hash)
VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING
RETURNING id, email, created_at

-- Unless it was changed meanwhile.
-- name: renew_password_hash
UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2

-- Fails where the account does not exist, and so undoes the whole batch: the logarithm of 0 is an
-- error, as which nothing else can be mistaken (account_missing in shared/db/sqlstate.hpp).
-- name: require_account
SELECT ln(count(*)) FROM users WHERE id = $1

-- Nothing where the row is there already. An address that somebody else has is left out; where two
-- take it at the same time, the second gets no row.
-- name: ensure_user
INSERT INTO users (id, email)
SELECT $1, CASE WHEN NOT EXISTS (SELECT 1 FROM users WHERE email = $2) THEN $2 END
WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = $1)
ON CONFLICT DO NOTHING
