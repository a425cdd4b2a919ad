//! Groups are seen until the index has them, and gather within bounds.

use std::ops::{Bound, RangeInclusive};
use std::thread;

use chat_core::store::Position;
use chat_core::time::Timestamp;

use super::*;
use crate::store::index::backend::Bytes;
use crate::store::values::{ContentValue, MessageValue};
use crate::store::write::journal::Location;

fn group(key: &str, bytes: usize) -> Writes {
    rows([(key.as_bytes().into(), Some(vec![0; bytes].into()))])
}

fn groups(keys: usize) -> Writes {
    rows((0..keys as u64).map(|key| (Bytes::from(&key.to_be_bytes()), None)))
}

fn rows(rows: impl IntoIterator<Item = (Bytes, Option<Bytes>)>) -> Writes {
    Writes { rows: rows.into_iter().collect(), ..Writes::default() }
}

pub(super) fn message(text: &str) -> MessageValue {
    MessageValue {
        nonce: *b"0123456789abcdef",
        position: Position(1),
        sent_at: Timestamp::from_millis(0),
        sender: "user".into(),
        work: None,
        emergency: None,
        choices: None,
        answer: None,
        content: ContentValue::Inline(text.into()),
    }
}

fn messages(conversation: &str, seqs: RangeInclusive<u64>) -> Writes {
    let messages = seqs.map(|seq| ((conversation.into(), seq), message(&seq.to_string())));
    Writes { messages: messages.collect(), ..Writes::default() }
}

fn client_id(key: &[u8], offset: u32) -> Writes {
    Writes { client_ids: [(key.into(), place(offset))].into(), ..Writes::default() }
}

fn place(offset: u32) -> Location {
    Location { segment: 1, offset }
}

fn end(position: u64) -> End {
    End { position: Position(position), ..End::default() }
}

fn memtable() -> MemTable {
    MemTable::new(end(0))
}

fn apply(memtable: &MemTable) -> End {
    let IndexTask::Apply(_, end) = memtable.next_task(Duration::from_mins(1)) else {
        panic!("there is next_task")
    };
    memtable.applied();
    end
}

#[test]
fn it_is_full_of_many_writes_or_of_many_bytes() {
    let many = memtable();
    many.publish(groups(WRITES_MOST - 1), end(1));
    assert!(!many.state().is_full());
    many.publish(group("key", 1), end(2));
    assert!(many.state().is_full());
    let large = memtable();
    large.publish(group("key", BYTES_MOST), end(1));
    assert!(large.state().is_full());
}

#[test]
fn who_waits_for_room_goes_on_when_the_index_has_caught_up() {
    let memtable = memtable();
    memtable.publish(groups(WRITES_MOST), end(1));
    thread::scope(|scope| {
        scope.spawn(|| memtable.wait_for_room());
        assert_eq!(apply(&memtable), end(1));
    });
    assert_eq!(memtable.flushed_to(), Position(1));
}

#[test]
fn a_layer_is_due_when_it_is_large_or_old_or_the_last() {
    let memtable = memtable();
    memtable.publish(groups(WRITES_TO_FREEZE), end(1));
    assert!(matches!(memtable.next_task(Duration::ZERO), IndexTask::Apply(..)), "large");
    memtable.applied();
    memtable.publish(group("key", 1), end(2));
    assert!(matches!(memtable.next_task(Duration::ZERO), IndexTask::Idle), "it gathers");
    assert_eq!(apply(&memtable), end(2), "old");
    memtable.publish(group("key", 1), end(3));
    memtable.close();
    assert!(matches!(memtable.next_task(Duration::ZERO), IndexTask::Apply(..)), "the last");
}

#[test]
fn a_layer_that_was_not_applied_comes_again_and_what_came_later_after_it() {
    let memtable = memtable();
    memtable.publish(groups(WRITES_TO_FREEZE), end(1));
    assert!(matches!(memtable.next_task(Duration::ZERO), IndexTask::Apply(..)));
    memtable.publish(groups(WRITES_TO_FREEZE), end(2));
    assert_eq!(apply(&memtable), end(1));
    assert_eq!(apply(&memtable), end(2));
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let memtable = memtable();
    let from = |start: Bound<Bytes>| (start, Bound::Excluded(Bytes::from(b"z")));
    let all = || from(Bound::Included(Bytes::from(b"a")));
    let empty = memtable.snapshot();
    memtable.publish(group("first", 1), end(1));
    let before = memtable.snapshot();
    memtable.publish(group("second", 1), end(2));
    memtable.publish(group("first", 2), end(3));
    let later = memtable.snapshot();
    memtable.close();
    apply(&memtable);
    assert_eq!(empty.next_row(&all()), None);
    assert_eq!(before.row(b"first"), Some(Some(vec![0].into())));
    assert_eq!(before.row(b"second"), None);
    let (first, _) = before.next_row(&all()).unwrap();
    assert_eq!(first[..], b"first"[..]);
    assert_eq!(before.next_row(&from(Bound::Excluded(first.clone()))), None);
    assert_eq!(later.row(b"first"), Some(Some(vec![0; 2].into())));
    assert_eq!(later.next_row(&from(Bound::Excluded(first))).unwrap().0[..], b"second"[..]);
    assert_eq!(memtable.snapshot().row(b"first"), None, "the index has it");
}

#[test]
fn messages_and_client_message_ids_are_found_in_both_layers_as_of_a_snapshot() {
    let memtable = memtable();
    let conversation = "conv".into();
    memtable.publish(messages("conv", 3..=4), end(1));
    memtable.publish(client_id(b"frozen", 1), end(2));
    let before = memtable.snapshot();
    memtable.publish(client_id(b"behind", 2), end(3));
    memtable.state().freeze();
    memtable.publish(messages("conv", 5..=5), end(4));
    memtable.publish(messages("another", 6..=6), end(5));
    memtable.publish(client_id(b"active", 3), end(6));
    let now = memtable.snapshot();
    let seq = |snapshot: &MemTableSnapshot, seqs, newest| {
        let (seq, found) = snapshot.message(&conversation, &seqs, newest)?;
        assert_eq!(found, message(&seq.to_string()));
        Some(seq)
    };
    assert_eq!([false, true].map(|newest| seq(&before, 1..=9, newest)), [Some(3), Some(4)]);
    assert_eq!([false, true].map(|newest| seq(&now, 1..=9, newest)), [Some(3), Some(5)]);
    assert_eq!([false, true].map(|newest| seq(&now, 1..=3, newest)), [Some(3); 2]);
    assert_eq!([false, true].map(|newest| seq(&now, 5..=9, newest)), [Some(5); 2]);
    assert_eq!([1..=2, 6..=9].map(|seqs| seq(&now, seqs, true)), [None; 2]);
    let places =
        |snapshot: &MemTableSnapshot| [b"frozen", b"behind", b"active"].map(|key| snapshot.client_id(key));
    assert_eq!(places(&before), [Some(place(1)), None, None]);
    assert_eq!(places(&now), [1, 2, 3].map(|offset| Some(place(offset))));
}

#[test]
fn the_index_thread_ends_when_nothing_is_left() {
    let memtable = memtable();
    assert!(matches!(memtable.next_task(Duration::ZERO), IndexTask::Idle));
    memtable.publish(group("key", 1), end(1));
    memtable.close();
    assert_eq!(apply(&memtable), end(1));
    assert!(matches!(memtable.next_task(Duration::ZERO), IndexTask::End));
}
