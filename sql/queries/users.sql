-- network_last_at is the time of the account's last log-in from this network.
-- name: find_account
SELECT id, email, name, password_hash, created_at, disabled_at,
    (SELECT last_at FROM login_networks WHERE user_id = users.id AND network = :network) AS network_last_at
FROM users
WHERE email = :email

-- Inserts nothing if the e-mail is taken, whether by an account or by a user of another issuer.
-- name: insert_account
INSERT INTO users (id, email, name, password_hash)
VALUES (:id, :email, :name, :password_hash)
ON CONFLICT DO NOTHING
RETURNING id, email, name, created_at

-- Notes a log-in. Does nothing if the account's hash has changed meanwhile.
-- name: note_network
INSERT INTO login_networks (user_id, network, last_at)
SELECT id, :network, now() FROM users WHERE id = :id AND password_hash = :password_hash
ON CONFLICT (user_id, network) DO UPDATE SET last_at = excluded.last_at

-- Keeps the last networks of an account that are not older than a moment.
-- name: forget_networks
DELETE FROM login_networks
WHERE user_id = :user_id AND (last_at < :used_before OR network NOT IN (
    SELECT network FROM login_networks WHERE user_id = :user_id ORDER BY last_at DESC, network LIMIT :limit))

-- Does nothing if the hash has changed meanwhile.
-- name: renew_password_hash
UPDATE users SET password_hash = :new_hash WHERE id = :id AND password_hash = :old_hash

-- Fails if the account does not exist, and so undoes the whole batch: the logarithm of 0 is an error that cannot be
-- mistaken for another one (user_refused in shared/accounts/users.cpp).
-- name: require_account
SELECT ln(count(*)) FROM users WHERE id = :id AND disabled_at IS NULL

-- Fails in the same way if the user is disabled. A user of another issuer may have no row.
-- name: refuse_disabled_user
SELECT ln(1 - count(*)) FROM users WHERE id = :id AND disabled_at IS NOT NULL

-- Inserts nothing if the row exists. An address that another user has is omitted. If two users take the same
-- address at the same time, the second one gets no row.
-- name: ensure_user
INSERT INTO users (id, email)
SELECT :id, CASE WHEN NOT EXISTS (SELECT 1 FROM users WHERE email = :email) THEN :email END
WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = :id)
ON CONFLICT DO NOTHING
RETURNING true AS is_new

-- The statements of `steelthread user`.
-- fragment: user_columns
id, email, name, password_hash IS NOT NULL AS has_password, created_at, disabled_at,
    (SELECT count(*) FROM tasks WHERE user_id = users.id) AS tasks

-- name: list_users
SELECT {user_columns}
FROM users
WHERE (created_at, id) > (:after, :after_id)
ORDER BY created_at, id
LIMIT :limit

-- At most two users: one with the e-mail address and one with the id. Either parameter may be null.
-- name: find_users
SELECT {user_columns}
FROM users
WHERE email = :email OR id = :id
ORDER BY created_at, id

-- name: set_password_hash
UPDATE users SET password_hash = :password_hash WHERE id = :id RETURNING id

-- The event of an account, unless the change that it stands for has been made already.
-- name: insert_account_event
INSERT INTO events (type, audience, subject, data)
SELECT :type, 'user:' || id, '/account', CAST(:data AS json)
FROM users
WHERE id = :id AND (disabled_at IS NOT NULL) = :is_disabled

-- name: insert_account_event sqlite
INSERT INTO events (type, audience, subject, data)
SELECT :type, 'user:' || id, '/account', :data
FROM users
WHERE id = :id AND (disabled_at IS NOT NULL) = :is_disabled

-- name: disable_user
UPDATE users SET disabled_at = now() WHERE id = :id AND disabled_at IS NULL RETURNING id

-- name: enable_user
UPDATE users SET disabled_at = NULL WHERE id = :id AND disabled_at IS NOT NULL RETURNING id

-- Deletes some messages of a user's oldest conversation. This and the next ones find the rows by their ids alone, so
-- that the planner has no other choice.
-- name: delete_messages_of_user
DELETE FROM messages
WHERE id = ANY (ARRAY(
    SELECT id FROM messages
    WHERE user_id = :user_id AND conversation_id = (
        SELECT id FROM conversations WHERE user_id = :user_id ORDER BY created_at, id LIMIT 1)
    ORDER BY id
    LIMIT :limit))
RETURNING id

-- name: delete_messages_of_user sqlite
DELETE FROM messages
WHERE id IN (
    SELECT id FROM messages
    WHERE user_id = :user_id AND conversation_id = (
        SELECT id FROM conversations WHERE user_id = :user_id ORDER BY created_at, id LIMIT 1)
    ORDER BY id
    LIMIT :limit)
RETURNING id

-- Deletes that conversation once it is empty.
-- name: delete_conversation_of_user
DELETE FROM conversations
WHERE id = (SELECT id FROM conversations WHERE user_id = :user_id ORDER BY created_at, id LIMIT 1)
    AND NOT EXISTS (
        SELECT 1 FROM messages WHERE conversation_id = conversations.id AND user_id = conversations.user_id)
RETURNING id

-- name: delete_tasks_of_user
DELETE FROM tasks
WHERE id = ANY (ARRAY(SELECT id FROM tasks WHERE user_id = :user_id ORDER BY created_at, id LIMIT :limit))
RETURNING id

-- name: delete_tasks_of_user sqlite
DELETE FROM tasks
WHERE id IN (SELECT id FROM tasks WHERE user_id = :user_id ORDER BY created_at, id LIMIT :limit)
RETURNING id

-- Whether the user has tasks or conversations.
-- name: user_owns_rows
SELECT EXISTS (SELECT 1 FROM tasks WHERE user_id = :user_id)
    OR EXISTS (SELECT 1 FROM conversations WHERE user_id = :user_id) AS "exists"

-- name: delete_user
DELETE FROM users WHERE id = :id RETURNING id
