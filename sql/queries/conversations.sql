-- Everything here has the user's id in its condition.
-- name: insert_conversation
INSERT INTO conversations (user_id, created_at, updated_at)
VALUES ($1, now(), now())
RETURNING id, user_id, created_at, updated_at

-- name: find_conversation
SELECT id, user_id, created_at, updated_at
FROM conversations
WHERE user_id = $1 AND id = $2

-- name: conversation_exists
SELECT count(*) > 0 AS "exists"
FROM conversations
WHERE user_id = $1 AND id = $2

-- name: delete_conversation
DELETE FROM conversations
WHERE user_id = $1 AND id = $2
RETURNING id

-- name: count_conversations
SELECT count(*) AS total
FROM conversations
WHERE user_id = $1

-- The lists: what lies behind the position ($2, $3), with a limit and an offset.
-- name: list_conversations_by_created_at_asc
SELECT id, user_id, created_at, updated_at
FROM conversations
WHERE user_id = $1 AND (created_at, id) > ($2, $3)
ORDER BY created_at, id
LIMIT $4 OFFSET $5

-- name: list_conversations_by_created_at_desc
SELECT id, user_id, created_at, updated_at
FROM conversations
WHERE user_id = $1 AND (created_at, id) < ($2, $3)
ORDER BY created_at DESC, id DESC
LIMIT $4 OFFSET $5

-- name: list_conversations_by_updated_at_asc
SELECT id, user_id, created_at, updated_at
FROM conversations
WHERE user_id = $1 AND (updated_at, id) > ($2, $3)
ORDER BY updated_at, id
LIMIT $4 OFFSET $5

-- name: list_conversations_by_updated_at_desc
SELECT id, user_id, created_at, updated_at
FROM conversations
WHERE user_id = $1 AND (updated_at, id) < ($2, $3)
ORDER BY updated_at DESC, id DESC
LIMIT $4 OFFSET $5
