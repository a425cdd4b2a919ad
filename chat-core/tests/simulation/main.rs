//! Many users with several devices each, without the SDK, against an engine in virtual time, from
//! one seed. Whatever happens to network, server and store, P1 to P7 hold after each event.
//!
//! `SIMULATION_SEEDS=5000` runs 5,000 seeds. `SIMULATION_SEED=17` runs seed 17 and prints each
//! event of the run. A failing seed is shortened before the report.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a test is told how long, and tells what it has seen"
)]

mod device;
mod run;

use chat_core::testing::simulation::{Plan, shrink};
use run::{Seen, run};

/// How many seeds run if nobody says how many.
const SEEDS: u64 = 300;

/// With fewer seeds, one of the required sights may be missing.
const ENOUGH_SEEDS: u64 = 200;

#[test]
fn the_promises_hold_whatever_happens() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let trace = Box::new(|at: chat_core::time::Monotonic, line: &str| {
            println!("{:>10.3} {line}", at.0.as_secs_f64());
        });
        let seen = run(seed, Plan::told(trace)).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        return println!("seed {seed} holds: {seen:#?}");
    }
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let mut total = Seen::default();
    for seed in 0..seeds {
        match run(seed, Plan::default()) {
            Ok(seen) => total.add(&seen),
            Err(wrong) => panic!("{}", failure(seed, &wrong)),
        }
    }
    println!("{seeds} seeds hold: {total:#?}");
    if seeds >= ENOUGH_SEEDS {
        total.assert_all_seen();
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let lines = |seed| {
        let lines = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let told = lines.clone();
        let plan = Plan::told(Box::new(move |at, line| told.borrow_mut().push(format!("{at:?} {line}"))));
        run(seed, plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        lines.take()
    };
    (0..5).for_each(|seed| assert!(lines(seed) == lines(seed), "seed {seed} gives two runs"));
}

/// The failure of a seed, in its shortest form.
fn failure(seed: u64, wrong: &str) -> String {
    let shrunk = shrink(|plan| run(seed, plan)).map_or_else(String::new, |shrunk| shrunk.to_string());
    format!(
        "seed {seed}: {wrong}\n{shrunk}to see the whole of it:\n    \
         SIMULATION_SEED={seed} cargo test -p chat-core --test simulation -- --nocapture"
    )
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, and not {text}")))
}
