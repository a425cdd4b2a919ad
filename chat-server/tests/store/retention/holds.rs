//! A hold keeps texts from retention, over a restart, a crash and a backup, until it ends.

use chat_server::store::{Hold, HoldSubject, KeepingError};
use server_test_support::store::note;

use super::*;

fn hold(subject: HoldSubject) -> Hold {
    Hold { subject, by: "uid 0".into(), why: "an accident".into(), at: time(2_000) }
}

fn of_conversation(name: &str) -> HoldSubject {
    HoldSubject::Conversation(name.into())
}

/// Whether the first message of a conversation has its text.
fn has_text(store: &LocalStore, conversation: &str) -> bool {
    !messages(store, &conversation.into())[0].erased
}

#[test]
fn retention_passes_a_conversation_on_hold_and_takes_it_up_when_the_hold_ends() {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments());
    fill(&store, 40);
    store.hold(hold(of_conversation("conv_0"))).unwrap();
    let store = settled(store, dir.path());
    assert_eq!(store.holds().unwrap(), [hold(of_conversation("conv_0"))]);
    sweep(&store);
    assert_eq!([has_text(&store, "conv_0"), has_text(&store, "conv_1")], [true, false]);

    store.release(&of_conversation("conv_0")).unwrap();
    sweep(&store);
    assert!(!has_text(&store, "conv_0"));
    let again = store.release(&of_conversation("conv_0")).unwrap_err().to_string();
    assert!(again.contains("no hold"), "{again}");
    store.close().unwrap();
    drop(store);
    assert_eq!(verified(dir.path()).count, 0);
}

#[test]
fn a_hold_on_a_conversation_keeps_its_notes() {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments());
    commit(&store, vec![creation(&conv(), None), note(&conv(), "kept with it")]);
    commit(&store, vec![new("new one")]);
    store.hold(hold(HoldSubject::Conversation(conv()))).unwrap();
    let store = settled(store, dir.path());
    let notes = conv().notes();
    sweep(&store);
    assert!(has_text(&store, notes.as_str()));
    store.release(&HoldSubject::Conversation(conv())).unwrap();
    sweep(&store);
    assert!(!has_text(&store, notes.as_str()), "retention erases notes like messages");
    store.close().unwrap();
    drop(store);
    assert_eq!(verified(dir.path()).count, 0);
}

#[test]
fn no_hold_is_set_while_a_text_may_be_half_erased() {
    let dir = TempDir::new().unwrap();
    let left = Arc::new(AtomicUsize::new(0));
    let options = Options { disk: Arc::new(Breaking(left.clone())), ..short_segments() };
    let store = open_with(dir.path(), short_segments());
    fill(&store, 40);
    drop(settled(store, dir.path()));
    let store = LocalStore::open(dir.path(), options).unwrap();
    left.store(3, Ordering::Release);
    assert!(store.erase_before(cutoff()).is_err(), "the disk breaks within the step");
    let refused = store.hold(hold(of_conversation("conv_0")));
    assert!(matches!(refused, Err(KeepingError::Busy)), "{refused:?}");
    drop(store);
    let store = open_with(dir.path(), short_segments());
    store.hold(hold(of_conversation("conv_1"))).unwrap();
    sweep(&store);
    drop(store);
    assert_eq!(verified(dir.path()).count, 0);
}

#[test]
fn a_hold_travels_with_a_backup() {
    let (dir, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open_with(dir.path(), short_segments());
    fill(&store, 4);
    store.hold(hold(HoldSubject::User("driver".into()))).unwrap();
    store.close().unwrap();
    drop(store);
    backup(dir.path(), &out.path().join("backup"), &|_, _| ()).unwrap();
    restore(&out.path().join("backup"), &out.path().join("data"), &|_, _| ()).unwrap();
    let store = open_with(&out.path().join("data"), short_segments());
    assert_eq!(sweep(&store).1, 0);
    assert!(has_text(&store, "conv_1"));
}

#[test]
fn a_hold_has_a_reason_and_is_set_once() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let without = Hold { why: " ".into(), ..hold(of_conversation("conv_0")) };
    assert!(matches!(store.hold(without), Err(KeepingError::Why)));
    store.hold(hold(of_conversation("conv_0"))).unwrap();
    let again = store.hold(hold(of_conversation("conv_0"))).unwrap_err().to_string();
    assert!(again.contains("set by uid 0") && again.contains("an accident"), "{again}");
}
