use chat_core::id::{ConversationId, MessageId, NONCE_BYTES, Nonce};
use chat_core::time::Timestamp;

use super::*;
use crate::store::JournalPlace;
use chat_core::store::{Content, Event, MessageAppended};

const PAUSE: Duration = Duration::from_mins(1);

fn mark(from: u64) -> Mark {
    let chain = "0".repeat(64);
    let place = format!(r#"{{"position":{},"segment":1,"offset":60,"chain":"{chain}"}}"#, from - 1);
    let place: JournalPlace = serde_json::from_str(&place).unwrap();
    Mark { place, from: Position(from) }
}

fn event(conversation: &str, position: u64) -> Pending {
    let appended = MessageAppended {
        conversation: conversation.into(),
        seq: position,
        message_id: MessageId::compose(Nonce([0; NONCE_BYTES]), position),
        sender: "user_john".into(),
        sent_at: Timestamp::from_millis(0),
        entry: None,
        work: None,
        emergency: None,
        is_press: false,
        order: None,
        client_message_id: None,
        content_hash: None,
        content: Content::Erased,
    };
    let notification = Notification::of(&Event::MessageAppended(appended)).unwrap();
    Pending { notification, mark: mark(position) }
}

fn streams() -> Streams {
    Streams::new(LaneCheckpoint { next: mark(1), behind: Vec::new() }, PAUSE)
}

/// Offers notifications by conversation, at positions from 1 on, as the reader does.
fn read(streams: &mut Streams, conversations: &[&str]) {
    for conversation in conversations {
        let position = streams.next.from.0;
        assert!(streams.offer(event(conversation, position)));
        streams.next = mark(position + 1);
    }
}

/// The conversation and the position of each request that may start now.
fn calls(streams: &mut Streams, now: Instant) -> Vec<(String, u64)> {
    let calls = std::iter::from_fn(|| streams.call(now));
    calls.map(|call| (call.notification.conversation.as_str().to_owned(), call.mark.from.0)).collect()
}

fn call(conversation: &str, position: u64) -> (String, u64) {
    (conversation.to_owned(), position)
}

fn id(conversation: &str) -> ConversationId {
    conversation.into()
}

#[tokio::test(start_paused = true)]
async fn conversations_do_not_wait_for_each_other_and_each_keeps_its_order() {
    let mut streams = streams();
    read(&mut streams, &["a", "a", "b", "a"]);
    let now = Instant::now();
    assert_eq!(calls(&mut streams, now), [call("a", 1), call("b", 3)]);
    assert_eq!(streams.failed(&id("a"), CallFailure::Unable, now, 1.0), Verdict::Later);
    streams.done(&id("b"));
    assert_eq!(calls(&mut streams, now), [], "its next event waits for the first");
    assert_eq!(streams.wake_at(), Some(now + FIRST_PAUSE));
    assert_eq!(calls(&mut streams, now + FIRST_PAUSE), [call("a", 1)]);
    streams.done(&id("a"));
    assert_eq!(calls(&mut streams, now), [call("a", 2)], "without a pause");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_names_what_is_not_done_and_nothing_else() {
    let mut streams = streams();
    read(&mut streams, &["a", "b", "a", "c"]);
    assert_eq!(calls(&mut streams, Instant::now()).len(), 3);
    streams.done(&id("a"));
    streams.done(&id("c"));
    let kept = streams.checkpoint();
    assert_eq!(kept, LaneCheckpoint { next: mark(5), behind: vec![(id("a"), mark(3)), (id("b"), mark(2))] });
    assert_eq!(streams.first(), Position(2));

    let mut again = Streams::new(kept.clone(), PAUSE);
    assert_eq!(again.checkpoint(), kept);
    assert_eq!(again.wants_more(), Some((id("a"), mark(3))));
    again.refill(&id("a"), vec![event("a", 3)], None);
    again.refill(&id("b"), Vec::new(), None);
    assert_eq!(again.checkpoint().behind, [(id("a"), mark(3))], "nothing more was found of b");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_with_too_much_to_tell_is_read_again_and_others_go_on() {
    let mut streams = streams();
    read(&mut streams, &["loud"; QUEUE + 5]);
    read(&mut streams, &["quiet"]);
    assert_eq!(streams.open[&id("loud")].queue.len(), QUEUE);
    let quiet = QUEUE as u64 + 6;
    assert_eq!(calls(&mut streams, Instant::now()), [call("loud", 1), call("quiet", quiet)]);
    for position in 2..=QUEUE as u64 {
        streams.done(&id("loud"));
        assert_eq!(calls(&mut streams, Instant::now()), [call("loud", position)]);
        assert_eq!(streams.wants_more(), None);
    }
    streams.done(&id("loud"));
    let rest = mark(QUEUE as u64 + 1);
    assert_eq!(streams.wants_more(), Some((id("loud"), rest)));
    streams.refill(&id("loud"), vec![event("loud", rest.from.0)], Some(mark(rest.from.0 + 1)));
    assert_eq!(calls(&mut streams, Instant::now()), [call("loud", rest.from.0)]);
    assert_eq!(streams.first(), rest.from);
}

#[tokio::test(start_paused = true)]
async fn the_journal_is_read_no_further_than_there_are_streams() {
    let mut streams = streams();
    for n in 0..STREAMS as u64 {
        assert!(streams.offer(event(&n.to_string(), n + 1)));
    }
    assert!(!streams.has_room() && !streams.offer(event("one more", 999)));
    assert!(streams.offer(event("7", 999)), "it has a stream");
    assert_eq!(streams.call(Instant::now()).unwrap().notification.conversation.as_str(), "0");
    streams.done(&id("0"));
    assert!(streams.has_room() && streams.offer(event("one more", 999)));
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_is_given_up_once_the_receiver_has_taken_others() {
    let mut streams = streams();
    read(&mut streams, &["a", "a"]);
    let mut now = Instant::now();
    let mut attempt = |streams: &mut Streams, failure| {
        now += PAUSE;
        assert_eq!(calls(streams, now), [call("a", 1)]);
        streams.failed(&id("a"), failure, now, 1.0)
    };
    for _ in 0..2 * TRIES {
        assert_eq!(attempt(&mut streams, CallFailure::Refused), Verdict::Later, "nothing is taken at all");
    }
    streams.taken += 1;
    assert_eq!(attempt(&mut streams, CallFailure::Unable), Verdict::Later, "it may be able to later");
    assert_eq!(attempt(&mut streams, CallFailure::Refused), Verdict::GivenUp);
    assert_eq!(calls(&mut streams, now), [call("a", 2)]);
    assert_eq!(
        streams.failed(&id("a"), CallFailure::Refused, now, 1.0),
        Verdict::Later,
        "it has tries of its own"
    );
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_to_the_longest() {
    let mut streams = streams();
    read(&mut streams, &["a"]);
    let mut now = Instant::now();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert_eq!(calls(&mut streams, now).len(), 1);
        streams.failed(&id("a"), CallFailure::Unable, now, 1.0);
        let next = streams.wake_at().unwrap();
        pauses.push((next - now).as_millis());
        now = next;
    }
    assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
}
