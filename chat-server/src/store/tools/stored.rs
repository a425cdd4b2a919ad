//! Records as they are stored, byte for byte: out of a data directory into a database, and out of a
//! database into a backup.

use std::path::Path;
use std::sync::Arc;

use chat_core::store::{Hash, Position};

use super::backup::{BackupError, Draft, beside, publish, read_back};
use super::verify::known_ends;
use crate::store::disk::SystemDisk;
use crate::store::error::OpenError;
use crate::store::lifecycle::keeping::Keeping;
use crate::store::lifecycle::lock::Lock;
use crate::store::lifecycle::state::{BACKUP, StoreState};
use crate::store::options::Options;
use crate::store::private;
use crate::store::write::journal::{ChainHead, End, Inspected, Journal, Location, Reader, Record, inspect};

/// A record with its bytes.
pub(crate) struct StoredBytes {
    pub(crate) record: Record,
    pub(crate) payload: Vec<u8>,
    /// Salt and text of a message.
    pub(crate) content: Vec<u8>,
}

/// A data directory that no server has open, for reading all of it.
pub(crate) struct ReadOut<'a> {
    dir: &'a Path,
    _lock: Option<Lock>,
    end: End,
}

impl<'a> ReadOut<'a> {
    /// Locks the directory.
    pub(crate) fn begin(dir: &'a Path) -> Result<Self, OpenError> {
        Ok(Self { dir, _lock: Lock::take_existing(dir)?, end: End::default() })
    }

    /// The holds and the record of erasures, which are not in the history.
    pub(crate) fn keeping(&self) -> Result<Keeping, OpenError> {
        Keeping::read(&self.dir.join("journal"))
    }

    /// Passes the records of each group, in order. Returns the head.
    pub(crate) fn each<E: From<OpenError>>(
        &mut self,
        give: &mut dyn FnMut(Vec<StoredBytes>) -> Result<(), E>,
    ) -> Result<ChainHead, E> {
        let journal = self.dir.join("journal");
        let reader = Reader::new(&journal);
        let mut failed = None;
        let mut visit = |_: End, records: Vec<(Location, Record)>| {
            if failed.is_none() {
                let stored = records.into_iter().map(|(location, record)| {
                    let (payload, content) = reader.read_bytes(location)?;
                    Ok(StoredBytes { record, payload, content })
                });
                let stored = stored.collect::<std::io::Result<Vec<_>>>();
                failed = give(stored.map_err(OpenError::io("read", &journal))?).err();
            }
            Ok(())
        };
        let Inspected { end, .. } = inspect(&journal, &known_ends(self.dir)?, 0, &mut visit)?;
        if let Some(error) = failed {
            return Err(error);
        }
        self.end = end.unwrap_or_default();
        Ok(self.end.into())
    }

    /// Marks the directory as a backup, which no server opens: its history goes on elsewhere.
    pub(crate) fn retire(self) -> Result<(), OpenError> {
        StoreState::new(false, None, self.end)
            .write(self.dir, BACKUP)
            .map_err(OpenError::io("mark as a backup", self.dir))
    }
}

/// A backup that is being written, and has its name once it is complete.
pub(crate) struct BackupDraft<'a> {
    draft: Draft,
    journal: Journal,
    to: &'a Path,
}

impl<'a> BackupDraft<'a> {
    /// Begins a backup. The target must not exist.
    pub(crate) fn begin(to: &'a Path) -> Result<Self, BackupError> {
        let draft = beside(to)?;
        let dir = draft.path().join("journal");
        private::make_dir(&dir).map_err(OpenError::io("create", &dir))?;
        let journal = Journal::open(Arc::new(SystemDisk), &dir, None, Options::default().segment_bytes);
        Ok(Self { journal: journal.map_err(OpenError::io("begin", &dir))?, draft, to })
    }

    /// Adds records, each with its hash, payload and content.
    pub(crate) fn add<'r>(
        &mut self,
        records: impl IntoIterator<Item = (Position, Hash, &'r [u8], &'r [u8])>,
    ) -> Result<(), BackupError> {
        let failed = |error| OpenError::io("write", self.to)(std::io::Error::other(error));
        let mut group = self.journal.begin().map_err(failed)?;
        for (position, hash, payload, content) in records {
            let added = group.push_stored(payload, content);
            let added =
                added.map_err(|error| OpenError::io("write", self.to)(std::io::Error::other(error)))?;
            if added != (position, hash) {
                return Err(BackupError::Changed { position });
            }
        }
        let failed = |error| OpenError::io("write", self.to)(std::io::Error::other(error));
        Ok(self.journal.commit(group).map_err(failed)?)
    }

    /// Adds the holds, reads the backup back, and gives it its name.
    pub(crate) fn finish(self, keeping: &Keeping) -> Result<ChainHead, BackupError> {
        let end = self.journal.close();
        let journal = self.draft.path().join("journal");
        keeping.copy(&journal)?;
        read_back(&journal, end, &|_| ())?;
        let note = StoreState::new(false, None, end);
        note.write(self.draft.path(), BACKUP).map_err(OpenError::io("write the backup in", self.to))?;
        publish(self.draft, self.to)?;
        Ok(end.into())
    }
}
