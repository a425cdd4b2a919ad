//! The time of a start with a million messages, from the program's first instruction until it
//! listens.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use server_test_support::report::{Bar, Row};

use crate::prefill::LISTENERS;
use crate::process::Server;
use crate::run::{FullStore, Run};
use crate::stage::{Pace, Stage};

const DRIVERS: usize = 80;

/// The number of progress steps.
pub(crate) fn steps(run: &Run) -> u64 {
    2 * run.plan.slow_rounds + 1
}

pub(crate) fn measure(run: &mut Run) -> io::Result<()> {
    let full = run.full()?;
    let (mut clean, mut killed) = (Vec::new(), Vec::new());
    for round in 1..=run.plan.slow_rounds {
        run.progress.step(&format!("start after a clean stop, round {round}"));
        let (server, took) = start(run, &full)?;
        clean.push(took);
        run.progress.step(&format!("start after kill -9, round {round}"));
        // The kill comes under load, when the groups of the last second are not in the index yet.
        let mut stage = Stage::connect(&server, &format!("kill_{round}"), LISTENERS, DRIVERS)?;
        stage.run_on(Pace::ClosedLoop, run.plan.window)?;
        server.kill()?;
        let (server, took) = start(run, &full)?;
        killed.push(took);
        server.stop()?;
    }
    run.progress.step("start with the index built anew");
    fs::remove_dir_all(full.dir.join("index"))?;
    let (server, anew) = start(run, &full)?;
    server.stop()?;
    let scene = format!("start with {} messages stored", run.plan.stored.messages);
    for (what, starts, most) in [
        ("after a clean stop", &*clean, 2.0),
        ("after kill -9 under load", &*killed, 5.0),
        ("with the index built anew", &[anew], 60.0),
    ] {
        let figures = |figure: fn(&Start) -> Duration| -> Vec<_> {
            starts.iter().map(|start| figure(start).as_secs_f64()).collect()
        };
        let row = Row::alone(&scene, what, "s", &figures(|start| start.took));
        run.rows.push(row.bar(Some(Bar::AtMost(most))));
        let what = format!("{what}, CPU");
        run.rows.push(Row::alone(&scene, &what, "s", &figures(|start| start.cpu)));
    }
    Ok(())
}

/// The cost of a start.
#[derive(Clone, Copy)]
struct Start {
    took: Duration,
    cpu: Duration,
}

fn start(run: &Run, full: &FullStore) -> io::Result<(Server, Start)> {
    let begin = Instant::now();
    let server = Server::chat(&run.program, &full.dir)?;
    let start = Start { took: begin.elapsed(), cpu: server.cpu()? };
    Ok((server, start))
}
