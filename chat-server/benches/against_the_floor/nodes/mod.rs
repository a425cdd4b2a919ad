//! One server and two servers over one PostgreSQL, beside a bare group insert into the same
//! PostgreSQL.

mod bare_insert;
mod crowd;
mod heard;

use std::io;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use server_test_support::report::{Bar, Row};

use crate::figures::{millis_per_thousand, per_second, percentile};
use crate::prefill;
use crate::process::Server;
use crate::run::Run;
use crate::stage::{Outcome, Pace, Stage};
use bare_insert::Inserted;
use crowd::Crowd;

/// Drivers of all servers together. Each has one message in flight.
const IN_FLIGHT: usize = 64;

/// Listening control users of all servers together, in the rows of deliveries.
const LISTENERS: usize = 100;

/// The number of progress steps.
pub(crate) fn steps(run: &Run) -> u64 {
    4 * run.plan.slow_rounds + 3
}

pub(crate) fn measure(run: &mut Run) -> io::Result<()> {
    let url = run.database.clone().ok_or_else(|| io::Error::other("the rows `nodes` need --database-url"))?;
    command(run, &["database", "upgrade", "--database-url", &url])?;
    move_in(run, &url)?;
    let servers = [node(run, &url, "one")?, node(run, &url, "two")?];
    for nodes in [1, 2] {
        messages(run, &url, &servers[..nodes])?;
    }
    run.progress.step("the other server hears");
    let time = run.plan.window * u32::try_from(run.plan.slow_rounds).unwrap_or(u32::MAX);
    run.rows.extend(heard::rows(&servers, time)?);
    deliveries(run, &servers)
}

/// Runs a command of the server's program to its end.
fn command(run: &Run, args: &[&str]) -> io::Result<()> {
    let output = Command::new(&run.program).args(args).output()?;
    let error = || io::Error::other(format!("{args:?}: {}", String::from_utf8_lossy(&output.stderr)));
    output.status.success().then_some(()).ok_or_else(error)
}

/// Moves a full data directory into the database, so that the servers serve a long history.
fn move_in(run: &mut Run, url: &str) -> io::Result<()> {
    let (dir, size) = (run.new_dir("moved")?, run.plan.stored);
    run.progress.step(&format!("storing {} messages", size.messages));
    prefill::fill(&dir, size)?;
    run.progress.step("moving them into the database");
    let start = Instant::now();
    command(run, &["move", "--data-dir", &dir.to_string_lossy(), "--database-url", url])?;
    let name = format!("{} messages moved from a data directory into PostgreSQL", size.messages);
    let row = Row::alone(&name, "moved after", "s", &[start.elapsed().as_secs_f64()]);
    run.rows.push(row.bar(Some(Bar::AtMost(120.0))));
    Ok(())
}

fn node(run: &Run, url: &str, name: &str) -> io::Result<Server> {
    let dir = run.new_dir(&format!("node-{name}"))?;
    std::fs::create_dir(&dir)?;
    Server::chat_with(&run.program, &dir, &["--database-url".to_owned(), url.to_owned()])
}

/// Runs the load of each server in a thread of its own.
fn load(stages: &mut [Stage], servers: &[Server], run: &Run) -> io::Result<Vec<Outcome>> {
    let (warm_up, window) = (run.plan.warm_up, run.plan.window);
    thread::scope(|scope| {
        let loads: Vec<_> = stages
            .iter_mut()
            .zip(servers)
            .map(|(stage, server)| scope.spawn(move || stage.run(server, Pace::ClosedLoop, warm_up, window)))
            .collect();
        loads.into_iter().map(|load| load.join().expect("the drivers do not panic")).collect()
    })
}

/// Connects the drivers of each server.
fn drivers(servers: &[Server], name: &str) -> io::Result<Vec<Stage>> {
    let (each, name) = (IN_FLIGHT / servers.len(), format!("{name}-{}", servers.len()));
    let connect = |(place, server)| Stage::connect(server, &format!("{name}-{place}"), 0, each);
    servers.iter().enumerate().map(connect).collect()
}

/// The outcome of each server, and the inserts beside.
type Round = (Vec<Outcome>, Inserted);

/// Acknowledged messages, beside inserts by as many connections.
fn messages(run: &mut Run, url: &str, servers: &[Server]) -> io::Result<()> {
    let nodes = servers.len();
    let name = format!("servers over PostgreSQL: {nodes}, {IN_FLIGHT} in flight");
    let mut stages = drivers(servers, "driver")?;
    let mut rounds = Vec::new();
    for round in 1..=run.plan.slow_rounds {
        run.progress.step(&format!("{name}, round {round} of {}", run.plan.slow_rounds));
        let outcomes = load(&mut stages, servers, run)?;
        rounds.push((outcomes, bare_insert::run(url, nodes, IN_FLIGHT, run.plan.window)?));
    }
    let rate = |outcomes: &[Outcome]| outcomes.iter().map(|one| per_second(one.answered, one.elapsed)).sum();
    let row = |what: &str, unit: &str, figure: &dyn Fn(&Round) -> (f64, f64)| {
        let pairs: Vec<_> = rounds.iter().map(figure).collect();
        Row::beside(&name, what, unit, "bare group insert", &pairs)
    };
    let least = Bar::RatioAtLeast(if nodes == 1 { 0.5 } else { 0.3 });
    let rows = [
        row("acknowledged messages", "1/s", &|(of_chat, bare)| (rate(of_chat), bare.rate)).bar(Some(least)),
        row("acknowledged after, p50", "ms", &|(of_chat, bare)| {
            (percentile(&latencies(of_chat), 5_000), percentile(&bare.latencies, 5_000))
        }),
        row("acknowledged after, p99", "ms", &|(of_chat, bare)| {
            (percentile(&latencies(of_chat), 9_900), percentile(&bare.latencies, 9_900))
        }),
    ];
    run.rows.extend(rows);
    Ok(())
}

fn latencies(outcomes: &[Outcome]) -> Vec<Duration> {
    let mut all: Vec<_> = outcomes.iter().flat_map(|one| one.latencies.iter().copied()).collect();
    all.sort_unstable();
    all
}

/// Processor time of all servers for what their listeners hear: of two, beside one.
fn deliveries(run: &mut Run, servers: &[Server; 2]) -> io::Result<()> {
    let name = format!("deliveries to {LISTENERS}, {IN_FLIGHT} in flight");
    let mut pairs = Vec::new();
    for round in 1..=run.plan.slow_rounds {
        run.progress.step(&format!("{name}, round {round} of {}", run.plan.slow_rounds));
        let cost = |nodes: usize| {
            let servers = &servers[..nodes];
            let crowds = Crowd::connect_to(servers, LISTENERS / nodes)?;
            let mut stages = drivers(servers, &format!("talker-{round}"))?;
            let (outcomes, heard) = Crowd::listen_during(crowds, || load(&mut stages, servers, run))?;
            let cpu = outcomes.iter().map(|one| one.cpu).sum();
            let share = outcomes.iter().map(|one| one.elapsed).max().unwrap_or_default();
            // The crowds also hear the time before the window.
            let whole = share + run.plan.warm_up;
            io::Result::Ok(millis_per_thousand(cpu, heard) * whole.as_secs_f64() / share.as_secs_f64())
        };
        let one = cost(1)?;
        pairs.push((cost(2)?, one));
    }
    let row = Row::beside(&name, "CPU of two servers per 1,000 deliveries", "ms", "one server", &pairs);
    run.rows.push(row.bar(Some(Bar::RatioAtMost(1.25))));
    Ok(())
}
