-- Layout 2. The servers, the users who are connected to each, and the jobs that one server does for
-- all. Nothing here follows from the history, and all of it may be lost.

-- A row for each life of a server. It counts until its lease ends.
CREATE TABLE chat.node (
  life    bytea       PRIMARY KEY,
  address text        NOT NULL,          -- where the server listens, for people
  version text        NOT NULL,
  until   timestamptz NOT NULL,
  heard   bigint      NOT NULL           -- the last position that the server has told its users
) WITH (fillfactor = 30);

CREATE TABLE chat.online (
  user_id bytea NOT NULL,
  life    bytea NOT NULL REFERENCES chat.node ON DELETE CASCADE,
  PRIMARY KEY (user_id, life));
CREATE INDEX online_life ON chat.online (life);

-- The holder of a job does it until its lease ends. Each other holder begins another term.
CREATE TABLE chat.job (
  name   text        PRIMARY KEY,
  holder bytea,
  until  timestamptz NOT NULL DEFAULT '-infinity',
  term   bigint      NOT NULL DEFAULT 0,
  state  bytea);                         -- JSON: how far the job has come
INSERT INTO chat.job (name) VALUES ('webhook'), ('retention');
