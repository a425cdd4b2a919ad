//! Queries of the embedder, and a store that the embedder shares with the engine.

use std::sync::Arc;

use chat_core::drive::{Clock, Drive, NoRefresh, QueryError, StoppedError};
use chat_core::engine::{Claims, Engine, Settings, Teams};
use chat_core::protocol::{Role, User};
use chat_core::store::{Facts, MemoryStore, Query, Store, StoredAccount, UnavailableError, Window};
use chat_core::testing::{NorthAndSouth, StoppedClock};
use chat_core::time::{Monotonic, Timestamp};
use core_test_support::chat::Chat;
use core_test_support::{driver, named, secs, settings, staff, unhurried};
use futures::executor::{LocalPool, block_on};
use futures::future::FutureExt;
use futures::task::LocalSpawnExt;

#[test]
fn an_embedder_reads_accounts_conversations_and_messages() {
    let mut chat = Chat::new(settings(|limits| limits.pages.messages_most = 3));
    let mut sender = chat.connect(&driver(), 100);
    let conversation = chat.create(&mut sender);
    (0..5).for_each(|n| sender.send(&conversation, &format!("message {n}")));
    chat.hear(&mut sender);
    let (handle, id) = (chat.handle.clone(), || conversation.as_str().into());
    let known = async {
        let account = handle.account(driver().id).await.unwrap().unwrap();
        let found = handle.conversation(id()).await.unwrap().unwrap();
        let page = handle.messages(id(), Window::After(1), 2).await.unwrap();
        let most = handle.messages(id(), Window::Newest { skip: 0 }, u32::MAX).await.unwrap();
        (account, found, page, most)
    };
    let (account, found, page, most) = chat.pool.run_until(known);
    assert_eq!((account.user, account.active), (driver(), true));
    assert_eq!((found.created_by, found.last_seq), (driver().id, 6));
    let contents: Vec<_> = page.messages.iter().map(|message| &*message.content).collect();
    assert_eq!((contents, page.more), (vec!["message 0", "message 1"], true));
    assert_eq!(most.messages.len(), 3, "no more than a client gets");
    let unknown = async {
        let none = handle.account(staff().id).await.unwrap().is_none();
        none && handle.conversation("conv_none".into()).await.unwrap().is_none()
    };
    assert!(chat.pool.run_until(unknown));
}

#[test]
fn a_query_is_answered_while_a_commit_is_under_way() {
    let mut chat = Chat::new(unhurried());
    let mut sender = chat.connect(&driver(), 100);
    let conversation = chat.create(&mut sender);
    chat.gate.shut();
    sender.send(&conversation, "under way");
    chat.settle();
    let handle = chat.handle.clone();
    let found = chat.pool.run_until(handle.conversation(conversation.as_str().into()));
    assert_eq!(found.unwrap().unwrap().last_seq, 1);
}

#[test]
fn a_query_of_a_stopped_engine_or_a_lost_store_is_an_error() {
    let mut chat = Chat::new(unhurried());
    let handle = chat.handle.clone();
    chat.pool.run_until(handle.drain());
    let stopped = chat.pool.run_until(handle.account(driver().id));
    assert_eq!(stopped, Err(QueryError::Stopped(StoppedError)));
    let lost = QueryError::from(UnavailableError::new("it is lost"));
    assert_eq!(lost.to_string(), "the store is unavailable: it is lost");
}

fn north() -> User {
    named("control_3", Role::ControlStaff, "Nora North", "Smith")
}

#[test]
fn a_shared_store_clock_and_policy_are_those_of_the_engine() {
    let store = Arc::new(MemoryStore::new("epoch_1"));
    let clock = Arc::new(StoppedClock::default());
    clock.advance(secs(5));
    let teams: Arc<dyn Teams> = Arc::new(NorthAndSouth);
    let engine =
        Engine::new(Settings { teams: Box::new(Arc::clone(&teams)), ..Settings::default() }, [7; 32]);
    let drive = Drive::new(engine, Arc::clone(&store), Arc::new(NoRefresh), Arc::clone(&clock));
    let (handle, service) = drive.start();
    let mut pool = LocalPool::new();
    pool.spawner().spawn_local(service.map(drop)).unwrap();
    let claims = Claims { user: north(), expires_at: Timestamp::from_millis(1_000_000), issued_at: None };
    let session = pool.run_until(handle.open(claims)).unwrap();
    pool.run_until_stalled();
    let loaded = block_on(store.load(Query::Account(north().id))).unwrap();
    let Facts::Account(Some(StoredAccount { account, .. })) = loaded.facts else {
        panic!("the account is stored")
    };
    assert_eq!((&account.teams, teams.of_user(&north())), (&vec!["North".into()], vec!["North".into()]));
    assert_eq!(account.said.unwrap().at, Timestamp::from_millis(5_000), "by the shared clock");
    assert_eq!(Clock::now(&clock).monotonic, Monotonic(secs(5)));
    assert!(clock.sleep_until(Monotonic(secs(5))).now_or_never().is_some());
    assert!(clock.sleep_until(Monotonic(secs(6))).now_or_never().is_none());
    drop(session);
}
