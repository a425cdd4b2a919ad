//! Drivers in closed loops, whose messages go to 1, 10 or 100 listening control users.

use std::fs;
use std::io;
use std::path::Path;

use server_test_support::report::{Bar, Row};

use crate::bare;
use crate::compare::{self, Bars};
use crate::figures::per_second;
use crate::prefill;
use crate::process::Server;
use crate::run::Run;
use crate::stage::{Pace, Stage};
use crate::users;

struct Load {
    listeners: usize,
    /// Each driver has one message in flight.
    drivers: usize,
    bars: Bars,
}

const NONE: Bars = Bars { messages: None, after: None, cpu: None };

const LOADS: [Load; 3] = [
    Load { listeners: 1, drivers: 64, bars: NONE },
    Load {
        listeners: 10,
        drivers: 80,
        bars: Bars { messages: Some(Bar::RatioAtLeast(0.4)), cpu: Some(Bar::RatioAtMost(2.0)), ..NONE },
    },
    Load { listeners: 100, drivers: 80, bars: Bars { cpu: Some(Bar::RatioAtMost(1.3)), ..NONE } },
];

/// The number of progress steps.
pub(crate) fn steps(run: &Run) -> u64 {
    run.plan.rounds * LOADS.len() as u64
}

pub(crate) fn measure(run: &mut Run) -> io::Result<()> {
    for load in &LOADS {
        measure_load(run, load)?;
    }
    Ok(())
}

fn measure_load(run: &mut Run, load: &Load) -> io::Result<()> {
    let Load { listeners, drivers, .. } = *load;
    let name = format!("fan-out {listeners}, {drivers} in flight");
    let dir = run.new_dir(&format!("fan-out-{listeners}"))?;
    prefill::users(&dir, (0..listeners).map(users::listener))?;
    let (chat, floor) = (Server::chat(&run.program, &dir)?, Server::floor()?);
    let mut stages = (
        Stage::connect(&chat, "driver", listeners, drivers)?,
        Stage::connect(&floor, "driver", listeners, drivers)?,
    );
    let (mut rounds, mut bare) = (Vec::new(), Vec::new());
    for round in 1..=run.plan.rounds {
        run.progress.step(&format!("{name}, round {round} of {}", run.plan.rounds));
        let before = journal_bytes(&dir)?;
        let sent = stages.0.sent();
        let of_chat = stages.0.run(&chat, Pace::ClosedLoop, run.plan.warm_up, run.plan.window)?;
        let record = (journal_bytes(&dir)? - before) / (stages.0.sent() - sent);
        let of_floor = stages.1.run(&floor, Pace::ClosedLoop, run.plan.warm_up, run.plan.window)?;
        if listeners == 1 {
            let record = usize::try_from(record).map_err(io::Error::other)?;
            let alone = bare::journal(run.dir(), drivers, record, run.plan.window)?;
            bare.push((per_second(of_chat.answered, of_chat.elapsed), alone));
        }
        rounds.push((of_chat, of_floor));
    }
    run.rows.extend(compare::rows(&name, "floor", &rounds, &load.bars));
    if listeners == 1 {
        let row = Row::beside(&name, "acknowledged messages", "1/s", "bare journal", &bare);
        run.rows.push(row.bar(Some(Bar::RatioAtLeast(0.2))));
    }
    Ok(())
}

/// The bytes of all segments of the journal.
fn journal_bytes(dir: &Path) -> io::Result<u64> {
    fs::read_dir(dir.join("journal"))?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
