//! Counts of the situations that a run provoked. A run without any proves nothing.

use std::collections::BTreeMap;
use std::fmt;

use crate::power_cut::check::Found;
use crate::power_cut::disk::Fate;

/// All that is counted.
const ALL: [&str; 12] = [
    "images with all dropped that was not synced",
    "images with some of it torn",
    "images with some of it scattered",
    "images with all of it kept, as after a kill",
    "of all these, with something that was not synced",
    "torn tails cut",
    "indexes built anew",
    "indexes trusted after a reboot",
    "indexes trusted after a kill",
    "batches found that nobody had been told of",
    "images without anything acknowledged",
    "acknowledged changes found again",
];

/// How often each thing happened.
#[derive(Default)]
pub(crate) struct Counts(BTreeMap<usize, u64>);

impl Counts {
    /// Counts an image.
    pub(crate) fn count(&mut self, fate: Fate, is_synced: bool, found: &Found) {
        let kind = match fate {
            Fate::Dropped => 0,
            Fate::Torn => 1,
            Fate::Scattered => 2,
            Fate::Kept => 3,
        };
        let trusted = |after: bool| u64::from(!found.rebuilt && after);
        let numbers = [
            u64::from(!is_synced),
            found.cut.into(),
            found.rebuilt.into(),
            trusted(fate != Fate::Kept),
            trusted(fate == Fate::Kept),
            found.unanswered.into(),
            u64::from(found.checked == 0),
            found.checked,
        ];
        for (what, number) in [(kind, 1)].into_iter().chain((4..).zip(numbers)) {
            *self.0.entry(what).or_default() += number;
        }
    }

    /// Adds the counts of another.
    pub(crate) fn add(&mut self, other: Self) {
        for (what, number) in other.0 {
            *self.0.entry(what).or_default() += number;
        }
    }

    /// Fails if anything has not happened.
    pub(crate) fn assert_all_happened(&self) {
        for (what, name) in ALL.iter().enumerate() {
            assert!(self.0.get(&what).is_some_and(|number| *number > 0), "no {name}");
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, number)| writeln!(f, "{number:>8} {}", ALL[*what]))
    }
}
