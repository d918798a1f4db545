DROP TABLE board_revisions;
DROP TABLE collab_tasks;
