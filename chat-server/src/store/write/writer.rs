//! The commit thread: judges a batch, writes it as one group, syncs it, and answers.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use chat_core::store::{Change, UnavailableError, Verdict};
use futures::channel::oneshot;

use crate::store::index::apply::HeadCache;
use crate::store::index::view::View;
use crate::store::lifecycle::health::JournalFailure;
use crate::store::meter::Meter;
use crate::store::read::index_slot::IndexSlot;
use crate::store::write::journal::{End, Journal, Reader, SaltPool};
use crate::store::write::judge::Judge;
use crate::store::write::memtable::MemTable;

/// What a commit is answered with.
pub(in crate::store) type CommitAnswer = Result<Vec<Verdict>, UnavailableError>;

/// A batch that waits for the commit thread.
pub(in crate::store) struct Commit {
    /// What is to be judged.
    pub(in crate::store) changes: Vec<Change>,
    /// Where the answer goes; nobody may be waiting for it any more.
    pub(in crate::store) answer: oneshot::Sender<CommitAnswer>,
}

/// All that the commit thread works with.
///
/// While the index has failed and is built anew, a change is still accepted if judging it takes nothing from there: an account always,
/// a message if its conversation is among the remembered heads, its hour is not new, and it names no client message
/// id. Any other makes its whole batch unavailable: without the index nobody can say whether it is a repeat, and
/// remembering all repeats would need memory without bound.
pub(in crate::store) struct Committer {
    journal: Journal,
    slot: Arc<IndexSlot>,
    memtable: Arc<MemTable>,
    reader: Arc<Reader>,
    heads: HeadCache,
    salts: SaltPool,
    meter: Arc<Meter>,
    failure: Arc<JournalFailure>,
}

impl Committer {
    /// A writer that goes on where the journal ends.
    pub(in crate::store) fn new(
        journal: Journal,
        slot: Arc<IndexSlot>,
        memtable: Arc<MemTable>,
        reader: Arc<Reader>,
        failure: Arc<JournalFailure>,
        meter: Arc<Meter>,
    ) -> Self {
        Self {
            journal,
            slot,
            memtable,
            reader,
            heads: HeadCache::default(),
            salts: SaltPool::default(),
            meter,
            failure,
        }
    }

    /// Works until no commit can come any more, and gives the end of the journal.
    pub(in crate::store) fn run(mut self, commits: &Receiver<Commit>) -> End {
        while let Ok(Commit { changes, answer }) = commits.recv() {
            let result = self.commit(changes);
            match result {
                Ok(_) => self.heads.keep(),
                Err(_) => self.heads.undo(),
            }
            if answer.send(result).is_err() {
                tracing::debug!("a commit was dropped before it ended");
            }
        }
        self.journal.close()
    }

    fn commit(&mut self, changes: Vec<Change>) -> CommitAnswer {
        self.memtable.wait_for_room();
        let index = self.slot.get();
        let mut view = View::new(index, self.memtable.snapshot());
        let mut group = self.journal.begin().inspect_err(|_| self.failure.set(true))?;
        let mut judge = Judge::new(&mut view, &mut group, &mut self.heads, &self.reader, &mut self.salts);
        let verdicts: Vec<_> =
            changes.into_iter().map(|change| judge.judge(change)).collect::<Result<_, _>>()?;
        if !group.is_empty() {
            let begun = Instant::now();
            let written = self.journal.commit(group);
            self.failure.set(written.is_err());
            written?;
            self.meter.sync.observe_time(0, begun.elapsed());
            self.meter.group.observe(0, verdicts.len() as u64);
            self.memtable.publish(view.take_writes(), self.journal.end());
        }
        Ok(verdicts)
    }
}
