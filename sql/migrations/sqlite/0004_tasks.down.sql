DROP TRIGGER task_created;
DROP TRIGGER task_updated;
DROP TRIGGER task_deleted;
DROP VIEW task_json;
DROP TABLE tasks;
