//! The store behind a server: in its data directory, or shared in a database.

#[cfg(feature = "postgres")]
use std::sync::Arc;
use std::time::Duration;

use chat_core::engine::TypingHint;
use chat_core::id::UserId;
use chat_core::store::{
    Account, Change, CommitId, Facts, Followed, Loaded, Position, Query, Store, UnavailableError, Verdict,
};

use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

#[cfg(feature = "postgres")]
use crate::auth::SecretOrigin;
use crate::config::Config;
use crate::open_store;
#[cfg(feature = "postgres")]
use crate::shared::SharedStore;
use crate::start_error::StartError;
#[cfg(feature = "postgres")]
use crate::store::private;
use crate::store::{EraseError, Erasure, Fault, Hold, HoldSubject, KeepingError, LocalStore};

/// Time for the local disk to answer. A client hears of a hung disk within 10 s.
const DISK_WITHIN: Duration = Duration::from_secs(8);

/// The store of a server.
#[derive(Clone, Debug)]
pub(crate) enum ServerStore {
    /// Journal and index in the data directory.
    Local(LocalStore),
    /// A database, shared with other servers.
    #[cfg(feature = "postgres")]
    Shared(Arc<SharedStore>),
}

impl ServerStore {
    /// Refuses settings that do not go with the store, and a data directory that has lost its
    /// store.
    pub(crate) fn look(config: &Config) -> Result<(), StartError> {
        #[cfg(feature = "postgres")]
        if config.database.database_url.is_some() {
            let given = config.tokens.check(&config.data.data_dir)?;
            return match given {
                SecretOrigin::Made { .. } => Err(StartError::SharedSecret),
                SecretOrigin::Given => Ok(()),
            };
        }
        open_store::look(&config.data.data_dir, config.require_store)?;
        Ok(())
    }

    /// Opens the store of the settings.
    pub(crate) async fn open(config: &Config) -> Result<Self, StartError> {
        #[cfg(feature = "postgres")]
        if let Some(url) = &config.database.database_url {
            // For the administrative socket.
            private::make_dir(&config.data.data_dir).map_err(StartError::DataDir)?;
            return Ok(ServerStore::Shared(Arc::new(SharedStore::open(&url.0).await?)));
        }
        let store = open_store::open(config.data.data_dir.clone(), config.require_store).await?;
        Ok(ServerStore::Local(store))
    }

