//! The requirements on any [`Store`], as tests: [`store_conformance!`](crate::store_conformance)
//! makes one test of each, and [`shared_store_conformance!`](crate::shared_store_conformance) one
//! of each requirement on a store that several engines share.
//!
//! A [`Fixture`] makes a fresh store, and can open it again after a clean end and after a crash.
//! Each case runs twice: as written, and with the store opened again after each commit, because
//! committed data must not depend on the memory of a process. A failed case names the broken rule
//! of the [port](crate::store).
//!
//! A killed process loses no write that the system still holds, so no case finds a missing sync.
//! Let [`Fixture::crash`] drop unsynced writes, or trace the system calls as
//! `chat-server/tests/under_strace` does.
//!
//! ```
//! use chat_core::store::MemoryStore;
//! use chat_core::testing::conformance::Fixture;
//!
//! struct InMemory;
//!
//! impl Fixture for InMemory {
//!     type Store = MemoryStore;
//!     async fn create(&mut self) -> MemoryStore {
//!         MemoryStore::new("epoch")
//!     }
//!     async fn reopen(&mut self, store: MemoryStore) -> MemoryStore {
//!         store
//!     }
//!     async fn crash(&mut self, _: MemoryStore) -> Option<MemoryStore> {
//!         None // A store in memory keeps nothing.
//!     }
//! }
//!
//! chat_core::store_conformance!(InMemory);
//! # fn main() {}
//! ```

#![expect(clippy::missing_panics_doc, reason = "to panic is how a case fails")]

mod accounts;
mod bench;
mod cases;
pub mod concurrency;
pub mod conflicts;
pub mod creation;
pub mod directory;
pub mod duplicates;
pub mod durability;
pub mod emergencies;
pub mod history;
pub mod list;
pub mod membership;
pub mod messages;
pub mod notes;
pub mod orders;
pub mod positions;
mod queries;
pub mod reading;
pub mod rights;
pub mod shared;
mod shared_cases;
pub mod teams;
pub mod work;
pub mod work_lists;

use std::future::Future;

pub use bench::Bench;
#[doc(hidden)]
pub use futures::executor::block_on;

use crate::store::Store;

/// A maker of the stores under test.
pub trait Fixture {
    /// The store under test.
    type Store: Store;

    /// A fresh store with nothing in it. Called once.
    fn create(&mut self) -> impl Future<Output = Self::Store>;

    /// Closes the store and opens it again, as a restart of the process would.
    ///
    /// A store that lives in memory only is handed back as it is.
    fn reopen(&mut self, store: Self::Store) -> impl Future<Output = Self::Store>;

    /// Opens the store as a new process finds it after the old one was killed, or `None` if the
    /// store keeps nothing beyond its process on purpose.
    ///
    /// Neither the store's close nor its `Drop` may help: for a store in files, copy the files,
    /// and only then drop the store and open the copy. For a database, leave the connection open.
    fn crash(&mut self, store: Self::Store) -> impl Future<Output = Option<Self::Store>>;
}

/// Whether a case fails. Its message goes to the output of the test.
#[doc(hidden)]
pub fn fails(case: impl Future<Output = ()>) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| block_on(case))).is_err()
}

/// Whether a case opens the store again between its steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reopening {
    /// It stays open.
    Never,
    /// After each commit.
    AfterCommit,
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_in_the_list() {
        let list = include_str!("cases.rs");
        let themes = [
            ("concurrency", include_str!("concurrency.rs")),
            ("conflicts", include_str!("conflicts.rs")),
            ("creation", include_str!("creation.rs")),
            ("directory", include_str!("directory.rs")),
            ("duplicates", include_str!("duplicates.rs")),
            ("durability", include_str!("durability.rs")),
            ("history", include_str!("history.rs")),
            ("list", include_str!("list.rs")),
            ("membership", include_str!("membership.rs")),
            ("messages", include_str!("messages.rs")),
            ("positions", include_str!("positions.rs")),
            ("reading", include_str!("reading.rs")),
            ("rights", include_str!("rights.rs")),
            ("teams", include_str!("teams.rs")),
            ("work", include_str!("work.rs")),
            ("work_lists", include_str!("work_lists.rs")),
        ];
        for (theme, source) in themes {
            for case in source.split("\npub async fn ").skip(1) {
                let case = case.split('<').next().unwrap();
                assert!(list.contains(&format!(" {theme}::{case},\n")), "{theme}::{case} is not in the list");
            }
        }
        let list = include_str!("shared_cases.rs");
        for case in include_str!("shared.rs").split("\npub async fn ").skip(1) {
            let case = case.split('<').next().unwrap();
            assert!(list.contains(&format!(" {case},\n")), "{case} is not in the list");
        }
    }
}
