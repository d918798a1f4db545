DROP TRIGGER message_created;
DROP TRIGGER message_updated;
DROP TRIGGER message_deleted;
DROP VIEW message_json;
DROP TABLE messages;
DROP TABLE conversations;
