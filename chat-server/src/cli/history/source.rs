//! The stored events of a history: from the journal, or from a database.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

#[cfg(feature = "postgres")]
use tokio::runtime::Runtime;

use super::HistoryArgs;
#[cfg(feature = "postgres")]
use crate::config::DatabaseUrl;
use crate::open_store;
#[cfg(feature = "postgres")]
use crate::shared::SharedStore;
use crate::store::{JournalHistory, OpenError, Period, history};

/// A journal in words.
pub(super) const JOURNAL: &str = "this journal";

/// The source of the stored events, with the events of the period.
pub(super) enum StoredEvents {
    Journal(JournalHistory),
    /// The data directory has a trail and no journal.
    Nothing,
    /// A database, and the addresses of the servers that live.
    #[cfg(feature = "postgres")]
    Database(JournalHistory, Vec<String>),
}

impl StoredEvents {
    /// Reads the events. Refuses a directory without a journal and without a trail: an answer about
    /// it would be wrong.
    pub(super) fn read(args: &HistoryArgs, period: &Period, has_trail: bool) -> Result<Self, Box<dyn Error>> {
        #[cfg(feature = "postgres")]
        if let Some(url) = &args.database.database_url {
            return Runtime::new()?.block_on(Self::read_database(url, period));
        }
        let dir = &args.data.data_dir;
        match open_store::look(dir, true) {
            Ok(_) => Ok(Self::Journal(history(dir, period)?)),
            Err(OpenError::Missing { .. }) if has_trail => Ok(Self::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(feature = "postgres")]
    async fn read_database(url: &DatabaseUrl, period: &Period) -> Result<Self, Box<dyn Error>> {
        let store = SharedStore::open(&url.0).await?;
        Ok(Self::Database(store.events_of(period).await?, store.servers().await?))
    }

    /// Says where the messages come from, unless from the journal.
    pub(super) fn tell(&self, to: &mut impl Write, dir: &Path) -> io::Result<()> {
        let dir = dir.display();
        match self {
            Self::Journal(_) => Ok(()),
            Self::Nothing => writeln!(
                to,
                "no journal in {dir}: messages come from the audit trail alone. If they are in a database, give its \
                 --database-url or the server's --config"
            ),
            #[cfg(feature = "postgres")]
            Self::Database(_, servers) => {
                let now = if servers.is_empty() { "none".to_owned() } else { servers.join(", ") };
                writeln!(
                    to,
                    "messages come from the database, and all else from the audit trail of one server, in {dir}. Run \
                     this at each server; now running: {now}"
                )
            }
        }
    }

    /// The events, and their place in words if there is one.
    pub(super) fn events(self) -> (Option<&'static str>, JournalHistory) {
        match self {
            Self::Journal(events) => (Some(JOURNAL), events),
            Self::Nothing => (None, JournalHistory::default()),
            #[cfg(feature = "postgres")]
            Self::Database(events, _) => (Some("the database"), events),
        }
    }
}
