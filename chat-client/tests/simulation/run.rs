//! One run: its users, its faults, and its counts.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_client::machine::Counters as MachineCounters;
use chat_core::engine::OneTeam;
use chat_core::limits::{ByteRate, Limits, Rate, RateLimits, RateSetting};
use chat_core::protocol::{Role, User};
use chat_core::store::{Account, Change, MemoryState, PutAccount};
use chat_core::testing::NorthAndSouth;
use chat_core::testing::simulation::{ClientId, Faults, Plan, Policy, Random, Simulation};

use crate::device::{Device, Profile};
use crate::oracle;
use crate::phone::Clock;

/// Longer than the longest heartbeat, all that may have to be found out by it one after the other,
/// and the hour after which an account may change its role again.
const UNTIL_QUIET: Duration = Duration::from_mins(90);

/// How long nothing happens then.
const QUIET: Duration = Duration::from_mins(30);

/// The number of times that each thing was provoked, over all runs.
#[derive(Default, Debug)]
pub(crate) struct Seen(BTreeMap<&'static str, u64>);

impl Seen {
    fn of(simulation: &Simulation<Device>) -> Self {
        let devices = simulation.clients();
        let machines = devices.iter().flat_map(Device::counters).fold(MachineCounters::default(), sum);
        let sum = |of: fn(&Device) -> u64| devices.iter().map(of).sum();
        let conversations = simulation.export().conversations.values();
        let accounts = simulation.export().accounts.values();
        let out = accounts.filter(|known| !known.account.active).count() as u64;
        let apps = [
            ("resends", machines.resends),
            ("duplicates suppressed", machines.duplicates_suppressed),
            ("catch-ups of several pages", machines.catch_ups_of_several_pages),
            ("epoch changes", machines.epoch_changes),
            ("tokens renewed", machines.tokens_renewed),
            ("kills over an outbox", sum(|device| device.kills)),
            ("sessions replaced", sum(|device| device.replaced)),
            ("waits for other rights", sum(|device| device.other_rights)),
            ("drafts", sum(|device| device.drafts.written.len() as u64)),
            ("drafts too late", sum(|device| device.drafts.too_late)),
            ("tokens of the other side", sum(|device| u64::from(device.has_crossed()))),
            ("deactivated at rest", out),
            ("messages", conversations.map(|exported| exported.messages.len() as u64).sum()),
        ];
        let provoked = simulation.counters().numbers().into_iter().chain(simulation.checked().numbers());
        // Budgets are ample in these runs: a small one would outlast them. Nobody here asks
        // for lists by work, or gives orders.
        let is_missing = |name: &str| matches!(name, "over budget" | "work lists") || name.contains("order");
        Self(provoked.chain(apps).filter(|(name, _)| !is_missing(name)).collect())
    }

    pub(crate) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(name, number)| *self.0.entry(name).or_default() += number);
    }

    /// Runs in which something was not provoked prove nothing of it.
    pub(crate) fn assert_all_seen(&self) {
        self.0.iter().for_each(|(name, number)| assert!(*number > 0, "there were no {name}"));
    }

    /// A run in which nobody was answered proves nothing.
    fn must_have_seen_something(self) -> Result<Self, String> {
        let nothing = ["replies", "drafts"].into_iter().find(|name| self.0[name] == 0);
        nothing.map_or(Ok(self), |name| Err(format!("it proves nothing, for it has no {name}")))
    }
}

pub(crate) fn sum(one: MachineCounters, other: MachineCounters) -> MachineCounters {
    MachineCounters {
        connections_lost: one.connections_lost + other.connections_lost,
        resends: one.resends + other.resends,
        duplicates_suppressed: one.duplicates_suppressed + other.duplicates_suppressed,
        catch_ups_of_several_pages: one.catch_ups_of_several_pages + other.catch_ups_of_several_pages,
        epoch_changes: one.epoch_changes + other.epoch_changes,
        tokens_renewed: one.tokens_renewed + other.tokens_renewed,
        unreadable: one.unreadable + other.unreadable,
    }
}

/// Runs one seed. The error names the broken promise.
pub(crate) fn run(seed: u64, plan: Plan) -> Result<Seen, String> {
    let mut random = Random::new(seed);
    let mut simulation = cast(&mut random);
    let is_whole = plan.is_whole();
    simulation.begin(plan);
    simulation.run_for(random.span(20_000..90_000))?;
    simulation.heal();
    simulation.run_for(random.span(0..10_000))?;
    for device in simulation.ids().collect::<Vec<ClientId>>() {
        simulation.tell(device, Device::calm);
    }
    simulation.rest_for(UNTIL_QUIET)?;
    simulation.settled()?;
    oracle::check(&simulation)?;
    let before = simulation.activity();
    simulation.run_for(QUIET)?;
    if simulation.activity() != before {
        return Err("at rest something still ticks".to_owned());
    }
    let seen = Seen::of(&simulation);
    if is_whole { seen.must_have_seen_something() } else { Ok(seen) }
}

