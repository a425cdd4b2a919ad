//! Loads and commits, which take their time and fail.

use std::mem;

use super::{Environment, Happening};
use crate::engine::{Input, Ticket};
use crate::id::{ClientMessageId, Epoch, UserId};
use crate::store::{
    Change, CommitId, Committed, Event, Loaded, Original, Query, Rejected, UnavailableError, Verdict,
};

/// The store's answer to a load: the state when it was asked, the state of now, or a failure.
#[derive(Debug)]
pub(in crate::testing::simulation) enum LoadAnswer {
    AsOfThen(Loaded),
    AsOfNow(Query),
    Fails,
}

/// The outcome of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::testing::simulation) enum Fate {
    Done,
    DoneButLost,
    NothingDone,
    /// Done after the engine has given it up.
    Late,
}

/// The name of a commit.
#[derive(Clone, Debug)]
pub(super) struct CommitOf {
    life: u64,
    id: CommitId,
    /// The epoch in which the engine has opened the store.
    epoch: Epoch,
}

/// A commit that is not answered.
pub(super) struct UnderWay {
    commit: CommitOf,
    /// Until they are synced.
    pub(super) changes: Vec<Change>,
    /// Once they are.
    pub(super) verdicts: Option<Vec<Verdict>>,
}

/// A commit that nobody waits for any more.
#[derive(Debug)]
pub(in crate::testing::simulation) struct LateCommit {
    commit: CommitOf,
    changes: Vec<Change>,
}

impl Environment {
    /// Shows the oracle the store after a commit. `is_told` is whether the engine learns the
    /// outcome.
    pub(super) fn show_stored(&mut self, life: u64, is_told: bool) {
        let (now, is_told) = (self.now.monotonic, is_told || self.server.is_shared);
        self.show(|oracle, store| oracle.stored(life, store, is_told, now));
    }

    pub(super) fn load(&mut self, node: usize, ticket: Ticket, query: Query) {
        let answer = match (self.mishap(self.faults.failed_loads), self.random.percent(50)) {
            (true, _) => LoadAnswer::Fails,
            (false, true) if self.server.answers(node) => {
                LoadAnswer::AsOfThen(self.server.store.answer(query))
            }
            (false, _) => LoadAnswer::AsOfNow(query),
        };
        let pause = self.random.span(self.faults.store_takes.clone());
        self.later(pause, Happening::Loaded { life: self.server.life(node), ticket, answer });
    }

    pub(in crate::testing::simulation) fn loaded(&mut self, life: u64, ticket: Ticket, answer: LoadAnswer) {
        let Some(node) = self.server.node_of(life) else { return };
        let result = match answer {
            LoadAnswer::AsOfThen(loaded) if !self.server.nodes[node].is_cut => Ok(loaded),
            LoadAnswer::AsOfNow(query) if self.server.answers(node) => Ok(self.server.store.answer(query)),
            LoadAnswer::AsOfNow(_) if !self.server.nodes[node].is_cut => Err(UnavailableError::past_epoch()),
            _ => Err(UnavailableError::new("the store fails")),
        };
        self.input(node, Input::Loaded { ticket, result });
    }

    pub(super) fn commit(&mut self, node: usize, (ticket, id): (Ticket, CommitId), changes: Vec<Change>) {
        let fate = match (self.mishap(self.faults.failed_commits), self.mishap(self.faults.lost_answers)) {
            (true, _) => Fate::NothingDone,
            (false, true) => Fate::DoneButLost,
            (false, false) if self.mishap(self.faults.nodes.late_commits) => Fate::Late,
            (false, false) => Fate::Done,
        };
        let life = self.server.life(node);
        let epoch =
            self.server.nodes[node].epoch.clone().expect("an engine that commits has opened the store");
        let commit = CommitOf { life, id, epoch };
        self.server.nodes[node].under_way = Some(UnderWay { commit, changes, verdicts: None });
        let sync = self.random.span(self.faults.store_takes.clone());
        if mem::take(&mut self.server.nodes[node].crashes_while_syncing) {
            return self.later(sync, Happening::Crashes(node));
        }
        self.later(sync, Happening::Synced { life, fate });
        let answer = self.random.span(0..self.faults.store_takes.end / 4);
        self.later(sync + answer, Happening::Committed { life, ticket });
    }

    pub(in crate::testing::simulation) fn synced(&mut self, life: u64, fate: Fate) {
        let Some(node) = self.server.node_of(life) else { return };
        if self.server.is_shared && !self.server.answers(node) {
            let under_way = self.server.nodes[node].under_way.take();
            return under_way.into_iter().for_each(|under_way| self.give_up(under_way));
        }
        let under_way = self.server.nodes[node].under_way.as_mut();
        let Some(UnderWay { commit, changes, .. }) = under_way else { return };
        let (commit, changes) = (commit.clone(), mem::take(changes));
        // The answer to a commit that was under way when everything healed is not lost.
        let is_lost = fate == Fate::DoneButLost && self.faults.lost_answers > 0;
        match fate {
            Fate::NothingDone => return,
            Fate::Late => return self.do_later(commit, changes),
            Fate::Done | Fate::DoneButLost => {}
        }
        let verdicts = self.judge(&commit, changes, !is_lost);
        if let Some(under_way) = &mut self.server.nodes[node].under_way {
            under_way.verdicts = (!is_lost).then_some(verdicts);
        }
    }

