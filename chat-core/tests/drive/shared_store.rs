//! Two drives over one store.

use chat_core::engine::Engine;
use chat_core::protocol::CloseCode;
use chat_core::store::{Event, MemoryState, MemoryStore, Position};
use core_test_support::chat::{Chat, Client};
use core_test_support::{driver, live_seqs, of_type, staff, unhurried};

/// Two running drives over one store, and another handle of the store.
fn two() -> (Chat, Chat, MemoryStore) {
    let store = MemoryStore::from(MemoryState::new("epoch_1").shared());
    let chat = |seed| {
        let mut chat = Chat::over(store.another(), Engine::new(unhurried(), [seed; 32]), |drive| drive);
        chat.settle();
        chat
    };
    (chat(1), chat(2), store)
}

fn connect(chat: &mut Chat, other: &mut Chat, user: &chat_core::protocol::User) -> Client {
    let client = chat.connect(user, 64);
    chat.settle();
    other.settle();
    chat.settle();
    client
}

#[test]
fn each_hears_of_the_changes_of_the_other() {
    let (mut here, mut there, _) = two();
    let mut staff = connect(&mut here, &mut there, &staff());
    let mut driver = connect(&mut there, &mut here, &driver());
    there.create(&mut driver);
    let heard = here.hear_json(&mut staff);
    assert_eq!((of_type(&heard, "new_support_conversation").len(), live_seqs(&heard)), (1, vec![1]));
    let seen = std::iter::from_fn(|| here.events.try_recv().ok());
    let seen: Vec<_> = seen.map(|(_, event)| matches!(event, Event::ConversationCreated(_))).collect();
    let origins: Vec<_> = std::iter::from_fn(|| here.here.try_recv().ok()).collect();
    assert_eq!((seen, origins), (vec![false, false, true], vec![true, false, false]));
}

#[test]
fn another_epoch_ends_the_drive() {
    let (mut here, mut there, store) = two();
    let mut staff = connect(&mut here, &mut there, &staff());
    store.alter(|state| state.lose_after(Position(0), "epoch_2"));
    let heard = here.hear(&mut staff);
    assert_eq!(heard.last(), Some(&chat_core::drive::Frame::Close(CloseCode::GoingAway)));
    assert!(here.ended.borrow().is_some());
    let mut next = Chat::over(store.another(), Engine::new(unhurried(), [3; 32]), |drive| drive);
    next.settle();
    let mut driver = next.connect(&driver(), 64);
    next.create(&mut driver);
}
