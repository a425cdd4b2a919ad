//! Rebuilding the index on request.

use std::path::Path;

use chat_core::store::Position;

use crate::store::LocalStore;
use crate::store::error::OpenError;
use crate::store::index::files::remove_set_aside;
use crate::store::options::{Observer, Options, Progress};

/// Rebuilds the index of a store that no server has open, and removes the indexes set aside.
///
/// `progress` receives the position reached, and the last one.
///
/// # Errors
///
/// [`OpenError`]. The next start continues from the position reached.
pub fn rebuild(
    dir: &Path,
    progress: impl Fn(u64, u64) + Send + Sync + 'static,
) -> Result<Position, OpenError> {
    let observer = Observer::new(move |told| {
        if let Progress::Replayed(reached, last) = told {
            progress(reached.0, last.0);
        }
    });
    let store =
        LocalStore::open(dir, Options { begin: false, fresh_index: true, observer, ..Options::default() })?;
    store.close()?;
    remove_set_aside(dir).map_err(OpenError::io("remove the old index in", dir))?;
    Ok(store.report().position)
}
