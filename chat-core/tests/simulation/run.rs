//! One run: its users, its faults, and its counts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use chat_core::engine::OneTeam;
use chat_core::limits::{ByteRate, DailyBudget, Limits, Rate, RateLimits, RateSetting};
use chat_core::protocol::{EventType, Role, User};
use chat_core::store::{Account, Change, MemoryState, PutAccount};
use chat_core::testing::NorthAndSouth;
use chat_core::testing::simulation::{Faults, NodeFaults, Plan, Policy, Random, Simulation};

use crate::device::Device;

/// Longer than the longest heartbeat, with time for everything noticed only by heartbeats, one
/// after the other.
const UNTIL_QUIET: Duration = Duration::from_mins(5);

/// How often a run without faults goes on in which nothing was provoked yet.
const MOST_WAITS: u32 = 10;

/// The servers of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Servers {
    /// One, with a store of its own.
    One,
    /// One to four over one store.
    Nodes,
}

/// In one run of so many at most, nothing may be acknowledged.
const RUNS_OF_AN_EMPTY_ONE: u64 = 100;

/// Counts of provoked situations over all runs.
#[derive(Default, Debug)]
pub(crate) struct Seen {
    situations: BTreeMap<&'static str, u64>,
    runs: u64,
    /// The runs in which nothing was acknowledged or heard. One is possible: the only driver is
    /// deactivated at the begin.
    empty_runs: u64,
}

impl Seen {
    fn of(simulation: &Simulation<Device>, servers: Servers, seen_by_control: u64) -> Self {
        let granted = |event: &str| -> u64 {
            simulation.clients().iter().filter_map(|device| device.granted.get(event)).sum()
        };
        // Every request is to be granted.
        let events = EventType::ALL.iter().map(|event| (event.as_str(), granted(event.as_str())));
        let provoked = simulation.counters().numbers().into_iter().chain(simulation.checked().numbers());
        let accounts = simulation.export().accounts.values();
        let out = accounts.filter(|known| !known.account.active).count() as u64;
        let at_rest =
            [("conversations of teams seen by control", seen_by_control), ("deactivated at rest", out)];
        let nodes = simulation.node_counters().numbers();
        let nodes = nodes.into_iter().filter(|_| servers == Servers::Nodes);
        let situations = provoked.chain(events).chain(at_rest).chain(nodes).collect();
        Self { situations, runs: 1, empty_runs: u64::from(!has_seen_something(simulation)) }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        other.situations.iter().for_each(|(name, number)| {
            *self.situations.entry(name).or_default() += number;
        });
        self.runs += other.runs;
        self.empty_runs += other.empty_runs;
    }

    /// A run in which a fault was not provoked proves nothing about this fault.
    pub(crate) fn assert_all_seen(&self) {
        self.situations.iter().for_each(|(name, number)| assert!(*number > 0, "there were no {name}"));
        let Self { runs, empty_runs, .. } = *self;
        assert!(
            empty_runs * RUNS_OF_AN_EMPTY_ONE <= runs,
            "nothing was acknowledged in {empty_runs} of {runs} runs"
        );
    }
}

/// Runs one seed. The error names the broken promise.
pub(crate) fn run(seed: u64, servers: Servers, plan: Plan) -> Result<Seen, String> {
    let mut random = Random::new(seed);
    let mut simulation = cast(&mut random, servers);
    simulation.begin(plan);
    simulation.run_for(random.span(8_000..25_000))?;
    simulation.heal();
    simulation.run_for(random.span(0..10_000))?;
    for _ in 0..MOST_WAITS {
        if has_seen_something(&simulation) {
            break;
        }
        simulation.run_for(Duration::from_secs(10))?;
    }
    for device in simulation.ids().collect::<Vec<_>>() {
        simulation.tell(device, |device, _| device.is_calm = true);
    }
    simulation.rest_for(UNTIL_QUIET)?;
    simulation.settled()?;
    for device in simulation.ids().collect::<Vec<_>>() {
        simulation.tell(device, Device::walk);
    }
    simulation.rest_for(UNTIL_QUIET)?;
    simulation.settled()?;
    let desks = simulation.control_sees_all()?;
    Ok(Seen::of(&simulation, servers, desks))
}

/// Whether something was answered, acknowledged and heard.
fn has_seen_something(simulation: &Simulation<Device>) -> bool {
    let needed = |name: &str| matches!(name, "replies" | "acknowledged" | "heard");
    simulation.checked().numbers().into_iter().all(|(name, number)| !needed(name) || number > 0)
}

