//! A hundred messages a second, each made durable and acknowledged, beside what the disk takes for one `fdatasync`.

use std::io;
use std::time::Duration;

use crate::bare;
use crate::figures::percentile;
use crate::prefill;
use crate::process::Server;
use crate::report::{Bar, Row};
use crate::run::Run;
use crate::stage::{self, Pace, Stage};

/// Between two messages, and between two syncs.
const PAUSE: Duration = Duration::from_millis(10);

/// Drivers who take turns, and control users who listen.
const DRIVERS: usize = 50;
const LISTENERS: usize = 10;

/// Bytes of each append that is synced alone: the record of a message is about as long.
const RECORD: usize = 640;

/// Steps of progress.
pub(crate) fn steps(run: &Run) -> u64 {
    run.plan.rounds
}

pub(crate) fn measure(run: &mut Run) -> io::Result<()> {
    let name = "100 messages a second, fan-out 10";
    let dir = run.new_dir("pace")?;
    prefill::users(&dir, (0..LISTENERS).map(stage::listener))?;
    let chat = Server::chat(&run.program, &dir)?;
    let mut stage = Stage::set(&chat, "driver", LISTENERS, DRIVERS)?;
    let mut rounds = Vec::new();
    // A percentile wants more of them than there are in a window.
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
