//! Shrinks a run that goes wrong until a reader can follow it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use super::agenda::{Entry, Plan};

/// Most runs that are tried. Each is at most about as long as the first.
const MOST_RUNS: usize = 150;

/// The shortest run found that breaks the same promise as the first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shrunk {
    /// The failure, which names the broken promise first.
    pub wrong: String,
    /// The events of the run up to the failure, one line each.
    pub trace: Vec<String>,
    /// The number of clients, acts and faults left.
    pub left: usize,
    /// The number of clients, acts and faults in the first run.
    pub of: usize,
    /// The number of runs tried.
    pub runs: usize,
}

impl fmt::Display for Shrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.wrong)?;
        let (left, of, runs) = (self.left, self.of, self.runs);
        writeln!(f, "shrunk to {left} clients, acts and faults of {of}, in {runs} runs:")?;
        self.trace.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Repeats a run, leaves out more each time, and keeps the runs that break the same promise.
///
/// `run` must depend on nothing but its [`Plan`], which `run` passes on to [`Simulation::begin`].
/// Its error names the promise as in `P4: …`; a run with another error is not made shorter. `None`
/// if nothing goes wrong.
///
/// [`Simulation::begin`]: super::Simulation::begin
pub fn shrink<T>(mut run: impl FnMut(Plan) -> Result<T, String>) -> Option<Shrunk> {
    let mut search = Search { run: |plan| run(plan).err(), left_out: BTreeSet::new(), runs: 0 };
    let (wrong, mut kept) = search.without(&[])?;
    let of = kept.len();
    let (clients, others) = kept.iter().partition::<Vec<_>, _>(|entry| matches!(entry, Entry::Client(_)));
    for client in clients {
        kept = search.try_without(&wrong, &[client], kept.len()).unwrap_or(kept);
    }
    let mut size = if promise(&wrong).is_some() { others.len().div_ceil(2) } else { 0 };
    while size > 0 && search.runs < MOST_RUNS {
        let before = kept.len();
        kept = search.by_pieces(&wrong, kept, size);
        size = if size == 1 && kept.len() < before { 1 } else { size / 2 };
    }
    let (wrong, trace) = search.told()?;
    Some(Shrunk { wrong, trace, left: kept.len(), of, runs: search.runs })
}

/// The promise that a text names first, or nothing.
fn promise(wrong: &str) -> Option<&str> {
    let is_one = |word: &&str| word.len() == 3 && word.starts_with('P') && word.ends_with(':');
    wrong.split_whitespace().find(is_one)
}

struct Search<F> {
    run: F,
    /// The entries that the shortest run so far leaves out.
    left_out: BTreeSet<Entry>,
    runs: usize,
}

impl<F: FnMut(Plan) -> Option<String>> Search<F> {
    /// Leaves out one piece of this size after the other, from the end, where that is possible.
    fn by_pieces(&mut self, wrong: &str, mut kept: Vec<Entry>, size: usize) -> Vec<Entry> {
        let mut end = kept.len();
        while end > 0 && self.runs < MOST_RUNS {
            let start = end.saturating_sub(size);
            let piece = kept[start.min(kept.len())..end.min(kept.len())].to_vec();
            kept = self.try_without(wrong, &piece, kept.len()).unwrap_or(kept);
            end = start;
        }
        kept
    }

    /// Leaves these out for good if the run fails in the same way without them and fewer than
    /// `most` entries happen, and returns the entries that happen then.
    fn try_without(&mut self, wrong: &str, piece: &[Entry], most: usize) -> Option<Vec<Entry>> {
        let (other, happened) = self.without(piece)?;
        let is_same = promise(wrong).is_some() && promise(&other) == promise(wrong);
        (is_same && happened.len() < most).then(|| {
            self.left_out.extend(piece);
            happened
        })
    }

    /// The failure of a run without these entries, and the entries that happen before it.
    fn without(&mut self, piece: &[Entry]) -> Option<(String, Vec<Entry>)> {
        self.runs += 1;
        let left_out = self.left_out.iter().chain(piece).copied().collect();
        let plan = Plan { left_out: Rc::new(left_out), ..Plan::default() };
        let happened = plan.happened.clone();
        let wrong = (self.run)(plan)?;
        Some((wrong, happened.take()))
    }

    /// The shortest run once more, line by line.
    fn told(&mut self) -> Option<(String, Vec<String>)> {
        let lines = Rc::new(RefCell::new(Vec::new()));
        let told = lines.clone();
        let trace = move |at: crate::time::Monotonic, line: &str| {
            told.borrow_mut().push(format!("{:>10.3} {line}", at.0.as_secs_f64()));
        };
        let left_out = Rc::new(self.left_out.clone());
        let wrong = (self.run)(Plan { left_out, ..Plan::told(Box::new(trace)) })?;
        Some((wrong, lines.take()))
    }
}
