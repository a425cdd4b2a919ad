//! A load sees one moment: a row that moves in the index meanwhile is neither missed nor seen
//! twice.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use chat_core::id::{ConversationId, NONCE_BYTES, Nonce};
use chat_core::permission::may_take_part;
use chat_core::store::{AppendMessage, Change};
use chat_server::store::{LocalStore, Observer, Options, Progress};
use server_test_support::store::{all_of, commit, creation, driver, known, open_with, page, time};
use tempfile::TempDir;

const CONVERSATIONS: usize = 40;

/// How often the index must have changed while lists are loaded.
const CHANGES: u64 = 10;

/// A message in another hour than the one before it: the conversation moves to the front of the
/// list.
fn message_in_hour(id: &ConversationId, hour: u64) -> Change {
    Change::AppendMessage(AppendMessage {
        permit: may_take_part(&driver(), Some(&known(id, 1))).unwrap(),
        nonce: Nonce([3; NONCE_BYTES]),
        content: "moves".into(),
        client_message_id: None,
        at: time(3_600 * i64::try_from(hour).unwrap()),
    })
}

/// The progress of the two threads at work on the store.
#[derive(Default)]
struct Progresses {
    /// Lists begun.
    lists: AtomicU64,
    /// Changes of the index begun.
    changes: AtomicU64,
    /// No list is begun any more.
    ended: AtomicBool,
}

impl Progresses {
    /// Asks for a change of the index during the next load of a list, not before.
    fn change(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        let begun = self.lists.load(Ordering::Acquire);
        while self.lists.load(Ordering::Acquire) == begun && !self.ended.load(Ordering::Acquire) {
            thread::yield_now();
        }
    }
}

fn watched(dir: &TempDir) -> (Arc<Progresses>, LocalStore) {
    let progresses = Arc::new(Progresses::default());
    let told = progresses.clone();
    let observer = Observer::new(move |progress| {
        if matches!(progress, Progress::Indexing(_)) {
            told.change();
        }
    });
    (progresses, open_with(dir.path(), Options { observer, ..Options::default() }))
}

/// Loads a list. Each conversation is in the list once, and all have come equally far, no less than
/// `seen`.
fn look(store: &LocalStore, ids: &[ConversationId], seen: u64) {
    let page = page(store, all_of("control"));
    let mut listed: Vec<_> = page.rows.iter().map(|row| row.conversation.id.clone()).collect();
    listed.sort();
    assert_eq!(listed, ids, "each is listed once");
    let last = page.rows[0].conversation.last_seq;
    assert!(last >= seen, "{last} was seen, and {seen} was acknowledged before");
    assert!(page.rows.iter().all(|row| row.conversation.last_seq == last), "a batch is seen whole");
}

#[test]
fn a_list_holds_every_conversation_once_while_they_move() {
    let dir = TempDir::new().unwrap();
    let (progresses, store) = watched(&dir);
    let ids: Vec<ConversationId> =
        (0..CONVERSATIONS).map(|number| format!("conv_{number:02}").into()).collect();
    let acknowledged = AtomicU64::new(1);
    commit(&store, ids.iter().map(|id| creation(id, None)).collect());
    let is_open = || progresses.changes.load(Ordering::Acquire) <= CHANGES;
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in (1..).take_while(|_| is_open()) {
                commit(&store, ids.iter().map(|id| message_in_hour(id, round)).collect());
                acknowledged.store(round + 1, Ordering::Release);
            }
        });
        let looked = catch_unwind(AssertUnwindSafe(|| {
            while !writer.is_finished() {
                let seen = acknowledged.load(Ordering::Acquire);
                progresses.lists.fetch_add(1, Ordering::AcqRel);
                look(&store, &ids, seen);
            }
        }));
        progresses.ended.store(true, Ordering::Release);
        looked.unwrap();
    });
}
