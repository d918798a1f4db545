-- concurrently
-- works with 2.0.0
-- One index for each order of a list. The first one also serves the count.
DROP INDEX CONCURRENTLY IF EXISTS tasks_by_created_at_filtered;
CREATE INDEX CONCURRENTLY tasks_by_created_at_filtered ON tasks (user_id, created_at, id) INCLUDE (completed, due_date, priority);
DROP INDEX CONCURRENTLY IF EXISTS tasks_by_created_at;
ALTER INDEX tasks_by_created_at_filtered RENAME TO tasks_by_created_at;
DROP INDEX CONCURRENTLY IF EXISTS tasks_by_folded_title;
CREATE INDEX CONCURRENTLY tasks_by_folded_title ON tasks (user_id, folded_title, title, id);
DROP INDEX CONCURRENTLY IF EXISTS tasks_by_due_date;
CREATE INDEX CONCURRENTLY tasks_by_due_date ON tasks (user_id, due_date, id);
DROP INDEX CONCURRENTLY IF EXISTS tasks_by_priority;
CREATE INDEX CONCURRENTLY tasks_by_priority ON tasks (user_id, priority, id);
DROP INDEX CONCURRENTLY IF EXISTS tasks_by_title;

-- The tasks whose texts another program has changed.
DROP INDEX CONCURRENTLY IF EXISTS tasks_to_fold;
CREATE INDEX CONCURRENTLY tasks_to_fold ON tasks (id) WHERE folds = 0;

ALTER TABLE tasks VALIDATE CONSTRAINT tasks_priority_check;

-- down
DROP INDEX tasks_to_fold;
DROP INDEX tasks_by_priority;
DROP INDEX tasks_by_due_date;
DROP INDEX tasks_by_folded_title;
DROP INDEX tasks_by_created_at;
CREATE INDEX tasks_by_created_at ON tasks (user_id, created_at, id) INCLUDE (completed);
CREATE INDEX tasks_by_title ON tasks (user_id, title, id);
