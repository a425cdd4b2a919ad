//! Stores with one fault each, which the conformance suite must find by name.

#![expect(
    clippy::disallowed_types,
    reason = "a store is shared by reference; no lock is held across an await"
)]

use std::cmp::Reverse;
use std::future::poll_fn;
use std::mem;
use std::sync::Mutex;
use std::task::Poll;

use chat_core::conversation::Conversation;
use chat_core::id::{ConversationId, UserId};
use chat_core::store::{
    Change, Facts, Loaded, MemoryState, Position, Query, Store, StoredAccount, UnavailableError, Verdict,
};
use chat_core::testing::conformance::Fixture;

use super::credulous::judge;

/// Reads no more than this many rows of any table.
const HUNDRED: usize = 100;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Writes its content to the disk only when it is closed.
    WritesAtItsEnd,
    /// Orders conversations and accounts by the time of their insertion.
    OrdersByInsertion,
    /// Reads at most a hundred participants, members and rows.
    ReadsHundred,
    /// Claims the position of the next change already.
    IsAheadOfItself,
    /// Reads the facts, and the position only later.
    ReadsPositionLater,
    /// Makes the two halves of a batch visible one after the other.
    ShowsHalves,
    /// Does not compare the rights position of the user who acts.
    IgnoresRights,
    /// Does not compare the position of the account that is replaced.
    IgnoresReplaced,
}

/// A store in memory with a fault. One type, because each type compiles the whole suite again.
struct Faulty {
    fault: Fault,
    memory: Mutex<MemoryState>,
    conversations: Mutex<Vec<ConversationId>>,
    accounts: Mutex<Vec<UserId>>,
}

/// The fixture of a faulty store, with the content of its disk.
struct Disk(Fault, MemoryState);

impl Disk {
    fn open(&self) -> Faulty {
        let (conversations, accounts) = Default::default();
        Faulty { fault: self.0, memory: Mutex::new(self.1.clone()), conversations, accounts }
    }
}

impl Fixture for Disk {
    type Store = Faulty;

    async fn create(&mut self) -> Faulty {
        self.open()
    }

    async fn reopen(&mut self, store: Faulty) -> Faulty {
        self.1 = store.memory.lock().unwrap().clone();
        store
    }

    async fn crash(&mut self, store: Faulty) -> Option<Faulty> {
        Some(if self.0 == Fault::WritesAtItsEnd { self.open() } else { store })
    }
}

/// Lets the rest of the world go on.
async fn others_go_on() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if mem::replace(&mut has_yielded, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl Store for Faulty {
    async fn load(&self, query: Query) -> Result<Loaded, UnavailableError> {
        let mut loaded = self.memory.lock().unwrap().answer(query);
        match self.fault {
            Fault::OrdersByInsertion => self.order_by_insertion(&mut loaded.facts),
            Fault::ReadsHundred => cut(&mut loaded.facts),
            Fault::IsAheadOfItself => loaded.position = Position(loaded.position.0 + 1),
            Fault::ReadsPositionLater => {
                others_go_on().await;
                loaded.position = self.memory.lock().unwrap().exported().position;
            }
            Fault::None
            | Fault::WritesAtItsEnd
            | Fault::ShowsHalves
            | Fault::IgnoresRights
            | Fault::IgnoresReplaced => {}
        }
        Ok(loaded)
    }

    async fn commit(&self, mut changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        changes.iter().for_each(|change| self.note(change));
        let is_long = changes.len() >= 40;
        let rest = match self.fault {
            Fault::ShowsHalves if is_long => changes.split_off(changes.len() / 2),
            _ => Vec::new(),
        };
        if self.fault == Fault::ReadsPositionLater {
            others_go_on().await;
        }
        let mut verdicts = judge(self.fault, &mut self.memory.lock().unwrap(), changes)?;
        if matches!(self.fault, Fault::ReadsPositionLater | Fault::ShowsHalves) && is_long {
            others_go_on().await;
        }
        verdicts.extend(judge(self.fault, &mut self.memory.lock().unwrap(), rest)?);
        Ok(verdicts)
    }
}

impl Faulty {
    fn note(&self, change: &Change) {
        match change {
            Change::CreateConversation(create) => self.conversations.lock().unwrap().push(create.id.clone()),
            Change::PutAccount(put) => self.accounts.lock().unwrap().push(put.account.user.id.clone()),
            Change::AppendMessage(_)
            | Change::AppendEntry(_)
            | Change::Escalate(_)
            | Change::ExpireOrder(_)
            | Change::MarkRead(_)
            | Change::Enrol(_)
            | Change::Withdraw(_) => {}
        }
    }

    fn order_by_insertion(&self, facts: &mut Facts) {
        let (conversations, accounts) = (self.conversations.lock().unwrap(), self.accounts.lock().unwrap());
        let place = |wanted: &ConversationId| conversations.iter().position(|id| id == wanted);
        let account_place = |known: &StoredAccount| accounts.iter().position(|id| *id == known.user().id);
        match facts {
            Facts::Directory(directory) => directory.staff.sort_by_key(account_place),
            Facts::Conversations(page) => {
                page.rows.sort_by_key(|row| Reverse(place(&row.conversation.id)));
            }
            _ => {}
        }
    }
}

fn cut(facts: &mut Facts) {
    let cut_one = |conversation: &mut Conversation| {
        let members = &mut conversation.participation.members;
        let named = members.iter().take(HUNDRED).map(|(user, standing)| (user.clone(), standing));
        *members = named.collect();
    };
    match facts {
        Facts::Directory(directory) => directory.staff.truncate(HUNDRED),
        Facts::Conversation(found) => found.iter_mut().for_each(cut_one),
        Facts::Conversations(page) => {
            page.rows.truncate(HUNDRED);
            page.rows.iter_mut().for_each(|row| cut_one(&mut row.conversation));
        }
        _ => {}
    }
}

/// The cases that a store with this fault fails.
fn failures(fault: Fault) -> Vec<&'static str> {
    chat_core::store_conformance_failures!(Disk(fault, MemoryState::new("epoch")))
}

