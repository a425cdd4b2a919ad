//! A disk that does not answer: noticing it, and giving up a commit.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chat_core::store::{Change, UnavailableError, Verdict};
use futures::future::{Either, select};

use super::{LocalStore, gone};
use crate::store::lifecycle::health::DiskWriter;
use crate::store::private;
use crate::store::write::writer::CommitClaim;

/// Time without a write after which the disk is probed.
const PROBE_IDLE: Duration = Duration::from_secs(1);

impl LocalStore {
    /// Commits changes like [`commit`](chat_core::store::Store::commit), unless `late` completes
    /// first: the disk may hang. The changes are then unavailable, and are not stored later.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`].
    pub async fn commit_until(
        &self,
        changes: Vec<Change>,
        late: impl Future<Output = ()>,
    ) -> Result<Vec<Verdict>, UnavailableError> {
        let claim = Arc::<CommitClaim>::default();
        let answer = self.inner.submit(changes, claim.clone())?;
        let answer = match select(answer, pin!(late)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) if claim.take() => {
                return Err(UnavailableError::new("the disk does not answer"));
            }
            // The group is durable, and its answer is on its way.
            Either::Right(((), answer)) => answer.await,
        };
        answer.unwrap_or_else(|_| Err(gone()))
    }

    /// Writes to the disk of an idle journal, to see whether the disk answers. Blocks while the
    /// disk does.
    pub(crate) fn probe_disk(&self) {
        if self.inner.journal_failure.idle() >= PROBE_IDLE {
            let path = self.inner.dir.join("probe");
            let probed = self.inner.journal_failure.watch(DiskWriter::Probe, || probe(&path));
            if let Err(error) = probed {
                tracing::debug!(%error, "the probe of the disk failed");
            }
        }
    }
}

/// Writes and syncs one byte.
fn probe(path: &Path) -> io::Result<()> {
    let file = private::options().write(true).create(true).truncate(false).open(path)?;
    file.write_all_at(&[0], 0)?;
    file.sync_data()
}
