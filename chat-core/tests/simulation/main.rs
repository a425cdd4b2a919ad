//! Many users with several devices each, without the SDK, against one engine or several over one
//! store, in virtual time, from one seed. Whatever happens to network, servers and store, P1 to P8
//! hold after each event.
//!
//! `SIMULATION_SEEDS=5000` runs 5,000 seeds, from that of `SIMULATION_FIRST` on.
//! `SIMULATION_SEED=17` runs seed 17 and prints each event of the run. A failing seed is shortened
//! before the report.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a test is told how long, and tells what it has seen"
)]

mod device;
mod run;

use chat_core::testing::simulation::{Plan, shrink};
use run::{Seen, Servers, run};

/// How many seeds run if nobody says how many.
const SEEDS: u64 = 300;

/// The same with several nodes.
const NODES_SEEDS: u64 = 200;

/// With fewer seeds, one of the required sights may be missing.
const ENOUGH_SEEDS: u64 = 200;

#[test]
fn the_promises_hold_whatever_happens() {
    hold(Servers::One, SEEDS);
}

#[test]
fn the_promises_hold_over_several_nodes() {
    hold(Servers::Nodes, NODES_SEEDS);
}

fn hold(servers: Servers, seeds: u64) {
    if let Some(seed) = number("SIMULATION_SEED") {
        let trace = Box::new(|at: chat_core::time::Monotonic, line: &str| {
            println!("{:>10.3} {line}", at.0.as_secs_f64());
        });
        let seen = run(seed, servers, Plan::told(trace));
        let seen = seen.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        return println!("seed {seed} holds: {seen:#?}");
    }
    let seeds = number("SIMULATION_SEEDS").unwrap_or(seeds);
    let first = number("SIMULATION_FIRST").unwrap_or_default();
    let mut total = Seen::default();
    for seed in first..first + seeds {
        match run(seed, servers, Plan::default()) {
            Ok(seen) => total.add(&seen),
            Err(wrong) => panic!("{}", failure(seed, servers, &wrong)),
        }
    }
    println!("{seeds} seeds hold: {total:#?}");
    if seeds >= ENOUGH_SEEDS {
        total.assert_all_seen();
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let lines = |seed, servers| {
        let lines = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let told = lines.clone();
        let plan = Plan::told(Box::new(move |at, line| told.borrow_mut().push(format!("{at:?} {line}"))));
        run(seed, servers, plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        lines.take()
    };
    for servers in [Servers::One, Servers::Nodes] {
        let is_same = |seed| lines(seed, servers) == lines(seed, servers);
        (0..5).for_each(|seed| assert!(is_same(seed), "seed {seed} gives two runs"));
    }
}

/// The failure of a seed, in its shortest form.
fn failure(seed: u64, servers: Servers, wrong: &str) -> String {
    let test = if servers == Servers::One { "whatever_happens" } else { "several_nodes" };
    let shrunk =
        shrink(|plan| run(seed, servers, plan)).map_or_else(String::new, |shrunk| shrunk.to_string());
    format!(
        "seed {seed}: {wrong}\n{shrunk}to see the whole of it:\n    \
         SIMULATION_SEED={seed} cargo test -p chat-core --test simulation {test} -- --nocapture"
    )
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, and not {text}")))
}
