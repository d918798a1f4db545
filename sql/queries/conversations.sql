-- Every statement here has the user's id in its condition.

-- fragment: conversation_columns
id, user_id, title, created_at, updated_at

-- The WriteCondition of a write; null etags match any state.
-- fragment: condition
(CAST(:etags AS text) IS NULL OR (strpos(:etags, entity_tag(conversation_json(conversations))) > 0) = :among_etags)

-- fragment: condition sqlite
(:etags IS NULL OR (strpos(:etags, (
    SELECT entity_tag(json) FROM conversation_json AS current WHERE current.id = :id)) > 0) = :among_etags)

-- Inserts nothing if the user has `max_conversations` of them; null is no limit. They are so few that no count is kept.
-- name: insert_conversation appends
INSERT INTO conversations (user_id, title, created_at, updated_at)
SELECT :user_id, :title, now(), now()
WHERE CAST(:max_conversations AS bigint) IS NULL OR NOT EXISTS (
    SELECT 1 FROM conversations WHERE user_id = :user_id ORDER BY user_id, created_at
    LIMIT 1 OFFSET CAST(:max_conversations AS bigint) - 1)
RETURNING {conversation_columns}

-- name: find_conversation
SELECT {conversation_columns}
FROM conversations
WHERE user_id = :user_id AND id = :id

-- name: conversation_exists
SELECT count(*) > 0 AS "exists"
FROM conversations
WHERE user_id = :user_id AND id = :id

-- Whether a write may proceed.
-- name: conversation_matches
SELECT count(*) > 0 AS "exists"
FROM conversations
WHERE user_id = :user_id AND id = :id AND {condition}

-- name: update_conversation
UPDATE conversations
SET title = CASE WHEN :has_title THEN :title ELSE title END,
    updated_at = greatest(now(), updated_at)
WHERE user_id = :user_id AND id = :id AND {condition}
RETURNING {conversation_columns}

-- Deletes the conversation with its messages, unless it has more than :most_messages.
-- name: delete_conversation
DELETE FROM conversations
WHERE user_id = :user_id AND id = :id AND {condition} AND NOT EXISTS (
    SELECT 1 FROM messages
    WHERE (conversation_id, user_id) >= (:id, :user_id) AND (conversation_id, user_id) <= (:id, :user_id)
    ORDER BY conversation_id, user_id, id
    LIMIT 1 OFFSET :most_messages)
RETURNING id

-- name: count_conversations
SELECT count(*) AS total
FROM conversations
WHERE user_id = :user_id

-- The lists (sql/fragments.sql), which start after a position.
-- fragment: conversation_page
{list_of}
{revision}
{list_state}, CASE WHEN NOT is_known THEN (SELECT count(*) FROM conversations WHERE user_id = :user_id) END AS total,
    CAST(NULL AS bigint) AS id, CAST(NULL AS text) AS user_id, CAST(NULL AS text) AS title,
    CAST(NULL AS timestamptz) AS created_at, CAST(NULL AS timestamptz) AS updated_at
{list_page}
SELECT {conversation_columns}
FROM conversations
WHERE user_id = :user_id

-- name: list_conversations_by_created_at_asc
{conversation_page}
AND (created_at, id) > (:after_key, :after_id)
ORDER BY created_at, id
{list_limit} OFFSET :offset
{list_end}

-- name: list_conversations_by_created_at_desc
{conversation_page}
AND (created_at, id) < (:after_key, :after_id)
ORDER BY created_at DESC, id DESC
{list_limit} OFFSET :offset
{list_end}

-- name: list_conversations_by_updated_at_asc
{conversation_page}
AND (updated_at, id) > (:after_key, :after_id)
ORDER BY updated_at, id
{list_limit} OFFSET :offset
{list_end}

-- name: list_conversations_by_updated_at_desc
{conversation_page}
AND (updated_at, id) < (:after_key, :after_id)
ORDER BY updated_at DESC, id DESC
{list_limit} OFFSET :offset
{list_end}
