//! The chat server against the floor: a server that only copies frames.
//!
//! ```console
//! $ cargo bench -p chat-server --bench against_the_floor
//! ```
//!
//! Both are processes of their own under the same load, in turn, for several rounds; what counts are the ratios of
//! each round. The load is one thread of this process: it shares the machine, so it is cheap, and its own share is in
//! the table. The floor is built as the chat server is, with the same allocator. All traffic is on loopback. Linux only,
//! for it reads `/proc` and waits by epoll.

mod bare;
mod build;
mod compare;
mod fan_out;
mod figures;
mod flood;
mod floor;
mod frame;
mod idle;
mod login;
mod pace;
mod prefill;
mod process;
mod reader;
mod reconnect;
mod report;
mod run;
mod sample;
mod stage;
mod start;
mod stored;
mod swarm;

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use mimalloc::MiMalloc;

use report::Report;
use run::{Plan, Run};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Parser)]
struct Args {
    /// A smoke test of some seconds: small numbers, which mean nothing.
    #[arg(long)]
    quick: bool,
    /// What to measure, with commas between; everything by default.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Scenes::ALL)]
    rows: Vec<Scenes>,
    /// Write the results to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only print the table of the results in this file.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// The chat server to measure; by default that of `cargo build --release -p chat-server`, which is built first.
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// Where to put data while it runs: on the kind of disk that is to be measured.
    #[arg(long, value_name = "DIR", default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// Rounds of each comparison.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: Option<u64>,
    /// What this program is when it starts itself.
    #[arg(long, hide = true)]
    be_the_floor: bool,
    /// What `cargo bench` gives every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenes {
    /// Messages to 1, 10 and 100 listeners.
    FanOut,
    /// A hundred messages a second.
    Pace,
    /// Memory of idle connections.
    Idle,
    /// Sending and reading with a million messages stored.
    Stored,
    /// Clients that come back all at once.
    Reconnect,
    /// Starting with a million messages stored.
    Start,
    /// Logins while strangers open connections as fast as they can.
    Flood,
}

impl Scenes {
    const ALL: [Self; 7] =
        [Self::FanOut, Self::Pace, Self::Idle, Self::Stored, Self::Reconnect, Self::Start, Self::Flood];

    fn steps(self, run: &Run) -> u64 {
        match self {
            Self::FanOut => fan_out::steps(run),
            Self::Pace => pace::steps(run),
            Self::Idle => idle::steps(run),
            Self::Stored => stored::steps(run),
            Self::Reconnect => reconnect::steps(run),
            Self::Start => start::steps(run),
            Self::Flood => flood::steps(run),
        }
    }

    fn measure(self, run: &mut Run) -> io::Result<()> {
        match self {
            Self::FanOut => fan_out::measure(run),
            Self::Pace => pace::measure(run),
            Self::Idle => idle::measure(run),
            Self::Stored => stored::measure(run),
            Self::Reconnect => reconnect::measure(run),
            Self::Start => start::measure(run),
            Self::Flood => flood::measure(run),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if args.be_the_floor {
        return Ok(floor::run()?);
    }
    // Cargo runs this in the folder of chat-server, and whoever calls that stands in the one above.
    env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    args.json.as_deref().map_or(Ok(()), can_be_written)?;
    let (report, outcome) = match &args.markdown {
        Some(file) => (serde_json::from_slice(&fs::read(file)?)?, Ok(())),
        None => measure(&args)?,
    };
    print!("{}", report.markdown());
    if let Some(file) = &args.json {
        fs::write(file, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(outcome?)
}

/// Says now, and not after ten minutes, if there is no way to write a file.
fn can_be_written(file: &Path) -> Result<(), String> {
    let opened = File::options().create(true).append(true).open(file);
    opened.map(drop).map_err(|error| format!("can't write {}: {error}", file.display()))
}

/// Measures what is asked for, until something fails.
fn measure(args: &Args) -> Result<(Report, io::Result<()>), Box<dyn Error>> {
    process::raise_file_limit()?;
    let mut plan = if args.quick { Plan::QUICK } else { Plan::FULL };
    plan.rounds = args.rounds.unwrap_or(plan.rounds);
    let start = Instant::now();
    let server = args.server.clone().map_or_else(build::server, Ok)?;
    let mut run = Run::new(plan, server, &args.dir)?;
    run.progress.expect(args.rows.iter().map(|scenes| scenes.steps(&run)).sum());
    // What was measured before something failed is worth showing too.
    let outcome = args.rows.iter().try_for_each(|scenes| scenes.measure(&mut run));
    run.progress.finish();
    if !run.plan.is_full {
        run.rows.iter_mut().for_each(|row| row.bar = None);
    }
    let about = format!(
        "{} rounds on {} cores ({}), in {} s. Each figure is the median of the rounds, with the least and \
         the greatest.",
        run.plan.rounds,
        available_parallelism()?,
        process::processor()?,
        start.elapsed().as_secs(),
    );
    Ok((Report { commit: build::commit()?, about, rows: run.rows }, outcome))
}
