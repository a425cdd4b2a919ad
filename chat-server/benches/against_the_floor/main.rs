//! Compares the chat server with the floor, a server that only copies frames.
//!
//! ```console
//! $ cargo bench -p chat-server --bench against_the_floor
//! ```
//!
//! Both are separate processes under the same load in turn, for several rounds. The ratios of each
//! round count, not the absolute figures. The load is one cheap thread of this process, and its own
//! processor time is in the table. The floor is built with the same options and the same allocator
//! as the chat server. All traffic is on loopback. The benchmark needs Linux, because it reads
//! `/proc` and uses epoll.

mod agency;
mod bare;
mod build;
mod clients;
mod compare;
mod fan_out;
mod figures;
mod flood;
mod floor;
mod frame;
mod idle;
mod login;
mod nodes;
mod pace;
mod prefill;
mod process;
mod reader;
mod reconnect;
mod requests;
mod run;
mod sample;
mod stage;
mod start;
mod stored;
mod swarm;
mod users;

use std::borrow::Cow;
use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use mimalloc::MiMalloc;
use server_test_support::report::Report;

use run::{Plan, Run};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Parser)]
struct Args {
    /// Run a smoke test of some seconds, whose figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// The groups of rows to measure, separated by commas [default: all but nodes].
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Group::ALL, hide_default_value = true)]
    rows: Vec<Group>,
    /// Also write the results to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print the table of the results in this file, and measure nothing.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// The program to measure [default: that of `cargo build --release -p chat-server`, which is
    /// built first].
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// The directory for data during the run, on the kind of disk to be measured.
    #[arg(long, value_name = "DIR", default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// The rounds of the groups `fan-out`, `pace` and `stored` [default: 9].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: Option<u64>,
    /// The numbers of control users of the rows `agency` [default: 10,100,300].
    #[arg(long, value_name = "N", value_delimiter = ',')]
    control_users: Option<Vec<usize>>,
    /// The numbers of stored conversations of the rows `agency`, in rising order [default:
    /// 30000,100000]. The first one is measured with each number of control users, and the others
    /// with the last one.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    conversations: Option<Vec<usize>>,
    /// The address of an empty database on a PostgreSQL that nobody else uses, for the group
    /// `nodes`.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Be the floor. The benchmark starts itself with this flag.
    #[arg(long, hide = true)]
    be_the_floor: bool,
    /// Ignored: `cargo bench` gives this flag to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Messages to 1, 10 and 100 listeners
    FanOut,
    /// A hundred messages a second
    Pace,
    /// Memory of idle connections
    Idle,
    /// Sending and reading with a million stored messages
    Stored,
    /// Clients that all reconnect at once
    Reconnect,
    /// Starts with a million stored messages
    Start,
    /// Logins while strangers open connections as fast as they can
    Flood,
    /// Many control users, drivers and conversations
    Agency,
    /// Two servers over one PostgreSQL; needs --database-url
    Nodes,
}

impl Group {
    /// All groups that need nothing but this program.
    const ALL: [Self; 8] = [
        Self::FanOut,
        Self::Pace,
        Self::Idle,
        Self::Stored,
        Self::Reconnect,
        Self::Start,
        Self::Flood,
        Self::Agency,
    ];

    fn steps(self, run: &Run) -> u64 {
        match self {
            Self::FanOut => fan_out::steps(run),
            Self::Pace => pace::steps(run),
            Self::Idle => idle::steps(run),
            Self::Stored => stored::steps(run),
            Self::Reconnect => reconnect::steps(run),
            Self::Start => start::steps(run),
            Self::Flood => flood::steps(run),
            Self::Agency => agency::steps(run),
            Self::Nodes => nodes::steps(run),
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
            Self::Agency => agency::measure(run),
            Self::Nodes => nodes::measure(run),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if args.be_the_floor {
        return Ok(floor::run()?);
    }
    // Cargo starts a benchmark in the folder of its package, but paths in the arguments are
    // relative to the workspace.
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

/// Fails at once, and not after ten minutes, if the file cannot be written.
fn can_be_written(file: &Path) -> Result<(), String> {
    let opened = File::options().create(true).append(true).open(file);
    opened.map(drop).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// Measures the wanted groups of rows until one fails.
fn measure(args: &Args) -> Result<(Report, io::Result<()>), Box<dyn Error>> {
    process::raise_file_limit()?;
    let mut plan = if args.quick { Plan::QUICK } else { Plan::FULL };
    plan.rounds = args.rounds.unwrap_or(plan.rounds);
    plan.agency.control = args.control_users.clone().map_or(plan.agency.control, Cow::Owned);
    plan.agency.conversations = args.conversations.clone().map_or(plan.agency.conversations, Cow::Owned);
    let start = Instant::now();
    let server = args.server.clone().map_or_else(build::server, Ok)?;
    let mut run = Run::new(plan, server, &args.dir)?;
    run.database.clone_from(&args.database_url);
    run.progress.expect(args.rows.iter().map(|group| group.steps(&run)).sum());
    // After a failure the rows before it are still shown.
    let outcome = args.rows.iter().try_for_each(|group| group.measure(&mut run));
    run.progress.finish();
    if !run.plan.is_full {
        run.rows.iter_mut().for_each(|row| row.bar = None);
    }
    let about = format!(
        "on {} cores ({}), in {} s. Each figure is the median of the rounds, with the least and the \
         greatest.",
        available_parallelism()?,
        process::processor()?,
        start.elapsed().as_secs(),
    );
    Ok((Report { commit: build::commit()?, about, rows: run.rows }, outcome))
}
