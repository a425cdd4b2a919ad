//! The kinds of faults in a run, and their frequency.

use std::ops::Range;
use std::time::Duration;

use super::nodes::NodeFaults;
use super::random::Random;

/// The kinds of faults, and their frequency. Spans are in milliseconds, chances in percent.
///
/// A fault that happens by itself has a mean pause; `None` is never.
#[derive(Clone, Debug)]
pub struct Faults {
    /// How long a frame travels, drawn for each; the order within a direction is kept.
    pub latency: Range<u64>,
    /// A connection is cut. Either side hears at once or by its heartbeat.
    pub cuts: Option<Duration>,
    /// How long a client is without any network after a cut of its connection, if it is.
    pub tunnel: Range<u64>,
    /// A connection begins to swallow the frames of one direction or of both.
    pub black_holes: Option<Duration>,
    /// An attempt to connect fails.
    pub failed_attempts: u64,
    /// An attempt to connect comes to nothing, and nobody says so.
    pub hanging_attempts: u64,
    /// A connection is cut as soon as it stands, before anything was heard on it.
    pub stillborn: u64,
    /// The server crashes, and starts again after a pause.
    pub crashes: Option<Duration>,
    /// The server crashes, and starts again over an older backup.
    pub restores: Option<Duration>,
    /// How long the server is down.
    pub downtime: Range<u64>,
    /// How long the store takes to load or to sync.
    pub store_takes: Range<u64>,
    /// A load fails.
    pub failed_loads: u64,
    /// A commit fails, and nothing was done.
    pub failed_commits: u64,
    /// A commit is done, and its answer is lost.
    pub lost_answers: u64,
    /// An import says another role or first name of a user.
    pub imports: Option<Duration>,
    /// A user is deactivated, and activated after a pause.
    pub deactivations: Option<Duration>,
    /// A deactivated user is not activated any more.
    pub lasting_deactivations: u64,
    /// A user is enrolled in a conversation or withdrawn from one, by name.
    pub memberships: Option<Duration>,
    /// The storage has little room left, and enough after a pause.
    pub low_storage: Option<Duration>,
    /// The nodes.
    pub nodes: NodeFaults,
}

impl Faults {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self {
            latency: 5..50,
            cuts: None,
            tunnel: 0..1,
            black_holes: None,
            failed_attempts: 0,
            hanging_attempts: 0,
            stillborn: 0,
            crashes: None,
            restores: None,
            downtime: 10..20,
            store_takes: 0..10,
            failed_loads: 0,
            failed_commits: 0,
            lost_answers: 0,
            imports: None,
            deactivations: None,
            lasting_deactivations: 0,
            memberships: None,
            low_storage: None,
            nodes: NodeFaults::alone(),
        }
    }

    /// Another mixture for each seed. Most runs have many faults, some have one kind or none,
    /// because each kind must also be seen alone. One node has the store alone. Accounts never
    /// change, because not every client comes back after such a change.
    pub fn drawn(random: &mut Random) -> Self {
        let slow = *random.pick(&[20, 100, 400]).unwrap_or(&20);
        let syncs = *random.pick(&[10, 50, 500]).unwrap_or(&10);
        let mut every = |percent, seconds: Range<u64>| {
            let is_on = random.percent(percent);
            let pause = random.span(seconds.start * 1_000..seconds.end * 1_000);
            is_on.then_some(pause)
        };
        let cuts = every(85, 1..20);
        let black_holes = every(50, 5..60);
        let crashes = every(60, 10..60);
        let restores = every(25, 10..80);
        let low_storage = every(30, 5..40);
        let mut chance = |percent, most| if random.percent(percent) { random.below(most) } else { 0 };
        Self {
            latency: 1..slow,
            cuts,
            tunnel: 100..20_000,
            black_holes,
            failed_attempts: chance(60, 40),
            hanging_attempts: chance(30, 20),
            stillborn: chance(40, 50),
            crashes,
            restores,
            downtime: 100..15_000,
            store_takes: 0..syncs,
            failed_loads: chance(30, 15),
            failed_commits: chance(30, 20),
            lost_answers: chance(25, 30),
            imports: None,
            deactivations: None,
            lasting_deactivations: 0,
            memberships: None,
            low_storage,
            nodes: NodeFaults::alone(),
        }
    }
}

/// A spontaneous fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FaultKind {
    Cut,
    BlackHole,
    Crash,
    Restore,
    Import,
    Deactivation,
    Membership,
    LowStorage,
    Partition,
    Failover,
}

impl FaultKind {
    pub(super) const ALL: [Self; 10] = [
        Self::Cut,
        Self::BlackHole,
        Self::Crash,
        Self::Restore,
        Self::Import,
        Self::Deactivation,
        Self::Membership,
        Self::LowStorage,
        Self::Partition,
        Self::Failover,
    ];

    /// The mean pause between two of these.
    pub(super) fn pause(self, faults: &Faults) -> Option<Duration> {
        match self {
            Self::Cut => faults.cuts,
            Self::BlackHole => faults.black_holes,
            Self::Crash => faults.crashes,
            Self::Restore => faults.restores,
            Self::Import => faults.imports,
            Self::Deactivation => faults.deactivations,
            Self::Membership => faults.memberships,
            Self::LowStorage => faults.low_storage,
            Self::Partition => faults.nodes.partitions,
            Self::Failover => faults.nodes.failovers,
        }
    }
}

/// The number of faults so far, for tests that must know that they have provoked each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Connections that were cut.
    pub cuts: u64,
    /// Connections that began to swallow frames.
    pub black_holes: u64,
    /// Frames that were swallowed, or on their way when their connection was cut.
    pub lost_frames: u64,
    /// Crashes of the server.
    pub crashes: u64,
    /// Crashes that forgot messages or conversations that were under way to the disk.
    pub crashes_that_forgot: u64,
    /// Restores from a backup.
    pub restores: u64,
    /// Completed commits with a lost answer. The engine has announced nothing of them.
    pub lost_answers: u64,
    /// Connections that the server has refused because their token had expired.
    pub expired_tokens: u64,
    /// Connections that were closed because of their user's rights.
    pub changed_rights: u64,
    /// Connections that were closed because their user was deactivated.
    pub deactivated: u64,
    /// Users enrolled or withdrawn by name, as the store said.
    pub memberships: u64,
    /// Spells in which the storage had little room left.
    pub low_storage: u64,
}

impl Counters {
    /// Each by its name.
    pub fn numbers(&self) -> [(&'static str, u64); 12] {
        [
            ("cuts", self.cuts),
            ("black holes", self.black_holes),
            ("lost frames", self.lost_frames),
            ("crashes", self.crashes),
            ("crashes that forgot", self.crashes_that_forgot),
            ("restores", self.restores),
            ("lost answers", self.lost_answers),
            ("expired tokens", self.expired_tokens),
            ("changed rights", self.changed_rights),
            ("deactivated", self.deactivated),
            ("memberships", self.memberships),
            ("spells of low storage", self.low_storage),
        ]
    }
}
