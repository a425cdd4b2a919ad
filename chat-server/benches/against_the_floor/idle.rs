//! The memory that an idle connection costs.

use std::io;
use std::time::Instant;

use chat_core::protocol::{Role, User};
use server_test_support::report::{Bar, Row};

use crate::figures::count;
use crate::prefill;
use crate::process::{Part, Server, raise_file_limit};
use crate::run::Run;
use crate::stage::{MAX_WAIT, wait_open};
use crate::swarm::{Incoming, Peers, Swarm};

/// The connections before the first measurement. By then the server has made its one-time
/// allocations.
const BEFORE: usize = 200;

/// The connections that are opened at once: few, because the memory of handshakes is not measured
/// here.
const BATCH: usize = 100;

/// The files that this process keeps for other purposes than connections.
const OTHER_FILES: u64 = 256;

/// The number of progress steps.
pub(crate) fn steps(run: &Run) -> u64 {
    2 * run.plan.slow_rounds
}

pub(crate) fn measure(run: &mut Run) -> io::Result<()> {
    let most = usize::try_from(raise_file_limit()?.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    let numbers = run.plan.idle.map(|number| number.min(most));
    let dir = run.new_dir("idle")?;
    prefill::users(&dir, (0..numbers[1]).map(user))?;
    let mut rounds = Vec::new();
    for round in 1..=run.plan.slow_rounds {
        run.progress.step(&format!("idle connections, chat-server, round {round}"));
        let chat = kib_per_connection(run, &Server::chat(&run.program, &dir)?, numbers)?;
        run.progress.step(&format!("idle connections, floor, round {round}"));
        rounds.push((chat, kib_per_connection(run, &Server::floor()?, numbers)?));
    }
    for (place, number) in numbers.into_iter().enumerate() {
        let pairs: Vec<_> = rounds.iter().map(|(chat, floor)| (chat[place], floor[place])).collect();
        let scene = format!("{number} idle connections");
        let row = Row::beside(&scene, "memory for each", "KiB", "floor", &pairs);
        run.rows.push(row.bar(Some(Bar::AtMost(5.0))));
    }
    Ok(())
}

/// Returns the KiB per connection at each of two numbers of connections.
fn kib_per_connection(run: &Run, server: &Server, numbers: [usize; 2]) -> io::Result<[f64; 2]> {
    let mut swarm = Swarm::new()?;
    grow(run, server, &mut swarm, 0..BEFORE)?;
    let (mut connected, before) = (BEFORE, server.resident()?);
    let mut kib = [0.0; 2];
    for (number, kib) in numbers.into_iter().zip(&mut kib) {
        grow(run, server, &mut swarm, connected..number)?;
        connected = number;
        let bytes = server.resident()?.saturating_sub(before);
        *kib = count(bytes) / 1024.0 / count((number - BEFORE) as u64);
    }
    Ok(kib)
}

/// Connects these users, then lets the server come to rest.
fn grow(run: &Run, server: &Server, swarm: &mut Swarm, users: std::ops::Range<usize>) -> io::Result<()> {
    for first in users.clone().step_by(BATCH) {
        let some = first..users.end.min(first + BATCH);
        for number in some.clone() {
            swarm.connect(server.address(), server.opening(&user(number), Part::Other))?;
        }
        wait_open(swarm, some.len())?;
    }
    let start = Instant::now();
    while start.elapsed() < run.plan.rest {
        swarm.turn(MAX_WAIT, &mut |_: &mut Peers, _, _: Incoming<'_>| Ok(()))?;
    }
    Ok(())
}

fn user(number: usize) -> User {
    User::new(format!("idle_{number}").as_str(), Role::BusDriver)
}
