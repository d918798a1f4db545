-- Conversations have events of their own: see 0014_messages.sql of the functions.

-- down
