-- Layout 1. Texts from outside are bytea: text can't hold U+0000, and bytea is ordered by its bytes.
CREATE SCHEMA chat;

-- One row.
CREATE TABLE chat.meta (
  one    boolean PRIMARY KEY DEFAULT true CHECK (one),
  layout int     NOT NULL,
  epoch  bytea   NOT NULL);

-- One row, locked by every group of changes. It is never updated, so no dead versions gather while
-- somebody holds an old snapshot.
CREATE TABLE chat.lane (
  one boolean PRIMARY KEY DEFAULT true CHECK (one));

-- The history, a row for each change: the records of a journal.
CREATE TABLE chat.record (
  position          bigint PRIMARY KEY,  -- 1, 2, 3 … without holes
  previous          bytea  NOT NULL,     -- the hash of the record before
  hash              bytea  NOT NULL,
  payload           bytea  NOT NULL,     -- the event as JSON
  life              bytea,               -- the engine that committed it, if one did, and the number
  commit            bigint,              -- of its commit
  content           bytea,               -- salt and text of a message; empty once erased
  conversation      bytea,               -- of a message, as what follows
  seq               bigint,
  sent_at           bigint,              -- milliseconds since 1970
  author            bytea,
  client_message_id bytea);
CREATE UNIQUE INDEX record_message ON chat.record (conversation, seq) WHERE seq IS NOT NULL;
CREATE UNIQUE INDEX record_once ON chat.record (author, client_message_id)
  WHERE client_message_id IS NOT NULL;

-- The tables below follow from the history, and are changed in the same transaction.

CREATE TABLE chat.conversation (
  id              bytea  PRIMARY KEY,
  title           bytea  NOT NULL,
  room_type       text   NOT NULL,
  created_by      bytea  NOT NULL,
  created_at      bigint NOT NULL,
  participation   bytea  NOT NULL,       -- JSON: teams, and users with a standing by name
  version         bigint NOT NULL,
  last_seq        bigint NOT NULL,
  last_message_at bigint NOT NULL,
  position        bigint NOT NULL        -- of the newest message
) WITH (fillfactor = 70);

-- The conversations of a user by name ('u' and the id) and of a team ('t' and the id). The block is
-- the position of the newest message divided by 1,024, so that few messages change this table.
CREATE TABLE chat.activity (
  conversation bytea  NOT NULL,
  owner        bytea  NOT NULL,
  block        bigint NOT NULL,
  PRIMARY KEY (conversation, owner));
CREATE INDEX activity_owner ON chat.activity (owner, block DESC) INCLUDE (conversation);

CREATE TABLE chat.reading (
  conversation bytea  NOT NULL,
  user_id      bytea  NOT NULL,
  up_to        bigint NOT NULL,
  PRIMARY KEY (conversation, user_id)) WITH (fillfactor = 70);

CREATE TABLE chat.account (
  id       bytea   PRIMARY KEY,
  account  bytea   NOT NULL,             -- JSON
  staff    boolean NOT NULL,             -- known to every server from its start
  position bigint  NOT NULL,             -- of the account's last change
  rights   bigint  NOT NULL);            -- of the last change of activity, role or teams
CREATE INDEX account_staff ON chat.account (id) WHERE staff;