/// The users, their devices and the faults of a run.
fn cast(random: &mut Random) -> Simulation<Device> {
    let users = users(random);
    let put = |user: &User| PutAccount { account: Account::new(user.clone()), replaces: None };
    let mut store = MemoryState::new("epoch_1");
    store.judge(users.iter().map(|user| Change::PutAccount(put(user))).collect());
    let mut faults = Faults::drawn(random);
    faults.imports = random.percent(40).then(|| random.span(5_000..30_000));
    faults.deactivations = random.percent(30).then(|| random.span(10_000..60_000));
    faults.lasting_deactivations = 30;
    faults.memberships = random.percent(30).then(|| random.span(3_000..20_000));
    let own = Random::new(random.below(u64::MAX));
    let mut simulation = Simulation::new(own, faults, limits(random), store);
    simulation.set_policies(policies(random));
    simulation.tokens().lifetime = random.span(4_000..100_000);
    let pace = *random.pick(&[600, 3_000, 8_000]).unwrap_or(&600);
    for (number, user) in users.iter().flat_map(|user| [user, user]).enumerate() {
        simulation.add(Device::new(Profile {
            user: user.clone(),
            number,
            is_durable: random.percent(60),
            failing_writes: if random.percent(20) { 10 } else { 0 },
            clock: clock(random),
            // One device of each user, but somebody asks for support throughout.
            crosses: number.is_multiple_of(2) && number > 0,
            pace,
        }));
    }
    simulation
}

/// The clock of a device: off by some seconds, and of every fifth by some hours.
fn clock(random: &mut Random) -> Clock {
    let wrong_by = if random.percent(20) { 10_000_000 } else { 2_000 };
    Clock(
        i64::try_from(random.below(2 * wrong_by)).unwrap_or_default()
            - i64::try_from(wrong_by).unwrap_or_default(),
    )
}

/// One team, or two.
fn policies(random: &mut Random) -> Vec<Policy> {
    let (one, two): (Policy, Policy) = (|| Box::new(OneTeam), || Box::new(NorthAndSouth));
    vec![if random.percent(50) { one } else { two }]
}

fn users(random: &mut Random) -> Vec<User> {
    let field = [Role::BusDriver, Role::QueueRegulator, Role::BusDriver];
    let control = [Role::ControlStaff, Role::ControlAdmin];
    let (drivers, desks) = (random.below(3) + 1, random.below(2) + 1);
    let field = field.into_iter().take(usize::try_from(drivers).unwrap_or(1));
    let control = control.into_iter().take(usize::try_from(desks).unwrap_or(1));
    let names = NorthAndSouth::FIRST_NAMES.map(Into::into);
    let users = (1..).zip(field.chain(control)).map(|(n, role)| {
        let first_name = random.pick(&names).cloned().unwrap_or_default();
        User { first_name, ..User::new(format!("user_{n}"), role) }
    });
    users.collect()
}

/// Small pages, for catch-ups of several pages, and rates low enough for bursts of messages to
/// meet.
fn limits(random: &mut Random) -> Limits {
    let mut limits = Limits::default();
    if random.percent(30) {
        // As many as a user has devices: a dead connection then takes the place of one that is
        // well.
        limits.engine.connections_per_user = 2;
    }
    limits.pages.brief_conversations = u32::try_from(random.below(3)).unwrap_or_default() + 1;
    limits.pages.catch_up_messages = u32::try_from(random.below(6)).unwrap_or_default() + 1;
    limits.periods.token_leeway = Duration::from_secs(1);
    limits.rates = RateSetting::Limited(RateLimits {
        requests: Rate { burst: 40, every: Duration::from_millis(30) },
        messages: Rate { burst: 4, every: Duration::from_millis(300) },
        creations: Rate { burst: 2, every: Duration::from_secs(2) },
        message_bytes: ByteRate { burst: 4_000, per_second: 1_000 },
        reply_bytes: ByteRate { burst: 8_000, per_second: 8_000 },
        repeats: Rate { burst: 8, every: Duration::from_millis(100) },
        ..RateLimits::default()
    });
    limits
}