    /// Has the store do the changes of a commit.
    fn judge(&mut self, commit: &CommitOf, changes: Vec<Change>, is_told: bool) -> Vec<Verdict> {
        let CommitOf { life, id, .. } = *commit;
        let said: Vec<_> =
            changes.iter().map(|change| change.supposes().filter(|_| is_said(change))).collect();
        let said: Vec<_> = said.into_iter().map(|supposed| supposed.map(|(id, _)| id.clone())).collect();
        let is_reading = changes.iter().any(|change| matches!(change, Change::MarkRead(_)));
        let accounts: Vec<_> = changes.iter().map(|change| matches!(change, Change::PutAccount(_))).collect();
        let verdicts = self.server.store.judge_as(Some(id), changes);
        self.count_refused(life, &accounts, &verdicts);
        self.show_stored(life, is_told);
        self.history_grows();
        self.counters.lost_answers += u64::from(!is_told);
        if self.server.is_shared {
            let late = verdicts.iter().flatten().filter(|committed| !is_told && committed.event.is_some());
            self.server.told_late.extend(late.map(|Committed { position, .. }| (life, *position)));
            return verdicts;
        }
        self.server.has_untold_reading |= !is_told && is_reading;
        for id in said.into_iter().zip(&verdicts).filter_map(|(id, verdict)| id.filter(|_| verdict.is_ok())) {
            // The next message heard live shows the gap before it.
            if is_told {
                self.server.untold.remove(&id);
            } else {
                self.server.untold.insert(id);
            }
        }
        verdicts
    }

    /// Counts conflicts, those of accounts too, and repeats of changes of another node.
    fn count_refused(&mut self, life: u64, accounts: &[bool], verdicts: &[Verdict]) {
        for (is_of_account, verdict) in accounts.iter().zip(verdicts) {
            match verdict {
                Ok(Committed { event, .. }) => {
                    let key = event.as_ref().and_then(Event::key);
                    let key = key.map(|(user, id)| (user.clone(), id.clone()));
                    self.server.authors.extend(key.map(|key| (key, life)));
                }
                Err(Rejected::Conflict) => self.count_conflict(*is_of_account),
                Err(
                    Rejected::Outdated(_)
                    | Rejected::OutdatedEmergency(_)
                    | Rejected::Order(_)
                    | Rejected::Repeated(_)
                    | Rejected::Forbidden,
                ) => {}
                Err(Rejected::Duplicate(original)) => {
                    let author = self.server.authors.get(&key_of(original));
                    let is_other = author.is_some_and(|author| *author != life);
                    self.server.counters.repeated_elsewhere += u64::from(is_other);
                }
            }
        }
    }

    fn count_conflict(&mut self, is_of_account: bool) {
        self.server.counters.conflicts += 1;
        self.server.counters.account_conflicts += u64::from(is_of_account);
    }

    /// A commit whose end the engine does not see: not done, done at once, or done later.
    pub(super) fn give_up(&mut self, under_way: UnderWay) {
        let UnderWay { commit, changes, .. } = under_way;
        match self.random.below(3) {
            0 => self.counters.crashes_that_forgot += u64::from(changes.iter().any(is_said)),
            1 => self.do_later(commit, changes),
            _ => self.do_late(LateCommit { commit, changes }),
        }
    }

    fn do_later(&mut self, commit: CommitOf, changes: Vec<Change>) {
        let pause = self.random.span(0..3_000);
        self.later(pause, Happening::DoneLate(LateCommit { commit, changes }));
    }

    /// Does a commit that was given up, if the store is still the same.
    pub(in crate::testing::simulation) fn do_late(&mut self, late: LateCommit) {
        let LateCommit { commit, changes } = late;
        if commit.epoch == self.server.exported().epoch {
            self.server.counters.late_commits += 1;
            self.judge(&commit, changes, false);
        }
    }

    pub(in crate::testing::simulation) fn committed(&mut self, life: u64, ticket: Ticket) {
        let Some(node) = self.server.node_of(life) else { return };
        let verdicts = self.server.nodes[node].under_way.take().and_then(|under_way| under_way.verdicts);
        let result = verdicts.filter(|_| !self.server.nodes[node].is_cut);
        let result = result.ok_or_else(|| UnavailableError::new("the store fails"));
        self.input(node, Input::Committed { ticket, result });
    }
}

/// Whether the change holds a message.
pub(super) fn is_said(change: &Change) -> bool {
    matches!(change, Change::AppendMessage(_) | Change::CreateConversation(_))
}

/// The user and the id of a change that was made under one.
fn key_of(original: &Original) -> (UserId, ClientMessageId) {
    let (user, id) = match original {
        Original::Message(appended) => (&appended.sender, &appended.client_message_id),
        Original::Conversation(created) => (&created.created_by, &created.client_message_id),
    };
    (user.clone(), id.clone().expect("a duplicate has the id of its original"))
}
