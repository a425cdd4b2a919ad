//! The history of a memory store that several engines share.

use super::MemoryState;
use crate::export::Export;
use crate::id::Epoch;
use crate::store::{Change, CommitId, Committed, Event, Followed, Happened, Position, State, Verdict};

/// The events of a shared store since it was first shared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct History {
    /// The content before the first event.
    base: Export,
    happened: Vec<Happened>,
}

impl MemoryState {
    /// The same content, shared by several engines from now on.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.history = Some(History { base: self.stored.clone(), happened: Vec::new() });
        self
    }

    /// Judges the changes of a commit with this name, as [`judge`](Self::judge) does.
    pub fn judge_as(&mut self, by: Option<CommitId>, changes: Vec<Change>) -> Vec<Verdict> {
        let verdicts = self.judge_all(changes);
        for verdict in &verdicts {
            if let Ok(Committed { position, event: Some(event) }) = verdict {
                self.record(Happened { position: *position, event: event.clone(), by });
            }
        }
        verdicts
    }

    /// The events after this position: see [`Store::follow`](crate::store::Store::follow). Empty
    /// unless the store is shared.
    pub fn follow(&self, after: Position) -> Followed {
        let history = self.history.iter().flat_map(|history| &history.happened);
        let happened = history.skip_while(|happened| happened.position <= after).cloned().collect();
        Followed { epoch: self.stored.epoch.clone(), happened }
    }

    /// Loses every event of a shared store after this position, and begins another epoch, as a
    /// failover to a standby does that lacks them.
    pub fn lose_after(&mut self, position: Position, epoch: impl Into<Epoch>) {
        let Some(History { base, happened }) = self.history.take() else { return };
        *self = Self { stored: base, history: None }.shared();
        for happened in happened.into_iter().filter(|happened| happened.position <= position) {
            self.happen(happened.event, happened.by);
        }
        self.happen(Event::EpochBegun { epoch: epoch.into() }, None);
    }

    fn happen(&mut self, event: Event, by: Option<CommitId>) {
        let (position, event) = self.apply(event).expect("the memory is always available");
        self.record(Happened { position, event, by });
    }

    fn record(&mut self, happened: Happened) {
        if let Some(history) = &mut self.history {
            history.happened.push(happened);
        }
    }
}
