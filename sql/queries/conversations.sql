-- Every statement here has the user's id in its condition.

-- fragment: conversation_columns
id, user_id, created_at, updated_at

-- name: insert_conversation
INSERT INTO conversations (user_id, created_at, updated_at)
VALUES (:user_id, now(), now())
RETURNING {conversation_columns}

-- name: find_conversation
SELECT {conversation_columns}
FROM conversations
WHERE user_id = :user_id AND id = :id

-- name: conversation_exists
SELECT count(*) > 0 AS "exists"
FROM conversations
WHERE user_id = :user_id AND id = :id

-- The etags of the WriteCondition are null if they match any state.
-- name: delete_conversation
DELETE FROM conversations
WHERE user_id = :user_id AND id = :id AND (CAST(:etags AS text) IS NULL OR (strpos(:etags, entity_tag(
    '{"created_at":"' || rfc3339(created_at)
        || '","id":' || id
        || ',"updated_at":"' || rfc3339(updated_at)
        || '","user_id":' || CAST(to_json(user_id) AS text) || '}')) > 0) = :among_etags)
RETURNING id

-- name: count_conversations
SELECT count(*) AS total
FROM conversations
WHERE user_id = :user_id

-- The lists, which start after a position.
-- name: list_conversations_by_created_at_asc
SELECT {conversation_columns}
FROM conversations
WHERE user_id = :user_id AND (created_at, id) > (:after_key, :after_id)
ORDER BY created_at, id
LIMIT :limit OFFSET :offset

-- name: list_conversations_by_created_at_desc
SELECT {conversation_columns}
FROM conversations
WHERE user_id = :user_id AND (created_at, id) < (:after_key, :after_id)
ORDER BY created_at DESC, id DESC
LIMIT :limit OFFSET :offset

-- name: list_conversations_by_updated_at_asc
SELECT {conversation_columns}
FROM conversations
WHERE user_id = :user_id AND (updated_at, id) > (:after_key, :after_id)
ORDER BY updated_at, id
LIMIT :limit OFFSET :offset

-- name: list_conversations_by_updated_at_desc
SELECT {conversation_columns}
FROM conversations
WHERE user_id = :user_id AND (updated_at, id) < (:after_key, :after_id)
ORDER BY updated_at DESC, id DESC
LIMIT :limit OFFSET :offset