/// The users, the devices and the faults of a run.
fn cast(random: &mut Random, servers: Servers) -> Simulation<Device> {
    let users = users(random);
    let mut store = MemoryState::new("epoch_1");
    let known = users.iter().filter(|_| random.percent(70)).cloned();
    let account = |user| Change::PutAccount(PutAccount { account: Account::new(user), replaces: None });
    store.judge(known.map(account).collect());
    let mut faults = Faults::drawn(random);
    faults.imports = random.percent(40).then(|| random.span(1_000..10_000));
    faults.deactivations = random.percent(30).then(|| random.span(3_000..20_000));
    faults.lasting_deactivations = 30;
    if servers == Servers::Nodes {
        faults.nodes = NodeFaults::drawn(random);
        faults.crashes = random.percent(60).then(|| random.span(2_000..20_000));
        faults.downtime = 100..3_000;
    }
    faults.memberships = random.percent(40).then(|| random.span(500..5_000));
    let own = Random::new(random.below(u64::MAX));
    let mut simulation = Simulation::new(own, faults, limits(random), store);
    simulation.set_policies(policies(random));
    simulation.tokens().lifetime = random.span(4_000..100_000);
    let pace = *random.pick(&[200, 600, 2_000]).unwrap_or(&600);
    let conversations = Rc::new(RefCell::new(Vec::new()));
    for user in users {
        for device in 0..=random.below(3) {
            let name = format!("{}.{device}", user.id);
            // A second app of the same person, or a token from before a promotion. Somebody is a
            // driver throughout.
            let role = *random.pick(&Role::ALL).unwrap_or(&user.role);
            let has_another = device > 0 && user.id.as_str() != "user_1" && random.percent(20);
            let role = if has_another { role } else { user.role };
            // A token with another name may change the teams, or be too old for that.
            let names = NorthAndSouth::FIRST_NAMES.map(Into::into);
            let first_name = random.pick(&names).cloned().filter(|_| random.percent(20));
            let first_name = first_name.unwrap_or_else(|| user.first_name.clone());
            let user = User { role, first_name, ..user.clone() };
            let says_when = random.percent(70);
            simulation.add(Device::new(user, says_when, name, pace, conversations.clone()));
        }
    }
    simulation
}

/// One team, two, or now this and now that after each start.
fn policies(random: &mut Random) -> Vec<Policy> {
    let (one, two): (Policy, Policy) = (|| Box::new(OneTeam), || Box::new(NorthAndSouth));
    match random.below(10) {
        0..3 => vec![one],
        3..8 => vec![two],
        _ => vec![one, two],
    }
}

fn users(random: &mut Random) -> Vec<User> {
    let field = [Role::BusDriver, Role::QueueRegulator, Role::BusDriver];
    let control = [Role::ControlStaff, Role::ControlAdmin, Role::ControlStaff];
    let mut some = |most| usize::try_from(random.below(most) + 1).unwrap_or(1);
    let (drivers, desks) = (some(3), some(3));
    let roles = field.into_iter().take(drivers).chain(control.into_iter().take(desks));
    let names = NorthAndSouth::FIRST_NAMES.map(Into::into);
    let users = (1..).zip(roles).map(|(n, role)| {
        let first_name = random.pick(&names).cloned().unwrap_or_default();
        User { first_name, ..User::new(format!("user_{n}"), role) }
    });
    users.collect()
}

/// Limits small enough to be met.
fn limits(random: &mut Random) -> Limits {
    let mut limits = Limits::default();
    limits.pages.catch_up_messages = u32::try_from(random.below(6)).unwrap_or_default() + 1;
    limits.pages.messages_most = 5;
    limits.pages.conversations = 4;
    limits.engine.connections_per_user = 2;
    limits.engine.requests_under_way = 8;
    limits.engine.cached_conversations = 2;
    limits.periods.token_leeway = Duration::from_secs(1);
    limits.rates = RateSetting::Limited(RateLimits {
        requests: Rate { burst: 40, every: Duration::from_millis(30) },
        messages: Rate { burst: 8, every: Duration::from_millis(300) },
        creations: Rate { burst: 2, every: Duration::from_secs(4) },
        message_bytes: ByteRate { burst: 4_000, per_second: 1_000 },
        reply_bytes: ByteRate { burst: 8_000, per_second: 8_000 },
        repeats: Rate { burst: 8, every: Duration::from_millis(100) },
        daily: Some(if random.percent(30) {
            DailyBudget { bytes: 12_000, emergency_bytes: 5_000 }
        } else {
            DailyBudget::default()
        }),
        ..RateLimits::default()
    });
    limits.pages.brief_conversations = 3;
    limits.pages.brief_bytes = 1_200;
    limits.pages.brief_participants = 1;
    limits.pages.brief_content = 8;
    limits
}
