//! The nodes of a run, the faults that only several nodes know, and their counts.

use std::ops::Range;
use std::time::Duration;

use super::random::Random;

/// The limit by which the clock of a node is wrong.
pub(super) const CLOCK_ERROR_MOST: Duration = Duration::from_secs(90);

/// The number of nodes, and the faults between them and their shared store. Spans are in
/// milliseconds, chances in percent.
#[derive(Clone, Debug)]
pub struct NodeFaults {
    /// The number of nodes.
    pub count: usize,
    /// Whether the nodes share their store. Otherwise there is one node.
    pub shared: bool,
    /// The time until a node hears what others have done.
    pub follow_takes: Range<u64>,
    /// The history can't be followed.
    pub failed_follows: u64,
    /// A commit fails, and is done some time later all the same.
    pub late_commits: u64,
    /// A node and the store do not reach each other for a while.
    pub partitions: Option<Duration>,
    /// The store is away for a while. Commits under way are done or not.
    pub failovers: Option<Duration>,
    /// A failover loses the end of the history.
    pub lost_tails: u64,
    /// The most by which the clock of a node is wrong.
    pub clock_error: u64,
}

impl NodeFaults {
    /// One node with a store of its own.
    pub fn alone() -> Self {
        Self {
            count: 1,
            shared: false,
            follow_takes: 0..1,
            failed_follows: 0,
            late_commits: 0,
            partitions: None,
            failovers: None,
            lost_tails: 0,
            clock_error: 0,
        }
    }

    /// One to four nodes over one store, with another mixture of faults for each seed.
    pub fn drawn(random: &mut Random) -> Self {
        let slow = *random.pick(&[5, 50, 1_000]).unwrap_or(&5);
        let mut every = |percent, seconds: Range<u64>| {
            let is_on = random.percent(percent);
            let pause = random.span(seconds.start * 1_000..seconds.end * 1_000);
            is_on.then_some(pause)
        };
        let (partitions, failovers) = (every(60, 1..10), every(50, 3..15));
        let mut chance = |percent, most| if random.percent(percent) { random.below(most) } else { 0 };
        let (failed_follows, late_commits) = (chance(30, 30), chance(40, 20));
        let (lost_tails, clock_error) = (chance(50, 80), chance(30, CLOCK_ERROR_MOST.as_secs() * 1_000));
        let count = usize::try_from(random.below(4) + 1).unwrap_or(1);
        let (shared, follow_takes) = (true, 0..slow);
        Self {
            count,
            shared,
            follow_takes,
            failed_follows,
            late_commits,
            partitions,
            failovers,
            lost_tails,
            clock_error,
        }
    }

    /// Nothing goes wrong between these nodes any more.
    pub(super) fn healed(&self) -> Self {
        let (count, shared, follow_takes) = (self.count, self.shared, self.follow_takes.clone());
        Self { count, shared, follow_takes, ..Self::alone() }
    }
}

/// Counts of the situations that only nodes of a shared store know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NodeCounters {
    /// Events of others that nodes have heard.
    pub heard: u64,
    /// Moments at which answers of the store waited for its history.
    pub parked: u64,
    /// Moments at which events waited until their conversation was loaded.
    pub untold: u64,
    /// Changes told by the history because their answer was lost.
    pub told_late: u64,
    /// Commits that were done after they had been given up.
    pub late_commits: u64,
    /// Connections of a client to another node than before.
    pub moved: u64,
    /// Changes that met a conflict.
    pub conflicts: u64,
    /// Changes of accounts that met a conflict.
    pub account_conflicts: u64,
    /// Users who were deactivated while they connected.
    pub deactivated_meanwhile: u64,
    /// Requests that repeat a change of another node.
    pub repeated_elsewhere: u64,
    /// Partitions between a node and the store.
    pub partitions: u64,
    /// Failovers of the store.
    pub failovers: u64,
    /// Failovers that have lost the end of the history.
    pub lost_tails: u64,
    /// Nodes that have ended because the store had begun another epoch.
    pub ended_epochs: u64,
    /// Words about typing users that nodes have heard from others.
    pub hints: u64,
    /// Starts of a node with a wrong clock.
    pub wrong_clocks: u64,
}

impl NodeCounters {
    /// Each by its name.
    pub fn numbers(&self) -> [(&'static str, u64); 16] {
        [
            ("events of other nodes", self.heard),
            ("parked answers", self.parked),
            ("untold events", self.untold),
            ("changes told late", self.told_late),
            ("late commits", self.late_commits),
            ("moves to another node", self.moved),
            ("conflicts", self.conflicts),
            ("conflicts of accounts", self.account_conflicts),
            ("users deactivated while connecting", self.deactivated_meanwhile),
            ("repeats at another node", self.repeated_elsewhere),
            ("partitions", self.partitions),
            ("failovers", self.failovers),
            ("lost tails", self.lost_tails),
            ("ended epochs", self.ended_epochs),
            ("typing hints", self.hints),
            ("wrong clocks", self.wrong_clocks),
        ]
    }
}
