//! The machine and the engine together, in virtual time, from one seed: whatever happens to network, server and apps,
//! in the end what each app shows is the server's history, and each draft has ended as it was said to.
//!
//! `SIMULATION_SEEDS=2000` runs so many seeds; `SIMULATION_SEED=17` runs that one and tells what happens in it.

mod agenda;
mod app;
mod device;
mod drafts;
mod oracle;
mod phone;
mod run;
mod user;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use run::{Seen, run};

/// How many seeds run if nobody says how many.
const SEEDS: u64 = 200;

/// With fewer seeds it may be that one of the things that are to be seen has not happened.
const ENOUGH_SEEDS: u64 = 200;

#[test]
fn what_each_app_shows_is_the_history_of_the_server() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let seen = run(seed, true).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
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

/// Runs the seeds on all processors, until one is found that does not hold.
fn run_all(seeds: u64) -> Seen {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Seen::default());
    let worst = Mutex::new(None::<(u64, String)>);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                while worst.lock().unwrap().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    match catch_unwind(AssertUnwindSafe(|| run(seed, false))) {
                        Ok(Ok(seen)) => total.lock().unwrap().add(seen),
                        Ok(Err(wrong)) => *worst.lock().unwrap() = Some((seed, wrong)),
                        Err(_) => *worst.lock().unwrap() = Some((seed, "it panics, see above".to_owned())),
                    }
                }
            });
        }
    });
    if let Some((seed, wrong)) = worst.into_inner().unwrap() {
        panic!(
            "seed {seed}: {wrong}\nto see how it comes to this:\n    \
             SIMULATION_SEED={seed} cargo test -p chat-client --test simulation -- --nocapture"
        );
    }
    total.into_inner().unwrap()
}
