//! What a connection costs in memory that only stands there.

use std::io;
use std::time::Instant;

use chat_core::protocol::{Role, User};

use crate::figures::count;
use crate::prefill;
use crate::process::{Part, Server, raise_file_limit};
use crate::report::{Bar, Row};
use crate::run::Run;
use crate::stage::{NAP, wait_open};
use crate::swarm::{Heard, Peers, Swarm};

/// Connections before the first measurement: what a server needs once, it has by then.
const BEFORE: usize = 200;

/// Connections that are opened at once: few, for what handshakes take for a moment is not asked for here.
const AT_ONCE: usize = 100;

/// Files of this process beside connections.
const OTHER_FILES: u64 = 256;

/// Steps of progress.
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
        let chat = each(run, &Server::chat(&run.program, &dir)?, numbers)?;
        run.progress.step(&format!("idle connections, floor, round {round}"));
        rounds.push((chat, each(run, &Server::floor()?, numbers)?));
    }
    for (place, number) in numbers.into_iter().enumerate() {
        let pairs: Vec<_> = rounds.iter().map(|(chat, floor)| (chat[place], floor[place])).collect();
        let scene = format!("{number} idle connections");
        let row = Row::beside(&scene, "memory for each", "KiB", "floor", &pairs);
        run.rows.push(row.bar(Some(Bar::AtMost(5.0))));
    }
    Ok(())
}

/// KiB that each connection costs when there are so many.
fn each(run: &Run, server: &Server, numbers: [usize; 2]) -> io::Result<[f64; 2]> {
    let mut swarm = Swarm::new()?;
    grow(run, server, &mut swarm, 0..BEFORE)?;
    let (mut there, before) = (BEFORE, server.resident()?);
    let mut each = [0.0; 2];
    for (number, each) in numbers.into_iter().zip(&mut each) {
        grow(run, server, &mut swarm, there..number)?;
        there = number;
        let bytes = server.resident()?.saturating_sub(before);
        *each = count(bytes) / 1024.0 / count((number - BEFORE) as u64);
    }
    Ok(each)
}

/// Connects these users, then lets everything come to rest.
fn grow(run: &Run, server: &Server, swarm: &mut Swarm, users: std::ops::Range<usize>) -> io::Result<()> {
    for first in users.clone().step_by(AT_ONCE) {
        let some = first..users.end.min(first + AT_ONCE);
        for number in some.clone() {
            swarm.connect(server.address(), server.opening(&user(number), Part::Other))?;
        }
        wait_open(swarm, some.len())?;
    }
    let start = Instant::now();
    while start.elapsed() < run.plan.rest {
        swarm.turn(NAP, &mut |_: &mut Peers, _, _: Heard<'_>| Ok(()))?;
    }
    Ok(())
}

fn user(number: usize) -> User {
    User::new(format!("idle_{number}").as_str(), Role::BusDriver)
}
