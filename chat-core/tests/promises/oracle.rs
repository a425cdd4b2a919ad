//! What must hold, seen from outside: the frames of the clients and what is durable.

use std::collections::{BTreeMap, BTreeSet};

use chat_core::engine::ConnectionId;
use chat_core::store::Export;
use serde_json::Value;

use super::ops::{Op, Run, Sent};

/// What has been seen of one connection.
#[derive(Default)]
struct Seen {
    /// Frames that are checked.
    frames: usize,
    /// Requests that are answered.
    replies: Vec<usize>,
    /// The last number heard live in each conversation.
    live: BTreeMap<String, u64>,
    /// Own messages whose reply has come.
    acknowledged: BTreeSet<String>,
    /// The last own number in each conversation whose reply has come.
    written: BTreeMap<String, u64>,
    /// The last number in each conversation when the connection was opened.
    opened_at: BTreeMap<String, u64>,
}

/// Everything that was seen.
#[derive(Default)]
struct Oracle {
    seen: BTreeMap<ConnectionId, Seen>,
    /// Who might see each message when it became durable.
    audience: BTreeMap<(String, u64), BTreeSet<String>>,
    /// Who might see each conversation, at any time.
    ever: BTreeSet<(String, String)>,
    /// Pairs of conversation and user whose membership has changed after the conversation's first message.
    moved: BTreeSet<(String, String)>,
    members: BTreeMap<String, BTreeSet<String>>,
    /// The id under which each key was acknowledged.
    keys: BTreeMap<(String, String), String>,
}

/// The promises hold after each of these operations, and at their end.
pub(crate) fn watch(ops: &[Op]) {
    let mut run = Run::new();
    let mut oracle = Oracle::default();
    for op in ops {
        run.apply(op);
        oracle.check(&run);
        run.settle_if(op, |run| oracle.check(run));
    }
    run.settle(|run| oracle.check(run));
    oracle.check_end(&run);
}

impl Oracle {
    fn check(&mut self, run: &Run) {
        let (world, sent) = (&run.world, &run.sent);
        let export = world.store.export();
        self.note_members(&export);
        check_numbers(&export);
        for (conn, peer) in &world.peers {
            let mut seen = self
                .seen
                .remove(conn)
                .unwrap_or_else(|| Seen { opened_at: last_numbers(&export), ..Seen::default() });
            for frame in &peer.frames[seen.frames..] {
                self.check_frame((*conn, &run.user_of[conn]), frame, &mut seen, sent, &export);
            }
            seen.frames = peer.frames.len();
            self.seen.insert(*conn, seen);
        }
    }

    /// Once all is answered: every request, and every message that a connection had to hear.
    fn check_end(&self, run: &Run) {
        let export = run.world.store.export();
        for (conn, user) in &run.open {
            let seen = &self.seen[conn];
            let asked = (0..run.sent.len()).filter(|n| run.sent[*n].conn == *conn);
            assert!(asked.eq(seen.replies.iter().copied()), "P6: {conn:?} got {:?}", seen.replies);
            self.check_live(*conn, seen, user, run, &export);
        }
    }

    /// P4: all that became durable after the connection was opened was heard on it, if its user took part throughout.
    fn check_live(&self, conn: ConnectionId, seen: &Seen, user: &str, run: &Run, export: &Export) {
        let announced = |id: &str| !run.unannounced.contains(id);
        for (id, exported) in export.conversations.iter().filter(|(id, _)| announced(id.as_str())) {
            let pair = (id.to_string(), user.to_owned());
            let throughout = self.ever.contains(&pair) && !self.moved.contains(&pair);
            let last = exported.messages.len() as u64;
            let opened_at = seen.opened_at.get(id.as_str()).copied().unwrap_or(0);
            if throughout && last > opened_at {
                let heard = seen.live.get(id.as_str()).copied();
                assert_eq!(heard, Some(last), "P4: {conn:?} of {user} heard {id} up to {heard:?} of {last}");
            }
        }
    }

