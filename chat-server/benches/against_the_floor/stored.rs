//! The cost of a million stored messages: sending and reading, compared with a store of one page,
//! and reading far back, compared with reading the newest page.

use std::io;

use server_test_support::report::{Bar, Row};

use crate::compare;
use crate::figures::{count, millis_per_thousand, percentile};
use crate::prefill::{LISTENERS, Size, deep_driver, fill};
use crate::process::Server;
use crate::reader::{Read, Reader, page};
use crate::run::Run;
use crate::stage::{Outcome, Pace, Stage};

const DRIVERS: usize = 80;

/// The messages of the small store: one page.
const ONE_PAGE: u64 = 50;

/// The number of pages beyond the depth that are read in turn.
const PLACES: u64 = 50;

const BAR: Option<Bar> = Some(Bar::RatioAtMost(1.2));

/// The number of progress steps.
pub(crate) fn steps(run: &Run) -> u64 {
    3 * run.plan.rounds + 1
}

pub(crate) fn measure(run: &mut Run) -> io::Result<()> {
    let full = run.full()?;
    let empty_dir = run.new_dir("one-page")?;
    let empty = fill(&empty_dir, Size { messages: ONE_PAGE, drivers: 0 })?;
    let servers = (Server::chat(&run.program, &full.dir)?, Server::chat(&run.program, &empty_dir)?);
    let messages = run.plan.stored.messages;

    let name = format!("sending with {messages} messages stored, fan-out {LISTENERS}");
    let sent = sending(run, &servers, &name)?;
    run.rows.extend(compare::rows(
        &name,
        "none stored",
        &sent,
        &compare::Bars { after: BAR, cpu: BAR, ..compare::Bars::default() },
    ));

    let name = format!("page of 50 with {messages} messages stored");
    let newest = (vec![page(&full.stored.deep, 0)], vec![page(&empty.deep, 0)]);
    let read = reading(run, (&servers.0, &newest.0), (&servers.1, &newest.1), &name)?;
    run.rows.extend(rows(&name, "50 stored", &read));

    let depth = messages / 10 * 9;
    let name = format!("page of 50 at depth {depth}");
    let apart = (full.stored.deep_messages - depth) / (2 * PLACES);
    let far: Vec<_> = (0..PLACES).map(|place| page(&full.stored.deep, depth + place * apart)).collect();
    let read = reading(run, (&servers.0, &far), (&servers.0, &newest.0), &name)?;
    run.rows.extend(rows(&name, "depth 0", &read));
    servers.0.stop()
}

fn sending(run: &Run, servers: &(Server, Server), name: &str) -> io::Result<Vec<(Outcome, Outcome)>> {
    let mut full = Stage::connect(&servers.0, "stored", LISTENERS, DRIVERS)?;
    let mut empty = Stage::connect(&servers.1, "stored", LISTENERS, DRIVERS)?;
    let (warm_up, window) = (run.plan.warm_up, run.plan.window);
    let mut rounds = Vec::new();
    for round in 1..=run.plan.rounds {
        run.progress.step(&format!("{name}, round {round} of {}", run.plan.rounds));
        rounds.push((
            full.run(&servers.0, Pace::ClosedLoop, warm_up, window)?,
            empty.run(&servers.1, Pace::ClosedLoop, warm_up, window)?,
        ));
    }
    Ok(rounds)
}

/// Has the driver of the deep conversation send requests to both servers in turn.
fn reading(
    run: &Run,
    this: (&Server, &[Vec<u8>]),
    other: (&Server, &[Vec<u8>]),
    name: &str,
) -> io::Result<Vec<(Read, Read)>> {
    let mut readers = (Reader::connect(this.0, &deep_driver())?, Reader::connect(other.0, &deep_driver())?);
    let mut rounds = Vec::new();
    for round in 1..=run.plan.rounds {
        run.progress.step(&format!("{name}, round {round} of {}", run.plan.rounds));
        let time = run.plan.window / 2;
        rounds.push((readers.0.ask(this.0, this.1, time)?, readers.1.ask(other.0, other.1, time)?));
    }
    Ok(rounds)
}

fn rows(name: &str, other: &str, rounds: &[(Read, Read)]) -> [Row; 3] {
    let row = |what: &str, figure: &dyn Fn(&Read) -> f64| {
        let pairs: Vec<_> = rounds.iter().map(|(this, other)| (figure(this), figure(other))).collect();
        Row::beside(name, what, "ms", other, &pairs)
    };
    [
        row("answered after, p50", &|read| percentile(&read.latencies, 5_000)).bar(BAR),
        row("answered after, p99", &|read| percentile(&read.latencies, 9_900)),
        row("server CPU for each", &|read| {
            millis_per_thousand(read.cpu, read.latencies.len() as u64) / count(1_000)
        })
        .bar(BAR),
    ]
}
