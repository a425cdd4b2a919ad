//! The state of a run: its plan, its directory, its results and its progress.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use server_test_support::report::Row;
use tempfile::TempDir;

use crate::agency::Agency;
use crate::prefill::{self, Size, Stored};

/// The sizes and times of a run.
pub(crate) struct Plan {
    /// Whether the run is long enough for meaningful figures.
    pub(crate) is_full: bool,
    /// The rounds of each comparison: many, because the speed of a shared machine changes by a
    /// fifth within a second.
    pub(crate) rounds: u64,
    /// The rounds of slow measurements.
    pub(crate) slow_rounds: u64,
    /// The time of load before a measurement.
    pub(crate) warm_up: Duration,
    /// The time of a measurement.
    pub(crate) window: Duration,
    /// The two numbers of idle connections.
    pub(crate) idle: [usize; 2],
    /// The pause before the memory of idle connections is measured.
    pub(crate) rest: Duration,
    /// The size of the full store.
    pub(crate) stored: Size,
    /// The size of the agency.
    pub(crate) agency: Agency,
}

impl Plan {
    /// The plan of a run for figures.
    pub(crate) const FULL: Self = Self {
        is_full: true,
        rounds: 9,
        slow_rounds: 3,
        warm_up: Duration::from_millis(500),
        window: Duration::from_secs(3),
        idle: [5_000, 18_000],
        rest: Duration::from_secs(1),
        stored: Size { messages: 1_000_000, drivers: 5_000 },
        agency: Agency {
            control: Cow::Borrowed(&[10, 100, 300]),
            drivers: 3_000,
            conversations: Cow::Borrowed(&[30_000, 100_000]),
        },
    };

    /// The plan of a smoke test.
    pub(crate) const QUICK: Self = Self {
        is_full: false,
        rounds: 1,
        slow_rounds: 1,
        warm_up: Duration::from_millis(300),
        window: Duration::from_millis(300),
        idle: [1_000, 1_500],
        rest: Duration::from_millis(100),
        stored: Size { messages: 5_000, drivers: 20 },
        agency: Agency {
            control: Cow::Borrowed(&[2, 10]),
            drivers: 30,
            conversations: Cow::Borrowed(&[100, 300]),
        },
    };
}

/// The full store.
pub(crate) struct FullStore {
    /// The data directory.
    pub(crate) dir: PathBuf,
    /// The content.
    pub(crate) stored: Stored,
}

/// A run of the benchmark.
pub(crate) struct Run {
    pub(crate) plan: Plan,
    /// The program of the chat server.
    pub(crate) program: PathBuf,
    /// The address of a database for several servers, if there is one.
    pub(crate) database: Option<String>,
    pub(crate) progress: Progress,
    /// The results so far.
    pub(crate) rows: Vec<Row>,
    full: Option<Rc<FullStore>>,
    dir: TempDir,
}

impl Run {
    /// Begins a run. All data will be in a new directory in `parent`.
    pub(crate) fn new(plan: Plan, program: PathBuf, parent: &Path) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("against-the-floor-").tempdir_in(parent)?;
        Ok(Self {
            plan,
            program,
            database: None,
            progress: Progress::default(),
            rows: Vec::new(),
            full: None,
            dir,
        })
    }

    /// Returns the directory of all data.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the full store, which the first call writes. A caller that starts a server on the
    /// store stops it again.
    pub(crate) fn full(&mut self) -> io::Result<Rc<FullStore>> {
        if let Some(full) = &self.full {
            return Ok(Rc::clone(full));
        }
        let dir = self.new_dir("full")?;
        self.progress.step(&format!("storing {} messages", self.plan.stored.messages));
        let stored = prefill::fill(&dir, self.plan.stored)?;
        Ok(Rc::clone(self.full.insert(Rc::new(FullStore { dir, stored }))))
    }

    /// Returns the path of a data directory that does not exist yet.
    pub(crate) fn new_dir(&self, name: &str) -> io::Result<PathBuf> {
        let dir = self.dir().join(name);
        if dir.try_exists()? {
            return Err(io::Error::other(format!("{} exists already", dir.display())));
        }
        Ok(dir)
    }
}

/// The progress of a run, shown on standard error.
pub(crate) struct Progress(ProgressBar);

impl Default for Progress {
    fn default() -> Self {
        let style = ProgressStyle::with_template("[{elapsed}] {bar:30} {pos}/{len} {msg}");
        Self(ProgressBar::new(0).with_style(style.expect("the template is valid")))
    }
}

impl Progress {
    /// Adds to the number of expected steps.
    pub(crate) fn expect(&self, steps: u64) {
        self.0.inc_length(steps);
    }

    /// Begins the next step.
    pub(crate) fn step(&self, what: &str) {
        if self.0.is_hidden() {
            // Without a terminal each step is a line.
            eprintln!("{what}");
        }
        self.0.set_message(what.to_owned());
        self.0.inc(1);
    }

    /// Ends the display.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
