-- Everything here has the user's id in its condition.
-- name: insert_task
INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at)
VALUES ($1, $2, $3, $4, now(), now())
RETURNING id, user_id, title, description, completed, created_at, updated_at

-- name: find_task
SELECT id, user_id, title, description, completed, created_at, updated_at
FROM tasks
WHERE user_id = $1 AND id = $2

-- name: task_exists
SELECT count(*) > 0 AS "exists"
FROM tasks
WHERE user_id = $1 AND id = $2

-- Null leaves a column as it is. The last two parameters of a write are a WriteCondition: tags, which are null where
-- any will do, and whether the row's tag is among them.
-- name: update_task
UPDATE tasks
SET title = coalesce($3, title),
    description = coalesce($4, description),
    completed = coalesce($5, completed),
    updated_at = greatest(now(), updated_at)
WHERE user_id = $1 AND id = $2 AND (CAST($6 AS text) IS NULL OR (strpos($6, entity_tag(task_json(tasks))) > 0) = $7)
RETURNING id, user_id, title, description, completed, created_at, updated_at

-- name: update_task sqlite
UPDATE tasks
SET title = coalesce($3, title),
    description = coalesce($4, description),
    completed = coalesce($5, completed),
    updated_at = greatest(now(), updated_at)
WHERE user_id = $1 AND id = $2 AND ($6 IS NULL OR (strpos($6, (
    SELECT entity_tag(json) FROM task_json AS current WHERE current.id = $2)) > 0) = $7)
RETURNING id, user_id, title, description, completed, created_at, updated_at

-- name: toggle_task
UPDATE tasks
SET completed = NOT completed,
    updated_at = greatest(now(), updated_at)
WHERE user_id = $1 AND id = $2 AND (CAST($3 AS text) IS NULL OR (strpos($3, entity_tag(task_json(tasks))) > 0) = $4)
RETURNING id, user_id, title, description, completed, created_at, updated_at

-- name: toggle_task sqlite
UPDATE tasks
SET completed = NOT completed,
    updated_at = greatest(now(), updated_at)
WHERE user_id = $1 AND id = $2 AND ($3 IS NULL OR (strpos($3, (
    SELECT entity_tag(json) FROM task_json AS current WHERE current.id = $2)) > 0) = $4)
RETURNING id, user_id, title, description, completed, created_at, updated_at

-- name: delete_task
DELETE FROM tasks
WHERE user_id = $1 AND id = $2 AND (CAST($3 AS text) IS NULL OR (strpos($3, entity_tag(task_json(tasks))) > 0) = $4)
RETURNING id

-- name: delete_task sqlite
DELETE FROM tasks
WHERE user_id = $1 AND id = $2 AND ($3 IS NULL OR (strpos($3, (
    SELECT entity_tag(json) FROM task_json AS current WHERE current.id = $2)) > 0) = $4)
RETURNING id

-- name: count_tasks
SELECT count(*) AS total
FROM tasks
WHERE user_id = $1 AND completed IN ($2, $3)

-- The lists: tasks whose `completed` is $2 or $3, behind the position ($4, $5), with a limit and an offset.
-- name: list_tasks_by_created_at_asc
SELECT id, user_id, title, description, completed, created_at, updated_at
FROM tasks
WHERE user_id = $1 AND completed IN ($2, $3) AND (created_at, id) > ($4, $5)
ORDER BY created_at, id
LIMIT $6 OFFSET $7

-- name: list_tasks_by_created_at_desc
SELECT id, user_id, title, description, completed, created_at, updated_at
FROM tasks
WHERE user_id = $1 AND completed IN ($2, $3) AND (created_at, id) < ($4, $5)
ORDER BY created_at DESC, id DESC
LIMIT $6 OFFSET $7

-- name: list_tasks_by_updated_at_asc
SELECT id, user_id, title, description, completed, created_at, updated_at
FROM tasks
WHERE user_id = $1 AND completed IN ($2, $3) AND (updated_at, id) > ($4, $5)
ORDER BY updated_at, id
LIMIT $6 OFFSET $7

-- name: list_tasks_by_updated_at_desc
SELECT id, user_id, title, description, completed, created_at, updated_at
FROM tasks
WHERE user_id = $1 AND completed IN ($2, $3) AND (updated_at, id) < ($4, $5)
ORDER BY updated_at DESC, id DESC
LIMIT $6 OFFSET $7

-- name: list_tasks_by_title_asc
SELECT id, user_id, title, description, completed, created_at, updated_at
FROM tasks
WHERE user_id = $1 AND completed IN ($2, $3) AND (title, id) > ($4, $5)
ORDER BY title, id
LIMIT $6 OFFSET $7

-- name: list_tasks_by_title_desc
SELECT id, user_id, title, description, completed, created_at, updated_at
FROM tasks
WHERE user_id = $1 AND completed IN ($2, $3) AND (title, id) < ($4, $5)
ORDER BY title DESC, id DESC
LIMIT $6 OFFSET $7
