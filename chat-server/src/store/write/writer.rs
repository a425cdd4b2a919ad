//! The commit thread: judges a batch, writes it as one group, syncs, and answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use chat_core::store::{Batch, Change, UnavailableError, Verdict};
use futures::channel::oneshot;

use crate::store::index::apply::Applier;
use crate::store::index::view::View;
use crate::store::lifecycle::health::{DiskWriter, JournalHealth};
use crate::store::meter::StoreMetrics;
use crate::store::read::index_slot::IndexSlot;
use crate::store::write::journal::{End, Journal, Reader, SaltPool};
use crate::store::write::judge::{GroupState, check_size};
use crate::store::write::memtable::MemTable;

/// The answer to a commit.
pub(in crate::store) type CommitAnswer = Result<Vec<Verdict>, UnavailableError>;

/// A batch in the queue of the commit thread.
pub(in crate::store) struct Commit {
    /// The changes to judge.
    pub(in crate::store) changes: Vec<Change>,
    /// The channel for the answer. Its receiver may be gone.
    pub(in crate::store) answer: oneshot::Sender<CommitAnswer>,
    pub(in crate::store) claim: Arc<CommitClaim>,
}

/// The right to settle a commit, taken once: by the commit thread with a durable group, or by a
/// caller that no longer waits. A commit that was answered as unavailable is never stored later,
/// because nobody would hear of it.
#[derive(Debug, Default)]
pub(in crate::store) struct CommitClaim(AtomicBool);

impl CommitClaim {
    /// Takes the claim. `false` if the other side has it.
    pub(in crate::store) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Everything that the commit thread needs.
///
/// Without an index, a change is accepted if the decision needs nothing from the index. That holds
/// for accounts in memory, and for messages without a client message id if the head of the
/// conversation is in memory too. Any other change makes its whole batch unavailable:
/// only the index can tell whether it is a repeat, and remembering all repeats would need unbounded
/// memory.
pub(in crate::store) struct Committer {
    journal: Journal,
    slot: Arc<IndexSlot>,
    memtable: Arc<MemTable>,
    reader: Arc<Reader>,
    applier: Applier,
    salts: SaltPool,
    meter: Arc<StoreMetrics>,
    failure: Arc<JournalHealth>,
}

impl Committer {
    /// A committer that continues at the journal's end.
    pub(in crate::store) fn new(
        journal: Journal,
        slot: Arc<IndexSlot>,
        memtable: Arc<MemTable>,
        reader: Arc<Reader>,
        failure: Arc<JournalHealth>,
        meter: Arc<StoreMetrics>,
    ) -> Self {
        Self {
            journal,
            slot,
            memtable,
            reader,
            applier: Applier::default(),
            salts: SaltPool::default(),
            meter,
            failure,
        }
    }

    /// Runs until no commit can come any more, and returns the journal's end.
    pub(in crate::store) fn run(mut self, commits: &Receiver<Commit>) -> End {
        while let Ok(Commit { changes, answer, claim }) = commits.recv() {
            if claim.is_taken() {
                continue;
            }
            let failure = self.failure.clone();
            let result = failure.watch(DiskWriter::Commits, || self.commit(changes, &claim));
            if result.is_err() {
                self.applier.undo();
            }
            if answer.send(result).is_err() {
                tracing::debug!("a commit was dropped before it ended");
            }
        }
        self.journal.close()
    }

    fn commit(&mut self, changes: Vec<Change>, claim: &CommitClaim) -> CommitAnswer {
        self.memtable.wait_for_room();
        let index = self.slot.get();
        let mut view = View::new(index, self.memtable.snapshot());
        let mut group = self.journal.begin().inspect_err(|_| self.failure.set(true))?;
        let (mut batch, mut verdicts) = (Batch::default(), Vec::with_capacity(changes.len()));
        let mut state = GroupState {
            view: &mut view,
            group: &mut group,
            applier: &mut self.applier,
            reader: &self.reader,
            salts: &mut self.salts,
        };
        for change in changes {
            check_size(&change)?;
            verdicts.push(batch.judge(change, &mut state)?);
        }
        if !group.is_empty() {
            let begun = Instant::now();
            let written = self.journal.commit_if(group, || claim.take());
            self.failure.set(written.is_err());
            written?;
            self.meter.sync.observe_time(0, begun.elapsed());
            self.meter.group.observe(0, verdicts.len() as u64);
            let publish = || self.memtable.publish(view.take_writes(), self.journal.end());
            self.slot.recent().publish(&self.applier.keep(), publish);
        }
        Ok(verdicts)
    }
}
