//! Groups are seen until the index has them, and gather within bounds.

use std::ops::Bound;
use std::thread;

use super::*;

fn group(key: &str, bytes: usize) -> Writes {
    Writes::from([(key.as_bytes().into(), Some(vec![0; bytes].into()))])
}

fn groups(keys: usize) -> Writes {
    (0..keys as u64).map(|key| ((&key.to_be_bytes()).into(), None)).collect()
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
    let bounds = || (Bound::Included(Bytes::from(b"a")), Bound::Excluded(Bytes::from(b"z")));
    let all = memtable.snapshot();
    memtable.publish(group("first", 1), end(1));
    let before = memtable.snapshot();
    memtable.publish(group("second", 1), end(2));
    memtable.publish(group("first", 2), end(3));
    let later = memtable.snapshot();
    memtable.close();
    apply(&memtable);
    assert_eq!(all.next(&bounds(), false), None);
    assert_eq!(before.get(b"first"), Some(Some(vec![0].into())));
    assert_eq!(before.get(b"second"), None);
    assert_eq!(before.next(&bounds(), true).unwrap().0[..], b"first"[..]);
    assert_eq!(later.get(b"first"), Some(Some(vec![0; 2].into())));
    assert_eq!(later.next(&bounds(), true).unwrap().0[..], b"second"[..]);
    assert_eq!(memtable.snapshot().get(b"first"), None, "the index has it");
}

#[test]
fn client_message_ids_are_found_as_all_else_is_and_shown_but_in_no_range() {
    let memtable = memtable();
    let (original, other) = ("d user id", "c conversation");
    memtable.publish(group(original, 1), end(1));
    let before = memtable.snapshot();
    memtable.publish(group(original, 2), end(2));
    memtable.publish(group(other, 1), end(3));
    let now = memtable.snapshot();
    assert_eq!(before.get(original.as_bytes()), Some(Some(vec![0].into())));
    assert_eq!(now.get(original.as_bytes()), Some(Some(vec![0; 2].into())));
    let all = (Bound::Included(Bytes::from(b"a")), Bound::Excluded(Bytes::from(b"z")));
    assert_eq!(now.next(&all, true).unwrap().0[..], *other.as_bytes());
    memtable.close();
    let IndexTask::Apply(layer, _) = memtable.next_task(Duration::ZERO) else { panic!("there is next_task") };
    let shown: Writes =
        layer.show(|entries| entries.map(|(key, value)| (key.clone(), value.clone())).collect());
    let expected = [(original, vec![0; 2]), (other, vec![0])];
    assert_eq!(shown, expected.map(|(key, value)| (key.as_bytes().into(), Some(value.into()))).into());
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