    fn note_members(&mut self, export: &Export) {
        for (id, exported) in &export.conversations {
            let id = id.to_string();
            let now: BTreeSet<_> =
                exported.conversation.participants.iter().map(ToString::to_string).collect();
            if let Some(before) = self.members.get(&id) {
                self.moved.extend(before.symmetric_difference(&now).map(|user| (id.clone(), user.clone())));
            } else if exported.messages.len() > 1 || exported.conversation.version > 1 {
                self.moved.extend(now.iter().map(|user| (id.clone(), user.clone())));
            }
            self.ever.extend(now.iter().map(|user| (id.clone(), user.clone())));
            let before = self.members.insert(id.clone(), now.clone()).unwrap_or_default();
            for message in &exported.messages {
                let key = (id.clone(), message.seq.unwrap_or_default());
                // A commit may change members and append: whoever took part before or after may have heard it.
                self.audience.entry(key).or_insert_with(|| before.union(&now).cloned().collect());
            }
        }
    }

    fn check_frame(
        &mut self,
        (conn, user): (ConnectionId, &str),
        frame: &Value,
        seen: &mut Seen,
        sent: &[Sent],
        export: &Export,
    ) {
        match frame["type"].as_str() {
            None => self.check_reply(conn, frame, seen, sent, export),
            Some("new_message") => self.check_message((conn, user), frame, seen, sent),
            Some("error") => {}
            Some(kind) => self.check_allowed(kind, frame, user),
        }
    }

