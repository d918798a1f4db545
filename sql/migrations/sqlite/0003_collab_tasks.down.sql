DROP VIEW collab_task_json;
DROP TABLE board_revisions;
DROP TABLE collab_tasks;
