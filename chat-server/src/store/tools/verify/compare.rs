//! Comparison of an index with the one implied by the journal.

use std::cmp::Ordering;
use std::vec;

use chat_core::store::UnavailableError;

use super::finding::{FindingError, Findings};
use crate::store::index::Index;
use crate::store::index::backend::{Bytes, Entries, KeyValue};
use crate::store::keys;
use crate::store::values::MessageValue;
use crate::store::write::journal::Location;

/// Error of a comparison.
pub(super) enum CompareError {
    /// The index on disk failed.
    Found(UnavailableError),
    /// The implied index failed.
    Implied(UnavailableError),
}

/// Entries of an index by key, with the next one in view. The division of messages into runs
/// depends on their arrival, therefore each message is an entry here. Client message ids are
/// checked elsewhere, one by one.
struct IndexEntries<'a> {
    index: &'a Index,
    iter: Entries,
    /// The rest of a run.
    run: vec::IntoIter<KeyValue>,
    next: Option<KeyValue>,
}

impl<'a> IndexEntries<'a> {
    fn of(index: &'a Index) -> Result<Self, UnavailableError> {
        let mut entries = Self { index, iter: index.entries()?, run: Vec::new().into_iter(), next: None };
        entries.step()?;
        Ok(entries)
    }

    fn step(&mut self) -> Result<(), UnavailableError> {
        loop {
            self.next = self.run.next();
            if self.next.is_some() {
                return Ok(());
            }
            match self.index.next(&mut self.iter, false)? {
                Some((key, run)) if key.starts_with(keys::MESSAGES) => {
                    self.run = split(&key, &run).into_iter();
                }
                next => {
                    self.next = next;
                    return Ok(());
                }
            }
        }
    }
}

/// The messages of a run, each under its own key. An unreadable run is returned unchanged.
fn split(key: &Bytes, run: &Bytes) -> Vec<KeyValue> {
    let (Some(first), Some(places)) = (keys::seq(key), MessageValue::split(run)) else {
        return vec![(key.clone(), run.clone())];
    };
    let conversation = &key[..key.len() - size_of_val(&first)];
    let key_of = |seq: u64| Bytes::from([conversation, &seq.to_be_bytes()].concat());
    (first..).zip(places).map(|(seq, place)| (key_of(seq), Bytes::from(&run[place]))).collect()
}

/// Reports a missing or different location of a client message id.
pub(super) fn compare_client_id(
    key: &[u8],
    found: Option<Location>,
    implied: Location,
    findings: &mut Findings,
) {
    match found {
        None => add(findings, "lacks an entry that the journal implies", key),
        Some(found) if found != implied => {
            add(findings, "holds something else than the journal implies", key);
        }
        Some(_) => {}
    }
}

/// Reports every entry that differs or is in one index only.
pub(super) fn compare(found: &Index, implied: &Index, findings: &mut Findings) -> Result<(), CompareError> {
    let mut found = IndexEntries::of(found).map_err(CompareError::Found)?;
    let mut implied = IndexEntries::of(implied).map_err(CompareError::Implied)?;
    loop {
        let order = match (&found.next, &implied.next) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        match (order, &found.next, &implied.next) {
            (Ordering::Less, Some((key, _)), _) => {
                add(findings, "has an entry that the journal does not imply", key);
            }
            (Ordering::Greater, _, Some((key, _))) => {
                add(findings, "lacks an entry that the journal implies", key);
            }
            (Ordering::Equal, Some((key, a)), Some((_, b))) if a != b => {
                add(findings, "holds something else than the journal implies", key);
            }
            _ => (),
        }
        if order.is_le() {
            found.step().map_err(CompareError::Found)?;
        }
        if order.is_ge() {
            implied.step().map_err(CompareError::Implied)?;
        }
    }
}

fn add(findings: &mut Findings, how: &str, key: &[u8]) {
    let what = format!("{how}: {}", kind(key));
    findings.add(FindingError::Entry { what, key: key.escape_ascii().to_string() });
}

/// The kind of a key's entry, from the catalogue in [`keys`].
fn kind(key: &[u8]) -> &'static str {
    match key.first() {
        Some(b'!') => "a fact about the store",
        Some(b'u') => "a user",
        Some(b's') => "an active user in a team",
        Some(b'c') => "a conversation",
        Some(b'm') => "a message",
        Some(b'd') => "a client message id",
        Some(b'o') => "an order",
        Some(b't') => "an open order",
        Some(b'p') => "a participation",
        Some(b'a') => "an entry of a list",
        Some(b'r') => "a read position",
        _ => "an unknown entry",
    }
}
