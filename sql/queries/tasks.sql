-- Every statement here has the user's id in its condition.

-- fragment: task_columns
id, user_id, title, description, completed, created_at, updated_at

-- The WriteCondition of a write; null etags match any state.
-- fragment: condition
(CAST(:etags AS text) IS NULL OR (strpos(:etags, entity_tag(task_json(tasks))) > 0) = :among_etags)

-- fragment: condition sqlite
(:etags IS NULL OR (strpos(:etags, (
    SELECT entity_tag(json) FROM task_json AS current WHERE current.id = :id)) > 0) = :among_etags)

-- Inserts nothing if the user has `max_tasks` of them; null is no limit.
-- name: insert_task appends
INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at)
SELECT :user_id, :title, :description, CAST(:completed AS boolean), now(), now()
WHERE CAST(:max_tasks AS bigint) IS NULL
    OR (SELECT coalesce(sum(total), 0) FROM task_counts WHERE user_id = :user_id) < :max_tasks
RETURNING {task_columns}

-- name: find_task
SELECT {task_columns}
FROM tasks
WHERE user_id = :user_id AND id = :id

-- name: task_exists
SELECT count(*) > 0 AS "exists"
FROM tasks
WHERE user_id = :user_id AND id = :id

-- A null parameter leaves its column unchanged.
-- name: update_task
UPDATE tasks
SET title = coalesce(:title, title),
    description = coalesce(:description, description),
    completed = coalesce(:completed, completed),
    updated_at = greatest(now(), updated_at)
WHERE user_id = :user_id AND id = :id AND {condition}
RETURNING {task_columns}

-- name: toggle_task
UPDATE tasks
SET completed = NOT completed,
    updated_at = greatest(now(), updated_at)
WHERE user_id = :user_id AND id = :id AND {condition}
RETURNING {task_columns}

-- name: delete_task
DELETE FROM tasks
WHERE user_id = :user_id AND id = :id AND {condition}
RETURNING id

-- `completed` must equal one of two values, which may be the same.
-- fragment: listed_tasks
FROM tasks
WHERE user_id = :user_id AND completed IN (:completed, :or_completed)

-- name: count_tasks
SELECT count(*) AS total
{listed_tasks}

-- The lists (sql/fragments.sql), which start after a position.
-- fragment: task_page
{list_of}
{revision}
{list_state}, CASE WHEN NOT is_known THEN (SELECT count(*) {listed_tasks}) END AS total,
    CAST(NULL AS bigint) AS id, CAST(NULL AS text) AS user_id, CAST(NULL AS text) AS title,
    CAST(NULL AS text) AS description, CAST(NULL AS boolean) AS completed,
    CAST(NULL AS timestamptz) AS created_at, CAST(NULL AS timestamptz) AS updated_at
{list_page}
SELECT {task_columns}
{listed_tasks}

-- name: list_tasks_by_created_at_asc
{task_page}
AND (created_at, id) > (:after_key, :after_id)
ORDER BY created_at, id
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_created_at_desc
{task_page}
AND (created_at, id) < (:after_key, :after_id)
ORDER BY created_at DESC, id DESC
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_updated_at_asc
{task_page}
AND (updated_at, id) > (:after_key, :after_id)
ORDER BY updated_at, id
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_updated_at_desc
{task_page}
AND (updated_at, id) < (:after_key, :after_id)
ORDER BY updated_at DESC, id DESC
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_title_asc
{task_page}
AND (title, id) > (:after_key, :after_id)
ORDER BY title, id
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_title_desc
{task_page}
AND (title, id) < (:after_key, :after_id)
ORDER BY title DESC, id DESC
{list_limit} OFFSET :offset
{list_end}
