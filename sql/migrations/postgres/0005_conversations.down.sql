DROP TRIGGER message_changed ON messages;
DROP FUNCTION message_changed();
DROP FUNCTION message_json(messages);
DROP TABLE messages;
DROP TABLE conversations;
