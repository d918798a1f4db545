DROP TRIGGER collab_task_changed ON collab_tasks;
DROP FUNCTION collab_task_changed();
DROP TRIGGER collab_tasks_truncated ON collab_tasks;
DROP FUNCTION collab_tasks_truncated();
DROP FUNCTION collab_task_json(collab_tasks);
DROP TABLE board_revisions;
DROP TABLE collab_tasks;
