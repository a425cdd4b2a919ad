//! A hundred messages a second, compared with single `fdatasync` calls of the same disk.

use std::io;
use std::time::Duration;

use server_test_support::report::{Bar, Row};

use crate::bare;
use crate::figures::percentile;
use crate::prefill;
use crate::process::Server;
use crate::run::Run;
use crate::stage::{Pace, Stage};
use crate::users;

/// The time between two messages, and between two syncs.
const PAUSE: Duration = Duration::from_millis(10);

/// The drivers, who send in turn.
const DRIVERS: usize = 50;

/// The listening control users.
const LISTENERS: usize = 10;

/// The bytes of each single append, about as long as the record of a message.
const RECORD: usize = 640;

/// The number of progress steps.
pub(crate) fn steps(run: &Run) -> u64 {
    run.plan.rounds
}

pub(crate) fn measure(run: &mut Run) -> io::Result<()> {
    let name = "100 messages a second, fan-out 10";
    let dir = run.new_dir("pace")?;
    prefill::users(&dir, (0..LISTENERS).map(users::listener))?;
    let chat = Server::chat(&run.program, &dir)?;
    let mut stage = Stage::connect(&chat, "driver", LISTENERS, DRIVERS)?;
    let mut rounds = Vec::new();
    // One window has too few messages for a percentile.
    let window = run.plan.window * 2;
    for round in 1..=run.plan.rounds {
        run.progress.step(&format!("{name}, round {round} of {}", run.plan.rounds));
        let acknowledged = stage.run(&chat, Pace::Every(PAUSE), run.plan.warm_up, window)?.latencies;
        let synced = bare::single_syncs(run.dir(), RECORD, PAUSE, window)?;
        rounds.push((acknowledged, synced));
    }
    for (percent, of_ten_thousand, bar) in [(50, 5_000, None), (99, 9_900, Some(Bar::RatioAtMost(10.0)))] {
        let figure = |latencies| percentile(latencies, of_ten_thousand);
        let pairs: Vec<_> = rounds.iter().map(|(chat, disk)| (figure(chat), figure(disk))).collect();
        let what = format!("acknowledged after, p{percent}");
        run.rows.push(Row::beside(name, &what, "ms", "one fdatasync", &pairs).bar(bar));
    }
    Ok(())
}