#[test]
fn a_store_without_a_fault_passes() {
    assert_eq!(failures(Fault::None), [] as [&str; 0]);
}

#[test]
fn a_store_that_makes_nothing_durable_fails() {
    let expected = [
        "the_work_survives_a_crash",
        "emergencies_survive_a_crash",
        "orders_survive_a_crash",
        "notes_survive_a_crash",
        "lists_by_work_survive_a_crash",
        "an_account_survives_a_crash",
        "a_conversation_survives_a_crash",
        "a_message_survives_a_crash",
        "a_read_position_survives_a_crash",
        "a_membership_survives_a_crash",
        "a_client_message_id_survives_a_crash",
        "positions_and_the_epoch_survive_a_crash",
    ];
    assert_eq!(failures(Fault::WritesAtItsEnd), expected);
}

#[test]
fn a_store_that_orders_by_insertion_fails() {
    let found = failures(Fault::OrdersByInsertion);
    for expected in ["newest_activity_comes_first", "staff_is_every_active_account_in_control_or_a_team"] {
        assert!(found.contains(&expected), "{expected} is not in {found:?}");
    }
}

#[test]
fn a_store_that_reads_at_most_a_hundred_fails() {
    assert_eq!(failures(Fault::ReadsHundred), ["hundreds_of_members_and_conversations_are_read"]);
}

#[test]
fn a_store_whose_position_is_ahead_of_its_facts_fails() {
    let found = failures(Fault::IsAheadOfItself);
    assert!(found.contains(&"a_load_claims_no_position_before_its_changes"), "{found:?}");
}

#[test]
fn a_store_that_reads_its_position_after_the_facts_fails() {
    let found = failures(Fault::ReadsPositionLater);
    assert_eq!(found, ["a_load_beside_a_commit_sees_all_or_nothing"]);
}

#[test]
fn a_store_that_shows_half_a_batch_fails() {
    assert_eq!(failures(Fault::ShowsHalves), ["a_load_beside_a_commit_sees_all_or_nothing"]);
}

#[test]
fn a_store_that_ignores_the_rights_position_fails() {
    let expected =
        ["a_change_on_other_rights_conflicts", "a_user_refused_once_is_refused_in_the_whole_batch"];
    assert_eq!(failures(Fault::IgnoresRights), expected);
}

#[test]
fn a_store_that_ignores_the_replaced_position_fails() {
    let expected =
        ["an_account_that_replaces_another_conflicts", "of_two_changes_of_an_account_the_first_stands"];
    assert_eq!(failures(Fault::IgnoresReplaced), expected);
}
