//! The clock of the operating system, and a store that blocks.

use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chat_core::drive::Clock;
use chat_core::protocol::{Role, User};
use chat_core::store::{
    Account, Change, CommitId, Loaded, MemoryState, MemoryStore, Position, PutAccount, Query, Store,
    UnavailableError, Verdict,
};
use chat_core::system::{Blocking, BlockingHistory, BlockingStore, SystemClock};
use chat_core::testing::conformance::Fixture;
use chat_core::testing::conformance::shared::SharedFixture;
use chat_core::time::{Monotonic, Timestamp};
use futures::executor::block_on;
use futures::future::FutureExt;

#[test]
fn a_system_clock_sleeps_for_what_is_left() {
    let slept = AtomicU64::new(u64::MAX);
    let clock = SystemClock::start(|pause: Duration| {
        slept.store(pause.as_secs(), Ordering::Relaxed);
        ready(())
    });
    let asked = Monotonic(clock.now().monotonic.0 + Duration::from_hours(1));
    block_on(clock.sleep_until(asked));
    assert!((1..=3_600).contains(&slept.load(Ordering::Relaxed)));
    block_on(clock.sleep_until(Monotonic(Duration::ZERO)));
    assert_eq!(slept.load(Ordering::Relaxed), 0, "the time is past");
    block_on(clock.sleep_until(Monotonic(Duration::MAX)));
}

#[test]
fn a_system_clock_never_falls_and_knows_the_year() {
    let clock = SystemClock::start(|_| ready(()));
    let (first, second) = (clock.now(), clock.now());
    assert!(first.monotonic <= second.monotonic);
    assert!(first.wall > Timestamp::from_millis(1_700_000_000_000));
}

struct Memory(MemoryState);

impl BlockingStore for Memory {
    fn load(&mut self, query: Query) -> Result<Loaded, UnavailableError> {
        match query {
            Query::Account(user) if user.as_str() == "panic" => panic!("as asked"),
            query => Ok(self.0.answer(query)),
        }
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        Ok(self.0.judge(changes))
    }
}

fn blocking(state: MemoryState) -> Blocking<Memory> {
    Blocking::start(Memory(state)).unwrap()
}

#[test]
fn a_call_that_nobody_waits_for_is_carried_out_all_the_same() {
    let store = blocking(MemoryState::new("epoch"));
    let account = Account::new(User::new("driver_1", Role::BusDriver));
    let mut commit = Box::pin(store.commit(vec![Change::PutAccount(PutAccount { account, replaces: None })]));
    let _begun = (&mut commit).now_or_never();
    drop(commit);
    let Memory(state) = store.close().unwrap();
    assert_eq!(state.exported().accounts.len(), 1);
}

#[test]
fn a_store_that_panics_is_unavailable_from_then_on() {
    let store = blocking(MemoryState::new("epoch"));
    for user in ["panic", "driver_1"] {
        let lost = block_on(store.load(Query::Account(user.into()))).unwrap_err();
        assert_eq!(lost.reason, "the store has panicked");
    }
    assert!(store.close().is_none());
}

struct OnAThread;

impl Fixture for OnAThread {
    type Store = Blocking<Memory>;

    async fn create(&mut self) -> Self::Store {
        blocking(MemoryState::new("epoch"))
    }

    async fn reopen(&mut self, store: Self::Store) -> Self::Store {
        let Memory(state) = store.close().unwrap();
        blocking(state)
    }

    async fn crash(&mut self, _: Self::Store) -> Option<Self::Store> {
        None
    }
}

chat_core::store_conformance!(OnAThread);

/// A handle of a shared store.
struct Shared(MemoryStore);

impl BlockingStore for Shared {
    fn load(&mut self, query: Query) -> Result<Loaded, UnavailableError> {
        block_on(self.0.load(query))
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        block_on(self.0.commit(changes))
    }

    fn commit_as(&mut self, id: CommitId, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        block_on(self.0.commit_as(id, changes))
    }

    fn history(&mut self) -> Option<BlockingHistory> {
        let handle = self.0.another();
        Some(Box::new(move |after| block_on(handle.follow(after))))
    }
}

/// Handles on threads, over one store.
struct HandlesOnThreads(MemoryStore);

impl HandlesOnThreads {
    fn handle(&self) -> Blocking<Shared> {
        Blocking::start(Shared(self.0.another())).unwrap()
    }
}

impl Fixture for HandlesOnThreads {
    type Store = Blocking<Shared>;

    async fn create(&mut self) -> Self::Store {
        self.handle()
    }

    async fn reopen(&mut self, store: Self::Store) -> Self::Store {
        store
    }

    async fn crash(&mut self, _: Self::Store) -> Option<Self::Store> {
        None
    }
}

impl SharedFixture for HandlesOnThreads {
    async fn another(&mut self, _: &Self::Store) -> Self::Store {
        self.handle()
    }

    async fn begin_epoch(&mut self, _: &Self::Store) {
        self.0.alter(|state| state.lose_after(Position(0), "another epoch"));
    }
}

mod shared {
    use super::*;

    chat_core::shared_store_conformance!(HandlesOnThreads(MemoryState::new("epoch").shared().into()));
}
