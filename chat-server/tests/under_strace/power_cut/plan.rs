//! The batches to write: the same each time, numbered from 0, with every kind of change in them.

use chat_core::conversation::Conversation;
use chat_core::id::{ConversationId, NONCE_BYTES, Nonce};
use chat_core::permission::{may_create, may_take_part};
use chat_core::protocol::{Role, RoomType};
use chat_core::store::{
    AppendMessage, CONTROL_TEAM, Change, CreateConversation, Facts, MarkRead, Membership, MemoryStore, Query,
    Store, StoredAccount,
};
use futures::executor::block_on;
use server_test_support::store::{self, load, stored_account, time};

/// All users who write or read.
pub(crate) const USERS: [&str; 3] = ["driver", "control", "regulator"];

/// Lengths of contents: within a sector, over some, and too long for the index.
const LENGTHS: [usize; 6] = [40, 500, 2_000, 10, 5_000, 900];

/// A store that holds the first batches.
pub(crate) fn reference(batches: usize) -> MemoryStore {
    let reference = store::reference();
    (0..batches).for_each(|number| drop(block_on(reference.commit(batch(&reference, number))).unwrap()));
    reference
}

/// A batch, decided on the store before it.
///
/// Among its changes are repeats of earlier ones, one that supposes another version, and one
/// without effect.
pub(crate) fn batch(before: &MemoryStore, number: usize) -> Vec<Change> {
    if number == 0 {
        let roles = [Role::BusDriver, Role::ControlStaff, Role::QueueRegulator];
        return USERS.iter().zip(roles).map(|(user, role)| store::account(user, role)).collect();
    }
    let mut changes = Vec::new();
    if number % 4 == 1 {
        changes.push(creation(before, number));
    }
    let id = conversation((number - 1) / 4 * 4 + 1);
    let Some(known) = known(before, &id) else { return changes };
    let message = |part: usize| message(before, &known, number, part);
    let read = |user: &str| read(before, &known, user);
    changes.extend((0..=number % 3).map(message));
    match number % 4 {
        2 => changes.push(membership(&known, Change::Enrol, "regulator")),
        3 => changes.extend([message(0), read("control"), read("driver")]),
        0 => changes.extend([membership(&known, Change::Withdraw, "regulator"), message(3)]),
        _ => (),
    }
    changes
}

/// The ids under which something is done in the first batches.
pub(crate) fn client_message_ids(batches: usize) -> Vec<String> {
    (0..batches).flat_map(|number| (0..5).map(move |part| client_message_id(number, part))).collect()
}

fn client_message_id(number: usize, part: usize) -> String {
    format!("batch {number}, part {part}")
}

fn conversation(number: usize) -> ConversationId {
    format!("conv_{number}").into()
}

fn creation(before: &MemoryStore, number: usize) -> Change {
    Change::CreateConversation(CreateConversation {
        permit: may_create(&account(before, "driver")).unwrap(),
        id: conversation(number),
        title: format!("Support: {number}").into(),
        room_type: RoomType::DriverSupport,
        teams: vec![CONTROL_TEAM.into()],
        to: Vec::new(),
        nonce: nonce(number, 4),
        content: text(number, 4),
        client_message_id: Some(client_message_id(number, 4).as_str().into()),
        at: time(600 * i64::try_from(number).unwrap()),
    })
}

fn message(before: &MemoryStore, known: &Conversation, number: usize, part: usize) -> Change {
    Change::AppendMessage(AppendMessage {
        is_press: false,
        order: None,
        permit: may_take_part(&account(before, "driver"), Some(known)).unwrap(),
        nonce: nonce(number, part),
        content: text(number, part),
        client_message_id: Some(client_message_id(number, part).as_str().into()),
        at: time(600 * i64::try_from(number).unwrap()),
    })
}

fn read(before: &MemoryStore, known: &Conversation, user: &str) -> Change {
    let permit = may_take_part(&account(before, user), Some(known)).unwrap();
    Change::MarkRead(MarkRead {
        permit,
        up_to: known.last_seq,
        message_id: "msg_read".into(),
        at: known.last_message_at,
    })
}

fn membership(known: &Conversation, change: fn(Membership) -> Change, user: &str) -> Change {
    change(Membership { conversation: known.id.clone(), version: known.version, user: user.into() })
}

fn account(store: &MemoryStore, user: &str) -> StoredAccount {
    stored_account(store, user).expect("the first batch puts the account")
}

fn known(store: &MemoryStore, id: &ConversationId) -> Option<Conversation> {
    let Facts::Conversation(found) = load(store, Query::Conversation(id.clone())).facts else {
        panic!("not a conversation")
    };
    found
}

fn nonce(number: usize, part: usize) -> Nonce {
    Nonce([u8::try_from(number * 8 + part).unwrap(); NONCE_BYTES])
}

fn text(number: usize, part: usize) -> std::sync::Arc<str> {
    let length = LENGTHS[(number * 5 + part) % LENGTHS.len()];
    format!("{number}.{part} ").repeat(length / 4).into()
}
