//! Files that may change while the server runs: the certificate with its key, and the key set.

use std::future::Future;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// Interval between checks of the files. A changed file is read once it has stayed unchanged for an
/// interval, because a certificate and its key can't be replaced at the same moment.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A handle that reloads all files at once, changed or not. Clones share their effect.
#[derive(Clone, Debug)]
pub struct Reload(watch::Sender<()>);

impl Reload {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Reloads all files.
    pub fn now(&self) {
        self.0.send_replace(());
    }
}

/// A fingerprint of a file's metadata, to detect changes without reading; `None` if the file is
/// missing.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// Watches files for changes.
pub(crate) struct FileWatch {
    paths: Vec<PathBuf>,
    /// The fingerprints at the last reading.
    read: Vec<Stamp>,
    told: watch::Receiver<()>,
    /// Keeps the channel open.
    _reload: Reload,
}

impl FileWatch {
    /// Watches these files. Create the watch before the first reading.
    pub(crate) fn new(paths: Vec<PathBuf>, reload: &Reload) -> Self {
        let (read, told) = (stamps(&paths), reload.0.subscribe());
        Self { paths, read, told, _reload: reload.clone() }
    }

    /// Completes when the files have changed and settled, or on [`Reload::now`].
    pub(crate) async fn changed(&mut self) {
        let mut before = self.look().await;
        loop {
            let is_told = tokio::select! {
                () = sleep(LOOK_EVERY) => false,
                told = self.told.changed() => told.is_ok(),
            };
            let now = self.look().await;
            if is_told || (now == before && now != self.read) {
                self.read = now;
                return;
            }
            before = now;
        }
    }

    fn look(&self) -> impl Future<Output = Vec<Stamp>> + use<> {
        let paths = self.paths.clone();
        async move { spawn_blocking(move || stamps(&paths)).await.unwrap_or_default() }
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let metadata = path.metadata().ok()?;
        Some((metadata.dev(), metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
    };
    paths.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_file_that_was_replaced_is_read_again_and_one_that_is_as_it_was_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "old").unwrap();
        let reload = Reload::new();
        let mut watch = FileWatch::new(vec![path.clone()], &reload);
        fs::write(dir.path().join("new"), "new").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        watch.changed().await;
        assert!(watch.changed().now_or_never().is_none());
        reload.now();
        watch.changed().await;
        fs::remove_file(&path).unwrap();
        watch.changed().await;
    }
}
