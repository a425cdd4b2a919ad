//! Progress of a long command: a bar on a terminal, otherwise an occasional line.

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Interval between lines when standard error is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// The progress of one command, on standard error.
pub(super) struct Bar {
    what: &'static str,
    shown: Option<ProgressBar>,
    told: Mutex<Instant>,
}

impl Bar {
    /// Starts at 0.
    pub(super) fn new(what: &'static str) -> Self {
        let style = ProgressStyle::with_template("{msg} [{wide_bar}] {percent} %, {eta} left");
        let style = style.expect("the template is sound").progress_chars("=> ");
        let bar = ProgressBar::new(0).with_style(style).with_message(what);
        Self { what, shown: io::stderr().is_terminal().then_some(bar), told: Mutex::new(Instant::now()) }
    }

    /// Shows that `done` of `of` units are complete.
    pub(super) fn show(&self, done: u64, of: u64) {
        if let Some(bar) = &self.shown {
            bar.set_length(of);
            bar.set_position(done);
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() >= LINE_EVERY {
            *told = Instant::now();
            eprintln!("{}: {} %", self.what, done.saturating_mul(100) / of.max(1));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
