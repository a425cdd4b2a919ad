//! One run: who takes part, what goes wrong, and what was seen of it.

use std::time::Duration;

use chat_client::machine::Counters as MachineCounters;
use chat_core::limits::{Limits, Rate, RateLimits, RateSetting};
use chat_core::protocol::{Role, User};
use chat_core::store::{Account, Change, MemoryState};
use chat_core::testing::simulation::{ClientId, Faults, Random, Simulation, Trace};

use crate::device::{Device, Profile};
use crate::oracle;
use crate::phone::Clock;

/// Longer than the longest heartbeat, and all that may have to be found out by it one after the other.
const UNTIL_QUIET: Duration = Duration::from_mins(15);

/// How long nothing happens then.
const QUIET: Duration = Duration::from_mins(30);

/// What was provoked, over all runs.
#[derive(Default, Debug)]
pub(crate) struct Seen {
    cuts: u64,
    black_holes: u64,
    lost_frames: u64,
    crashes: u64,
    crashes_that_forgot: u64,
    restores: u64,
    refused_for_an_expired_token: u64,
    resends: u64,
    duplicates_suppressed: u64,
    catch_ups_of_several_pages: u64,
    epoch_changes: u64,
    tokens_renewed: u64,
    kills_over_an_outbox: u64,
    drafts: u64,
    drafts_too_late: u64,
    messages: u64,
}

impl Seen {
    fn of(simulation: &Simulation<Device>) -> Self {
        let counters = simulation.counters();
        let devices = simulation.clients();
        let machines = devices.iter().flat_map(Device::counters).fold(MachineCounters::default(), sum);
        let sum = |of: fn(&Device) -> u64| devices.iter().map(of).sum();
        let conversations = simulation.export().conversations;
        Self {
            cuts: counters.cuts,
            black_holes: counters.black_holes,
            lost_frames: counters.lost_frames,
            crashes: counters.crashes,
            crashes_that_forgot: counters.crashes_that_forgot,
            restores: counters.restores,
            refused_for_an_expired_token: counters.expired_tokens,
            resends: machines.resends,
            duplicates_suppressed: machines.duplicates_suppressed,
            catch_ups_of_several_pages: machines.catch_ups_of_several_pages,
            epoch_changes: machines.epoch_changes,
            tokens_renewed: machines.tokens_renewed,
            kills_over_an_outbox: sum(|device| device.kills),
            drafts: sum(|device| device.drafts.written.len() as u64),
            drafts_too_late: sum(|device| device.drafts.too_late),
            messages: conversations.values().map(|exported| exported.messages.len() as u64).sum(),
        }
    }

    fn numbers(&mut self) -> [(&'static str, &mut u64); 16] {
        [
            ("cuts", &mut self.cuts),
            ("black holes", &mut self.black_holes),
            ("lost frames", &mut self.lost_frames),
            ("crashes", &mut self.crashes),
            ("crashes that forgot", &mut self.crashes_that_forgot),
            ("restores", &mut self.restores),
            ("refused for an expired token", &mut self.refused_for_an_expired_token),
            ("resends", &mut self.resends),
            ("duplicates suppressed", &mut self.duplicates_suppressed),
            ("catch-ups of several pages", &mut self.catch_ups_of_several_pages),
            ("epoch changes", &mut self.epoch_changes),
            ("tokens renewed", &mut self.tokens_renewed),
            ("kills over an outbox", &mut self.kills_over_an_outbox),
            ("drafts", &mut self.drafts),
            ("drafts too late", &mut self.drafts_too_late),
            ("messages", &mut self.messages),
        ]
    }

    pub(crate) fn add(&mut self, mut other: Self) {
        let others = other.numbers();
        self.numbers().into_iter().zip(others).for_each(|((_, sum), (_, more))| *sum += *more);
    }

    /// A run in which nothing goes wrong proves nothing.
    pub(crate) fn assert_all_seen(mut self) {
        for (name, number) in self.numbers() {
            assert!(*number > 0, "there were no {name}");
        }
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

/// Runs one seed. What does not hold is the error.
pub(crate) fn run(seed: u64, is_told: bool) -> Result<Seen, String> {
    let mut random = Random::new(seed);
    let mut simulation = cast(&mut random);
    let trace: Trace = Box::new(|at, line| println!("{:>10.3} {line}", at.0.as_secs_f64()));
    simulation.begin(is_told.then_some(trace));
    simulation.run_for(random.span(20_000..90_000));
    simulation.heal();
    simulation.run_for(random.span(0..10_000));
    for device in simulation.ids().collect::<Vec<ClientId>>() {
        simulation.tell(device, Device::calm);
    }
    simulation.run_for(UNTIL_QUIET);
    oracle::check(&simulation)?;
    let before = simulation.activity();
    simulation.run_for(QUIET);
    if simulation.activity() != before {
        return Err("at rest something still ticks".to_owned());
    }
    Ok(Seen::of(&simulation))
}

/// Who takes part, and what goes wrong.
fn cast(random: &mut Random) -> Simulation<Device> {
    let users = users(random);
    let account = |user: &User| Account { user: user.clone(), active: true, enrolment_due: false };
    let mut store = MemoryState::new("epoch_1");
    store.judge(users.iter().map(|user| Change::PutAccount(account(user))).collect());
    let faults = Faults::drawn(random);
    let own = Random::new(random.below(u64::MAX));
    let mut simulation = Simulation::new(own, faults, limits(random), store);
    simulation.tokens().lifetime = random.span(4_000..100_000);
    let pace = *random.pick(&[600, 3_000, 8_000]).unwrap_or(&600);
    for (number, user) in users.iter().flat_map(|user| [user, user]).enumerate() {
        simulation.add(Device::new(Profile {
            user: user.clone(),
            number,
            is_durable: random.percent(60),
            failing_writes: if random.percent(20) { 10 } else { 0 },
            clock: Clock(i64::try_from(random.below(4_000)).unwrap_or_default() - 2_000),
            pace,
        }));
    }
    simulation
}

fn users(random: &mut Random) -> Vec<User> {
    let field = [Role::BusDriver, Role::QueueRegulator, Role::BusDriver];
    let control = [Role::ControlStaff, Role::ControlAdmin];
    let (drivers, desks) = (random.below(3) + 1, random.below(2) + 1);
    let field = field.into_iter().take(usize::try_from(drivers).unwrap_or(1));
    let control = control.into_iter().take(usize::try_from(desks).unwrap_or(1));
    (1..).zip(field.chain(control)).map(|(n, role)| User::new(format!("user_{n}"), role)).collect()
}

/// Pages so small that most catch-ups need several, and rates that a burst of messages meets.
fn limits(random: &mut Random) -> Limits {
    let mut limits = Limits::default();
    limits.pages.catch_up_messages = u32::try_from(random.below(6)).unwrap_or_default() + 1;
    limits.periods.token_leeway = Duration::from_secs(1);
    limits.rates = RateSetting::Limited(RateLimits {
        requests: Rate { burst: 40, every: Duration::from_millis(30) },
        messages: Rate { burst: 4, every: Duration::from_millis(300) },
        creations: Rate { burst: 2, every: Duration::from_secs(2) },
    });
    limits
}
