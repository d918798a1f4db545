-- fragment: collab_task_columns
id, title, description, version, created_at, updated_at

-- The WriteCondition of a write; null etags match any state. The comparison reads the row that is being changed, so
-- of two concurrent writes with the same tag the second one sees the change of the first.
-- fragment: condition
(CAST(:etags AS text) IS NULL OR (strpos(:etags, entity_tag(collab_task_json(collab_tasks))) > 0) = :among_etags)

-- fragment: condition sqlite
(:etags IS NULL OR (strpos(:etags, (
    SELECT entity_tag(json) FROM collab_task_json AS current WHERE current.id = :id)) > 0) = :among_etags)

-- Whether the board has fewer than `max_tasks`; null is no limit.
-- fragment: has_room
(CAST(:max_tasks AS bigint) IS NULL OR (SELECT coalesce(sum(total), 0) FROM board_counts) < :max_tasks)

-- Inserts nothing if the board has no room.
-- name: insert_collab_task appends
INSERT INTO collab_tasks (id, title, description, created_at, updated_at)
SELECT CAST(:id AS uuid), :title, :description, now(), now()
WHERE {has_room}
RETURNING {collab_task_columns}

-- name: insert_collab_task sqlite
INSERT INTO collab_tasks (id, title, description, created_at, updated_at)
SELECT :id, :title, :description, now(), now()
WHERE {has_room}
RETURNING {collab_task_columns}

-- name: find_collab_task
SELECT {collab_task_columns}
FROM collab_tasks
WHERE id = :id

-- name: collab_task_exists
SELECT count(*) > 0 AS "exists"
FROM collab_tasks
WHERE id = :id

-- name: update_collab_task
UPDATE collab_tasks
SET title = coalesce(:title, title),
    description = CASE WHEN :has_description THEN :description ELSE description END,
    version = version + 1,
    updated_at = greatest(now(), updated_at)
WHERE id = :id AND {condition}
RETURNING {collab_task_columns}

-- name: delete_collab_task
DELETE FROM collab_tasks
WHERE id = :id AND {condition}
RETURNING id

-- name: board_revision
SELECT CAST(sum(revision) AS bigint) AS revision
FROM board_revisions

-- Returns no rows, without reading the tasks, if the board is still at this revision.
-- name: list_collab_tasks_since
SELECT {collab_task_columns}
FROM collab_tasks
WHERE (SELECT CAST(sum(revision) AS bigint) FROM board_revisions) <> :revision
ORDER BY created_at, id

-- name: count_collab_tasks
SELECT count(*) AS total
FROM collab_tasks
