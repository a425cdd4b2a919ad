//! The machine and the engine together, in virtual time, from one seed. Whatever happens to
//! network, server and apps, in the end each app shows the server's history, and each draft has
//! ended as its app was told.
//!
//! `SIMULATION_SEEDS=2000` runs 2,000 seeds, from that of `SIMULATION_FIRST` on.
//! `SIMULATION_SEED=17` runs seed 17 and prints each event of the run.

#![expect(clippy::disallowed_macros, reason = "a test tells what it has seen")]

mod agenda;
mod app;
mod device;
mod drafts;
mod oracle;
mod phone;
mod run;
mod user;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use chat_core::testing::simulation::{Plan, shrink};
use chat_core::time::Monotonic;
use run::{Seen, run};

/// How many seeds run if nobody says how many.
const SEEDS: u64 = 200;

/// With fewer seeds, one of the required sights may be missing.
const ENOUGH_SEEDS: u64 = 200;

#[test]
fn what_each_app_shows_is_the_history_of_the_server() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let trace = |at: Monotonic, line: &str| println!("{:>10.3} {line}", at.0.as_secs_f64());
        let seen =
            run(seed, Plan::told(Box::new(trace))).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        return println!("seed {seed} holds: {seen:#?}");
    }
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let seen = run_all(seeds);
    println!("{seeds} seeds hold: {seen:#?}");
    if seeds >= ENOUGH_SEEDS {
        seen.assert_all_seen();
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, and not {text}")))
}

/// Runs the seeds on all processors, until one is found that does not hold. It is always the same:
/// the lowest.
fn run_all(seeds: u64) -> Seen {
    let first = number("SIMULATION_FIRST").unwrap_or_default();
    let (next, end) = (AtomicU64::new(first), AtomicU64::new(first + seeds));
    let mut total = Seen::default();
    let mut wrong = BTreeMap::new();
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, Into::into);
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(|| run_some(&next, &end))).collect();
        for thread in threads {
            let (seen, found) = thread.join().expect("panics are caught");
            total.add(&seen);
            wrong.extend(found);
        }
    });
    if let Some((seed, wrong)) = wrong.pop_first() {
        let shrunk =
            shrink(|plan| run_or_panic(seed, plan)).map_or_else(String::new, |shrunk| shrunk.to_string());
        panic!(
            "seed {seed}: {wrong}\n{shrunk}to see the whole of it:\n    \
             SIMULATION_SEED={seed} cargo test -p chat-client --test simulation -- --nocapture"
        );
    }
    total
}

/// Runs seeds as long as there are any below the end, which the first that does not hold becomes.
fn run_some(next: &AtomicU64, end: &AtomicU64) -> (Seen, Option<(u64, String)>) {
    let mut total = Seen::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end.load(Ordering::Relaxed) {
            return (total, None);
        }
        match run_or_panic(seed, Plan::default()) {
            Ok(seen) => total.add(&seen),
            Err(wrong) => {
                end.fetch_min(seed, Ordering::Relaxed);
                return (total, Some((seed, wrong)));
            }
        }
    }
}

/// No input may crash anything: that is a promise too.
fn run_or_panic(seed: u64, plan: Plan) -> Result<Seen, String> {
    let ran = catch_unwind(AssertUnwindSafe(|| run(seed, plan)));
    ran.unwrap_or_else(|_| Err("P7: it panics, see above".to_owned()))
}
