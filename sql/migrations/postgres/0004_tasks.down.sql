DROP TRIGGER task_changed ON tasks;
DROP FUNCTION task_changed();
DROP FUNCTION task_json(tasks);
DROP TABLE tasks;
