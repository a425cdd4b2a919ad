//! Checks of a disk after a power cut.

use std::fs;
use std::path::Path;

use chat_core::protocol::Message;
use chat_core::store::{Content, Facts, Store};
use chat_server::store::journal::{Record, read_all};
use chat_server::store::{IndexReport, LocalStore};
use futures::executor::block_on;
use server_test_support::store::everything;

use crate::power_cut::image::{Image, put};
use crate::power_cut::plan::{USERS, batch, client_message_ids, reference};
use crate::power_cut::recording::{Acknowledged, Recording};
use crate::power_cut::writer::options;

/// All that a store answers after each number of batches.
pub(crate) struct Answers {
    ids: Vec<String>,
    after: Vec<Vec<Facts>>,
}

impl Answers {
    /// The answers of the store in memory after 0 to `batches` batches.
    pub(crate) fn of_the_reference(batches: usize) -> Self {
        let mut answers = Self { ids: client_message_ids(batches), after: Vec::new() };
        answers.after = (0..=batches).map(|number| answers.of(&reference(number))).collect();
        answers
    }

    fn of(&self, store: &impl Store) -> Vec<Facts> {
        let ids: Vec<_> = self.ids.iter().map(String::as_str).collect();
        everything(store, &USERS, &ids)
    }

    /// Whether a store answers as after this number of batches, without regard to erased texts.
    fn are_given_by(&self, store: &LocalStore, batches: usize) -> bool {
        let given = self.of(store);
        let mut expected = self.after[batches].clone();
        expected.iter_mut().zip(&given).for_each(|(expected, given)| erase(expected, given));
        given == expected
    }
}

/// Removes the texts that are erased in another answer to the same query.
fn erase(expected: &mut Facts, given: &Facts) {
    let erase = |expected: &mut Message, given: &Message| {
        if given.erased {
            (expected.erased, expected.content) = (true, "".into());
        }
    };
    match (expected, given) {
        (Facts::Messages(expected), Facts::Messages(given)) => {
            expected.messages.iter_mut().zip(&given.messages).for_each(|(a, b)| erase(a, b));
        }
        (Facts::Conversations(expected), Facts::Conversations(given))
        | (Facts::ConversationRow(expected), Facts::ConversationRow(given)) => {
            let rows = expected.rows.iter_mut().zip(&given.rows);
            rows.for_each(|(a, b)| erase(&mut a.last_message, &b.last_message));
        }
        (Facts::Original(Some(expected)), Facts::Original(Some(given)))
            if *given.clone().content_mut().0 == Content::Erased =>
        {
            *expected.content_mut().0 = Content::Erased;
        }
        _ => (),
    }
}

/// Whether two records say the same, but for texts that were erased.
fn are_same(a: &Record, b: &Record) -> bool {
    let erased = |record: &Record| {
        let mut event = record.event.clone();
        if let Some((content, _)) = event.content_mut() {
            *content = Content::Erased;
        }
        event
    };
    let same_event =
        if a.event.is_erased() || b.event.is_erased() { erased(a) == erased(b) } else { a.event == b.event };
    same_event && (a.position, a.previous, a.hash) == (b.position, b.previous, b.hash)
}

/// The disk after the machine has stopped, and the state before.
pub(crate) struct Left<'a> {
    pub(crate) recording: &'a Recording,
    pub(crate) image: Image,
    /// The acknowledged batches.
    pub(crate) acknowledged: Option<Acknowledged>,
    /// The machine's current boot id.
    pub(crate) boot: Option<&'static str>,
    /// Whether the index may hold anything at all.
    pub(crate) index_is_unsound: bool,
    /// Whether the second stop of the store is a clean one.
    pub(crate) close: bool,
}

/// Results of opening an image.
#[derive(Default)]
pub(crate) struct Found {
    /// Whether a torn tail was cut.
    pub(crate) cut: bool,
    /// Whether the index was built anew.
    pub(crate) rebuilt: bool,
    /// Whether an unacknowledged batch was there.
    pub(crate) unanswered: bool,
    /// Changes that had been acknowledged, and were looked for.
    pub(crate) checked: u64,
}

impl Left<'_> {
    /// Opens the store, compares its content with the acknowledged batches, writes on, and opens it
    /// again.
    pub(crate) fn check(&self, dir: &Path, answers: &Answers) -> Found {
        fs::create_dir_all(dir).unwrap();
        put(&self.image, dir);
        let data = dir.join("data");
        let open = || {
            LocalStore::open(&data, options(self.boot))
                .unwrap_or_else(|error| panic!("it does not open: {error}"))
        };
        let store = open();
        let report = store.report().clone();
        // A journal without `state` and `index` may have been put there: another epoch begins.
        let written = report.position.0 - u64::from(report.new_epoch.is_some());
        let batches = self.check_journal(&data, written);
        assert!(answers.are_given_by(&store, batches), "the store does not answer what its journal says");
        let rebuilt = matches!(report.index, IndexReport::Rebuilt { .. });
        let (acknowledged, position) = self.acknowledged.unwrap_or_default();
        let found = Found {
            cut: report.cut.is_some(),
            rebuilt,
            unanswered: batches > acknowledged,
            checked: position,
        };
        if let Some(why) = report.new_epoch {
            assert_eq!(acknowledged, 0, "{why}, and something was acknowledged");
            drop(store);
            fs::remove_dir_all(dir).unwrap();
            return found;
        }
        assert!(rebuilt || !self.index_is_unsound, "an index was trusted that was not synced");
        block_on(store.commit(batch(&reference(batches), batches))).unwrap();
        if self.close {
            store.close().unwrap();
        }
        drop(store);
        let store = open();
        assert!(
            answers.are_given_by(&store, batches + 1),
            "what was written after the power cut is not there"
        );
        assert_eq!(store.report().cut, None, "the second stop tears nothing");
        drop(store);
        fs::remove_dir_all(dir).unwrap();
        found
    }

    /// Checks for the acknowledged batches, perhaps the next one, and nothing else. Returns the
    /// number of batches.
    fn check_journal(&self, data: &Path, position: u64) -> usize {
        let (batches, acknowledged) = self.acknowledged.unwrap_or_default();
        assert!(
            position >= acknowledged,
            "acknowledged up to {acknowledged}, and there up to {position} only"
        );
        let journal = read_all(data).unwrap().map(|record| record.expect("the journal is sound"));
        let journal: Vec<_> = journal.take_while(|record| record.position.0 <= position).collect();
        let positions: Vec<_> = journal.iter().map(|record| record.position.0).collect();
        assert_eq!(
            positions,
            (1..=position).collect::<Vec<_>>(),
            "positions without holes, up to the reported one"
        );
        let acknowledged = usize::try_from(acknowledged).unwrap();
        assert!(
            journal[..acknowledged]
                .iter()
                .zip(&self.recording.journal[..acknowledged])
                .all(|(a, b)| are_same(a, b)),
            "acknowledged, and changed since"
        );
        let mut ends =
            (batches..=batches + 1).filter(|number| self.recording.end_of(*number) == Some(position));
        ends.next().unwrap_or_else(|| panic!("position {position} is the end of no batch that was written"))
    }
}
