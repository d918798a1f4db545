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

-- The last two parameters are a WriteCondition: tags, which are null where any will do, and whether the row's tag is
-- among them.
-- name: delete_conversation
DELETE FROM conversations
WHERE user_id = $1 AND id = $2 AND (CAST($3 AS text) IS NULL OR (strpos($3, entity_tag(
    '{"created_at":"' || rfc3339(created_at)
        || '","id":' || id
        || ',"updated_at":"' || rfc3339(updated_at)
        || '","user_id":' || CAST(to_json(user_id) AS text) || '}')) > 0) = $4)
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
