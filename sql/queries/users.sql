-- name: find_account
SELECT id, email, name, password_hash, created_at
FROM users
WHERE email = :email

-- Inserts nothing if the e-mail is taken, whether by an account or by a user of another issuer.
-- name: insert_account
INSERT INTO users (id, email, name, password_hash)
VALUES (:id, :email, :name, :password_hash)
ON CONFLICT DO NOTHING
RETURNING id, email, name, created_at

-- Does nothing if the hash has changed meanwhile.
-- name: renew_password_hash
UPDATE users SET password_hash = :new_hash WHERE id = :id AND password_hash = :old_hash

-- Fails if the account does not exist, and so undoes the whole batch: the logarithm of 0 is an error that cannot be
-- mistaken for another one (account_missing in shared/accounts/users.cpp).
-- name: require_account
SELECT ln(count(*)) FROM users WHERE id = :id

-- Inserts nothing if the row exists. An address that another user has is omitted. If two users take the same
-- address at the same time, the second one gets no row.
-- name: ensure_user
INSERT INTO users (id, email)
SELECT :id, CASE WHEN NOT EXISTS (SELECT 1 FROM users WHERE email = :email) THEN :email END
WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = :id)
ON CONFLICT DO NOTHING
