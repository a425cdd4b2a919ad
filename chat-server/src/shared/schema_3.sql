-- Layout 3. Entries, and the work on conversations. A conversation waits if field
-- staff wrote last, by the roles of now. Nobody has taken one.
ALTER TABLE chat.record ADD COLUMN is_entry boolean NOT NULL DEFAULT false;
-- The columns last_seq and last_at are of the newest message or entry. The columns last_text_seq,
-- last_text_at and position are of the newest message of a user.
ALTER TABLE chat.conversation RENAME COLUMN last_message_at TO last_text_at;
ALTER TABLE chat.conversation
  ADD COLUMN last_at bigint, ADD COLUMN last_text_seq bigint,
  ADD COLUMN work bytea,                 -- JSON
  ADD COLUMN assignee bytea,             -- in the work
  ADD COLUMN emergency bytea,            -- JSON
  ADD COLUMN raised_by bytea;            -- the creator of an emergency that is not over
CREATE FUNCTION pg_temp.as_time(millis bigint) RETURNS text LANGUAGE sql AS $$
  SELECT to_char(to_timestamp(millis / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;
WITH said AS (
  SELECT r.conversation, r.seq, r.sent_at,
    coalesce(convert_from(a.account, 'UTF8')::json ->> 'role' LIKE 'CONTROL%', false) AS is_control
  FROM chat.record r LEFT JOIN chat.account a ON a.id = r.author WHERE r.seq IS NOT NULL),
answered AS (
  SELECT conversation, coalesce(max(seq) FILTER (WHERE is_control), 0) AS seq FROM said GROUP BY conversation),
waiting AS (
  SELECT s.conversation, max(s.sent_at) AS last, min(s.sent_at) FILTER (WHERE s.seq > a.seq) AS since
  FROM said s JOIN answered a ON a.conversation = s.conversation GROUP BY s.conversation)
UPDATE chat.conversation c SET last_at = last_text_at, last_text_seq = last_seq,
  work = convert_to(json_build_object(
    'state', CASE WHEN w.since IS NULL THEN 'RESOLVED' ELSE 'WAITING' END, 'assignee', NULL,
    'since', pg_temp.as_time(coalesce(w.since, w.last)), 'waiting_since', pg_temp.as_time(w.since),
    'version', 0)::text, 'UTF8')
FROM waiting w WHERE w.conversation = c.id;
-- Lists by work. The rank is the beginning of the waiting, the greatest number if nobody waits, or
-- the time of the resolution, negative. An assignee ('a' and the id) has a row of its own.
ALTER TABLE chat.activity ADD COLUMN is_open boolean, ADD COLUMN rank bigint;
UPDATE chat.activity a SET is_open = w.state = 'WAITING', rank = CASE w.state WHEN 'WAITING' THEN w.at ELSE -w.at END
FROM (SELECT id, convert_from(work, 'UTF8')::json ->> 'state' AS state,
  (extract(epoch FROM (convert_from(work, 'UTF8')::json ->> 'since')::timestamptz) * 1000)::bigint AS at
  FROM chat.conversation) w
WHERE w.id = a.conversation;
ALTER TABLE chat.activity ALTER COLUMN is_open SET NOT NULL, ALTER COLUMN rank SET NOT NULL;
CREATE INDEX activity_work ON chat.activity (owner, is_open, rank, conversation);
ALTER TABLE chat.conversation
  ALTER COLUMN last_at SET NOT NULL, ALTER COLUMN last_text_seq SET NOT NULL, ALTER COLUMN work SET NOT NULL;
-- Emergencies from before count as over.
CREATE INDEX conversation_raised ON chat.conversation (raised_by, id) WHERE raised_by IS NOT NULL;
-- Erasing passes over the texts of a user or a conversation on hold.
CREATE TABLE chat.hold (
  kind    text   NOT NULL CHECK (kind IN ('user', 'conversation')),
  subject bytea  NOT NULL,               -- the id
  by_whom bytea  NOT NULL,
  why     bytea  NOT NULL,
  at      bigint NOT NULL,               -- milliseconds since 1970
  PRIMARY KEY (kind, subject));
-- The record of users whose texts were erased on request.
CREATE TABLE chat.erasure (
  user_id bytea  PRIMARY KEY,
  by_whom bytea  NOT NULL,
  why     bytea  NOT NULL,
  at      bigint NOT NULL,
  until   bigint NOT NULL);              -- the last position at that time
