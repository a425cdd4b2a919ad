-- Layout 4. Orders: messages that must be answered. No earlier message is one.
CREATE TABLE chat.order_state (
  conversation bytea  NOT NULL,
  seq          bigint NOT NULL,          -- of the message with the order
  state        bytea  NOT NULL,          -- JSON, as its newest entry has left it
  due          bigint,                   -- milliseconds since 1970; NULL unless it waits for an answer
  PRIMARY KEY (conversation, seq)) WITH (fillfactor = 70);
CREATE INDEX order_due ON chat.order_state (due, seq, conversation) WHERE due IS NOT NULL;
ALTER TABLE chat.conversation
  ADD COLUMN open_orders bytea NOT NULL DEFAULT '[]';  -- JSON: the numbers of messages whose orders wait