    /// The store in the data directory, if the server has one.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unnecessary_wraps, reason = "without a database every store is local")
    )]
    pub(crate) fn local(&self) -> Option<&LocalStore> {
        match self {
            Self::Local(store) => Some(store),
            #[cfg(feature = "postgres")]
            Self::Shared(_) => None,
        }
    }

    /// A function that the store can't perform at present.
    pub(crate) fn fault(&self) -> Option<Fault> {
        match self {
            Self::Local(store) => store.fault(),
            #[cfg(feature = "postgres")]
            Self::Shared(store) => (!store.is_reachable()).then_some(Fault::Unreachable),
        }
    }

    /// Tells the other servers over the same store who types.
    pub(crate) fn hint(&self, hint: TypingHint) {
        match self {
            Self::Local(_) => drop(hint),
            #[cfg(feature = "postgres")]
            Self::Shared(store) => store.hint(hint),
        }
    }

    /// A page of the directory: up to `most` users with a greater id than `after`, by id.
    pub(crate) async fn accounts(
        &self,
        after: Option<UserId>,
        most: usize,
    ) -> Result<Vec<Account>, UnavailableError> {
        match self {
            Self::Local(store) => store.accounts(after, most).await,
            #[cfg(feature = "postgres")]
            Self::Shared(store) => store.accounts(after, most).await,
        }
    }

    /// The holds, which erasing obeys.
    pub(crate) async fn holds(&self) -> Result<Vec<Hold>, KeepingError> {
        match self {
            Self::Local(store) => on_disk(store, LocalStore::holds).await?,
            #[cfg(feature = "postgres")]
            Self::Shared(store) => Ok(store.keeping().await?.holds),
        }
    }

    /// Adds a hold. No step of erasing that begins later touches its texts. Refuses an unknown
    /// subject.
    pub(crate) async fn hold(&self, hold: Hold) -> Result<(), KeepingError> {
        self.check_known(&hold.subject).await?;
        match self {
            Self::Local(store) => on_disk(store, move |store| store.hold(hold)).await?,
            #[cfg(feature = "postgres")]
            Self::Shared(store) => store.hold(hold).await,
        }
    }

    /// Checks that the subject of a hold exists. Without an index this can't be seen, and the hold
    /// must be possible all the same, because retention erases then too.
    async fn check_known(&self, subject: &HoldSubject) -> Result<(), KeepingError> {
        let query = match subject {
            HoldSubject::User(user) => Query::Account(user.clone()),
            HoldSubject::Conversation(conversation) => Query::Conversation(conversation.clone()),
        };
        match self.load(query).await.map(|loaded| loaded.facts) {
            Ok(Facts::Account(None) | Facts::Conversation(None)) => {
                Err(KeepingError::Unknown(subject.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Ends a hold. Retention then begins anew with the oldest message.
    pub(crate) async fn release(&self, subject: HoldSubject) -> Result<(), EraseError> {
        match self {
            Self::Local(store) => on_disk(store, move |store| store.release(&subject)).await?,
            #[cfg(feature = "postgres")]
            Self::Shared(store) => Ok(store.release(subject).await?),
        }
    }

    /// Erases all texts of a user, unless on hold, and returns their number.
    ///
    /// `go_on` is called after each step with the position reached and the last one, and says
    /// whether to continue.
    pub(crate) async fn erase_user(
        &self,
        erasure: Erasure,
        go_on: impl Fn(u64, u64) -> bool + Send + 'static,
    ) -> Result<u64, EraseError> {
        match self {
            Self::Local(store) => on_disk(store, move |store| store.erase_user(erasure, &go_on)).await?,
            #[cfg(feature = "postgres")]
            Self::Shared(store) => store.erase_user(erasure, go_on).await,
        }
    }
}

/// Runs a call that blocks.
async fn on_disk<T: Send + 'static>(
    store: &LocalStore,
    call: impl FnOnce(&LocalStore) -> T + Send + 'static,
) -> Result<T, KeepingError> {
    let store = store.clone();
    spawn_blocking(move || call(&store)).await.map_err(|_| KeepingError::Broken)
}

impl Store for ServerStore {
    async fn load(&self, query: Query) -> Result<Loaded, UnavailableError> {
        match self {
            Self::Local(store) => {
                timeout(DISK_WITHIN, store.load(query)).await.unwrap_or_else(|_| Err(hung()))
            }
            #[cfg(feature = "postgres")]
            Self::Shared(store) => store.load(query).await,
        }
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        match self {
            Self::Local(store) => store.commit_until(changes, sleep(DISK_WITHIN)).await,
            #[cfg(feature = "postgres")]
            Self::Shared(store) => store.commit(changes).await,
        }
    }

    #[cfg_attr(
        not(feature = "postgres"),
        expect(unused_variables, reason = "a local store needs no names of commits")
    )]
    async fn commit_as(&self, id: CommitId, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        match self {
            Self::Local(store) => store.commit_until(changes, sleep(DISK_WITHIN)).await,
            #[cfg(feature = "postgres")]
            Self::Shared(store) => store.commit_as(id, changes).await,
        }
    }

    async fn follow(&self, after: Position) -> Result<Followed, UnavailableError> {
        match self {
            Self::Local(store) => store.follow(after).await,
            #[cfg(feature = "postgres")]
            Self::Shared(store) => store.follow(after).await,
        }
    }
}

fn hung() -> UnavailableError {
    UnavailableError::new("the disk does not answer")
}
