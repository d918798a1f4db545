-- name: insert_collab_task
INSERT INTO collab_tasks (id, title, description, created_at, updated_at)
VALUES ($1, $2, $3, now(), now())
RETURNING id, title, description, version, created_at, updated_at

-- name: find_collab_task
SELECT id, title, description, version, created_at, updated_at
FROM collab_tasks
WHERE id = $1

-- name: collab_task_exists
SELECT count(*) > 0 AS "exists"
FROM collab_tasks
WHERE id = $1

-- The last two parameters of a write are a WriteCondition: tags, which are null where any will do, and whether the
-- row's tag is among them. The comparison reads the row that is being changed, so of two that race with one tag the
-- second finds the first one's change.
-- name: update_collab_task
UPDATE collab_tasks
SET title = coalesce($2, title),
    description = CASE WHEN $3 THEN $4 ELSE description END,
    version = version + 1,
    updated_at = greatest(now(), updated_at)
WHERE id = $1 AND (CAST($5 AS text) IS NULL OR (strpos($5, entity_tag(collab_task_json(collab_tasks))) > 0) = $6)
RETURNING id, title, description, version, created_at, updated_at

-- name: update_collab_task sqlite
UPDATE collab_tasks
SET title = coalesce($2, title),
    description = CASE WHEN $3 THEN $4 ELSE description END,
    version = version + 1,
    updated_at = greatest(now(), updated_at)
WHERE id = $1 AND ($5 IS NULL OR (strpos($5, (
    SELECT entity_tag(json) FROM collab_task_json AS current WHERE current.id = $1)) > 0) = $6)
RETURNING id, title, description, version, created_at, updated_at

-- name: delete_collab_task
DELETE FROM collab_tasks
WHERE id = $1 AND (CAST($2 AS text) IS NULL OR (strpos($2, entity_tag(collab_task_json(collab_tasks))) > 0) = $3)
RETURNING id

-- name: delete_collab_task sqlite
DELETE FROM collab_tasks
WHERE id = $1 AND ($2 IS NULL OR (strpos($2, (
    SELECT entity_tag(json) FROM collab_task_json AS current WHERE current.id = $1)) > 0) = $3)
RETURNING id

-- name: board_revision
SELECT CAST(sum(revision) AS bigint) AS revision
FROM board_revisions

-- Nothing, without a look at the tasks, while the board is still at revision $1.
-- name: list_collab_tasks_since
SELECT id, title, description, version, created_at, updated_at
FROM collab_tasks
WHERE (SELECT CAST(sum(revision) AS bigint) FROM board_revisions) <> $1
ORDER BY created_at, id

-- name: count_collab_tasks
SELECT count(*) AS total
FROM collab_tasks