    /// P6: one reply to each request, in their order. P1: what it says is durable. P2: said once.
    fn check_reply(
        &mut self,
        conn: ConnectionId,
        frame: &Value,
        seen: &mut Seen,
        sent: &[Sent],
        export: &Export,
    ) {
        let number = usize::try_from(frame["request_id"].as_u64().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let request = &sent[number];
        assert_eq!(request.conn, conn, "P6: a reply on another connection");
        let before = (0..number).filter(|n| sent[*n].conn == conn);
        assert!(before.eq(seen.replies.iter().copied()), "P6: {number} is answered after {:?}", seen.replies);
        seen.replies.push(number);
        if frame["success"] != true {
            assert!(
                frame["code"].is_string() && frame["error"].is_string(),
                "an error without a name: {frame}"
            );
            return;
        }
        let id = match request.kind {
            "send_chat_message" => durable_message(frame, request, export),
            "create_support_conversation" => durable_conversation(frame, request, export),
            "join_conversation" => return self.check_catch_up(frame, request, seen, export),
            "mark_message_read" => return check_read(request, export),
            "get_conversation_messages" => return check_history(frame, seen),
            _ => return,
        };
        seen.acknowledged.insert(id.clone());
        let written = seen.written.entry(text(&frame["conversation_id"])).or_default();
        *written = frame["seq"].as_u64().unwrap_or(1).max(*written);
        if let Some(key) = request.data["client_message_id"].as_str() {
            let first = self.keys.entry((request.user.clone(), key.to_owned())).or_insert_with(|| id.clone());
            assert_eq!(*first, id, "P2: {key} of {} was acknowledged as two", request.user);
        }
    }

    /// P4: the reply fits what was heard live and what is stored.
    fn check_catch_up(&self, frame: &Value, request: &Sent, seen: &Seen, export: &Export) {
        let id = request.data["conversation_id"].as_str().unwrap_or_default();
        let pair = (id.to_owned(), request.user.clone());
        assert!(self.ever.contains(&pair), "P5: {} joined {id}", request.user);
        let Some(after) = request.data["after_seq"].as_u64() else { return };
        let last = frame["last_seq"].as_u64().unwrap_or_default();
        let heard = seen.live.get(id).copied().unwrap_or(0);
        assert!(last >= heard, "P4: last_seq {last} after {heard} was heard");
        let numbers: Vec<_> =
            messages(frame).map(|message| message["seq"].as_u64().unwrap_or_default()).collect();
        let first = if frame["reset"] == true { numbers.first().map_or(0, |first| first - 1) } else { after };
        assert!(numbers.iter().copied().eq(first + 1..=last), "P4: {numbers:?} after {first} up to {last}");
        let stored = &export.conversations[id].messages;
        assert!(last <= stored.len() as u64, "P4: {last} of {}", stored.len());
    }

    /// P3: at most once, in rising order, without holes. P5: to whoever took part. P6: after its own reply.
    fn check_message(
        &mut self,
        (conn, user): (ConnectionId, &str),
        frame: &Value,
        seen: &mut Seen,
        sent: &[Sent],
    ) {
        let (id, message) = (text(&frame["conversation_id"]), &frame["message"]);
        let seq = message["seq"].as_u64().unwrap_or_default();
        let audience = self.audience.get(&(id.clone(), seq));
        let audience = audience.unwrap_or_else(|| panic!("P1: {id} {seq} is heard and not durable"));
        assert!(audience.contains(user), "P5: {user} heard {id} {seq}, meant for {audience:?}");
        if let Some(last) = seen.live.insert(id.clone(), seq) {
            assert!(seq > last, "P3: {id} {seq} after {last} on {conn:?}");
        }
        let own = |n: &&Sent| n.conn == conn && n.data["content"] == message["content"];
        let of_others = sent.iter().any(|n| n.conn != conn && n.data["content"] == message["content"]);
        if !of_others && sent.iter().any(|n| own(&n)) {
            let id = if seq == 1 { id } else { text(&message["id"]) };
            assert!(seen.acknowledged.contains(&id), "P6: {id} is heard before its reply");
        }
    }

    /// P5: a frame about a conversation reaches nobody who could never see it.
    fn check_allowed(&self, kind: &str, frame: &Value, user: &str) {
        let pair = (text(&frame["conversation_id"]), user.to_owned());
        assert!(self.ever.contains(&pair), "P5: {user} heard {kind} of {}", pair.0);
    }
}

/// P3: numbers without holes, and times that never fall.
fn check_numbers(export: &Export) {
    for (id, exported) in &export.conversations {
        let numbers = exported.messages.iter().map(|message| message.seq);
        assert!(numbers.eq((1..=exported.messages.len() as u64).map(Some)), "P3: holes in {id}");
        assert!(exported.messages.is_sorted_by_key(|message| message.sent_at), "P3: time falls in {id}");
        let mut keyed = BTreeSet::new();
        for message in exported.messages.iter().filter(|message| message.content.starts_with("key ")) {
            assert!(keyed.insert((&message.sender_id, &message.content)), "P2: stored twice in {id}");
        }
    }
}

fn durable_message(frame: &Value, request: &Sent, export: &Export) -> String {
    let id = text(&frame["conversation_id"]);
    let seq = usize::try_from(frame["seq"].as_u64().unwrap_or_default()).unwrap_or_default();
    let stored = export.conversations.get(id.as_str()).and_then(|c| c.messages.get(seq.wrapping_sub(1)));
    let stored = stored.unwrap_or_else(|| panic!("P1: {frame} and nothing stored"));
    assert_eq!(frame["message_id"], stored.id.as_str(), "P1");
    assert_eq!(frame["timestamp"], stored.sent_at.to_string(), "P1");
    assert_eq!(request.data["content"], *stored.content, "P1");
    assert_eq!(request.user, stored.sender_id.as_str(), "P1");
    stored.id.to_string()
}

fn durable_conversation(frame: &Value, request: &Sent, export: &Export) -> String {
    let id = text(&frame["conversation_id"]);
    let stored = export.conversations.get(id.as_str());
    let stored = stored.unwrap_or_else(|| panic!("P1: {frame} and nothing stored"));
    assert_eq!(request.data["content"], *stored.messages[0].content, "P1");
    id
}

/// P6: requests are done in their order, so that history shows what was acknowledged before it.
fn check_history(frame: &Value, seen: &Seen) {
    let written = seen.written.get(frame["conversation_id"].as_str().unwrap_or_default());
    let shown = messages(frame).filter_map(|message| message["seq"].as_u64()).max();
    assert!(shown >= written.copied(), "P6: history up to {shown:?} after {written:?} was acknowledged");
}

fn check_read(request: &Sent, export: &Export) {
    let stored = &export.conversations[request.data["conversation_id"].as_str().unwrap_or_default()];
    let read_up_to = stored.read_up_to.get(request.user.as_str()).copied().unwrap_or(0);
    let message = stored.messages.iter().find(|message| request.data["message_id"] == message.id.as_str());
    let seq = message.and_then(|message| message.seq);
    assert!(seq.is_some_and(|seq| read_up_to >= seq), "P1: read {seq:?} and {read_up_to} stored");
}

fn last_numbers(export: &Export) -> BTreeMap<String, u64> {
    export.conversations.iter().map(|(id, c)| (id.to_string(), c.messages.len() as u64)).collect()
}

fn messages(frame: &Value) -> impl Iterator<Item = &Value> {
    frame["messages"].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
