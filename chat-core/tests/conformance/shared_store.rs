//! The conformance suite of shared stores, on the store in memory and on stores with a fault.

use chat_core::store::{
    Change, CommitId, Followed, Loaded, MemoryState, MemoryStore, Position, Query, Store, UnavailableError,
    Verdict,
};
use chat_core::testing::conformance::Fixture;
use chat_core::testing::conformance::shared::SharedFixture;
use futures::FutureExt;

/// The fault of a store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The history leaves out an event.
    Hole,
    /// The history does not wait for the next event.
    NeverWaits,
    /// The history does not name commits.
    Nameless,
    /// The engine does not learn that others change the store.
    Secret,
    /// A handle answers in another epoch too.
    Timeless,
    /// Each handle sees only what was there when it was opened, and its own commits.
    Apart,
}

struct Faulty {
    inner: MemoryStore,
    fault: Fault,
}

impl Faulty {
    /// A handle that answers in any epoch.
    fn present(&self) -> MemoryStore {
        self.inner.another()
    }
}

impl Store for Faulty {
    async fn load(&self, query: Query) -> Result<Loaded, UnavailableError> {
        match self.fault {
            Fault::Timeless => self.present().load(query).await,
            Fault::Secret => Ok(MemoryState::new("epoch").answer(query)),
            _ => self.inner.load(query).await,
        }
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        self.inner.commit(changes).await
    }

    async fn commit_as(&self, id: CommitId, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        match self.fault {
            Fault::Nameless => self.inner.commit(changes).await,
            Fault::Timeless => self.present().commit_as(id, changes).await,
            _ => self.inner.commit_as(id, changes).await,
        }
    }

    async fn follow(&self, after: Position) -> Result<Followed, UnavailableError> {
        if self.fault == Fault::NeverWaits {
            return Ok(self.inner.alter(|state| state.follow(after)));
        }
        let next = self.inner.follow(after);
        let mut followed = match self.fault {
            // A case that waited for an event that never comes would not end.
            Fault::Apart => next.now_or_never().ok_or_else(|| UnavailableError::new("nothing is here"))??,
            _ => next.await?,
        };
        if self.fault == Fault::Hole && followed.happened.len() > 1 {
            followed.happened.remove(0);
        }
        Ok(followed)
    }
}

struct InMemory(Fault);

impl Fixture for InMemory {
    type Store = Faulty;

    async fn create(&mut self) -> Faulty {
        Faulty { inner: MemoryState::new("epoch").shared().into(), fault: self.0 }
    }

    async fn reopen(&mut self, store: Faulty) -> Faulty {
        store
    }

    async fn crash(&mut self, _: Faulty) -> Option<Faulty> {
        None // It keeps nothing beyond its process.
    }
}

impl SharedFixture for InMemory {
    async fn another(&mut self, store: &Faulty) -> Faulty {
        let inner = match self.0 {
            Fault::Apart => store.inner.alter(|state| state.clone()).into(),
            _ => store.inner.another(),
        };
        Faulty { inner, fault: self.0 }
    }

    async fn begin_epoch(&mut self, store: &Faulty) {
        store.inner.alter(|state| state.lose_after(Position(0), "another epoch"));
    }
}

chat_core::shared_store_conformance!(InMemory(Fault::None));

fn failures(fault: Fault) -> Vec<&'static str> {
    chat_core::shared_store_conformance_failures!(InMemory(fault))
}

#[test]
fn each_fault_fails_its_case() {
    assert!(failures(Fault::None).is_empty());
    for (fault, case) in [
        (Fault::Hole, "the_history_has_every_event_once"),
        (Fault::Nameless, "the_history_has_every_event_once"),
        (Fault::NeverWaits, "the_history_waits_for_the_next_event"),
        (Fault::Secret, "the_directory_says_that_the_store_is_shared"),
        (Fault::Timeless, "a_handle_does_not_outlive_its_epoch"),
        (Fault::Apart, "a_load_sees_the_commits_of_another_handle"),
        (Fault::Apart, "two_handles_make_one_history"),
        (Fault::Apart, "a_request_at_two_handles_at_once_is_stored_once"),
        (Fault::Apart, "a_version_raised_at_another_handle_conflicts"),
        (Fault::Apart, "an_account_replaced_at_another_handle_conflicts"),
        (Fault::Nameless, "a_refused_change_is_not_in_the_history"),
    ] {
        let failures = failures(fault);
        assert!(failures.contains(&case), "{case} is not among {failures:?}");
    }
}
