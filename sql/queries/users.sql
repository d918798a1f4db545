-- name: find_account
SELECT id, email, password_hash, created_at
FROM users
WHERE email = :email

-- Nothing where the e-mail is taken, also by whom only a token of another issuer has spoken for.
-- name: insert_account
INSERT INTO users (id, email, password_hash)
VALUES (:id, :email, :password_hash)
ON CONFLICT DO NOTHING
RETURNING id, email, created_at

-- Unless it was changed meanwhile.
-- name: renew_password_hash
UPDATE users SET password_hash = :new_hash WHERE id = :id AND password_hash = :old_hash

-- Fails where the account does not exist, and so undoes the whole batch: the logarithm of 0 is an
-- error, as which nothing else can be mistaken (account_missing in shared/accounts/users.cpp).
-- name: require_account
SELECT ln(count(*)) FROM users WHERE id = :id

-- Nothing where the row is there already. An address that somebody else has is left out; where two
-- take it at the same time, the second gets no row.
-- name: ensure_user
INSERT INTO users (id, email)
SELECT :id, CASE WHEN NOT EXISTS (SELECT 1 FROM users WHERE email = :email) THEN :email END
WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = :id)
ON CONFLICT DO NOTHING
