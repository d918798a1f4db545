-- name: find_account
SELECT id, email, password_hash
FROM users
WHERE email = $1

-- Nothing where the row is there already. An address that somebody else has is left out; where two
-- take it at the same time, the second gets no row.
-- name: ensure_user
INSERT INTO users (id, email)
SELECT $1, CASE WHEN NOT EXISTS (SELECT 1 FROM users WHERE email = $2) THEN $2 END
WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = $1)
ON CONFLICT DO NOTHING
