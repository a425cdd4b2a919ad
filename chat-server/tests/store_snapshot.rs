//! A load sees one moment: what moves in the index meanwhile is neither missed nor seen twice.

#[expect(dead_code, reason = "other tests use the rest")]
mod store_support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use chat_core::id::{ConversationId, NONCE_BYTES, Nonce};
use chat_core::permission::may_take_part;
use chat_core::store::{AppendMessage, Change, Facts, Query};
use store_support::{commit, creation, known, load, open, time};
use tempfile::TempDir;

const CONVERSATIONS: usize = 40;
const ROUNDS: u64 = 60;

/// A message in another hour than the one before it: the conversation moves to the front of the list.
fn message_in_hour(id: &ConversationId, hour: u64) -> Change {
    Change::AppendMessage(AppendMessage {
        permit: may_take_part(&"driver".into(), Some(&known(id, 1))).unwrap(),
        nonce: Nonce([3; NONCE_BYTES]),
        content: "moves".into(),
        client_message_id: None,
        at: time(3_600 * i64::try_from(hour).unwrap()),
    })
}

#[test]
fn a_list_holds_every_conversation_once_while_they_move() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let ids: Vec<ConversationId> =
        (0..CONVERSATIONS).map(|number| format!("conv_{number:02}").into()).collect();
    commit(&store, ids.iter().map(|id| creation(id, None)).collect());
    let (acknowledged, ended) = (AtomicU64::new(1), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                commit(&store, ids.iter().map(|id| message_in_hour(id, round)).collect());
                acknowledged.store(round + 1, Ordering::Release);
            }
            ended.store(true, Ordering::Release);
        });
        while !ended.load(Ordering::Acquire) {
            let seen = acknowledged.load(Ordering::Acquire);
            let (user, since) = ("control".into(), time(-1));
            let query =
                Query::Conversations { user, since, skip: 0, limit: u32::MAX, participants: usize::MAX };
            let Facts::Conversations(page) = load(&store, query).facts else { panic!("not a list") };
            let mut listed: Vec<_> = page.rows.iter().map(|row| row.conversation.id.clone()).collect();
            listed.sort();
            assert_eq!(listed, ids);
            let last = page.rows[0].conversation.last_seq;
            assert!(last >= seen, "{last} was seen, and {seen} was acknowledged before");
            assert!(page.rows.iter().all(|row| row.conversation.last_seq == last), "a batch is seen whole");
        }
    });
}
