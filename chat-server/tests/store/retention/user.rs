//! All texts of one user can be erased on request, whatever their age, and nobody else's.

use chat_core::id::UserId;
use chat_core::permission::may_take_part;
use chat_core::protocol::{Role, WorkAction};
use chat_core::store::{AppendEntry, AppendMessage, EntryChange, Position};
use chat_server::store::{Erasure, Hold, HoldSubject};
use server_test_support::store::{account, control, known, note};

use super::*;

fn request(user: &str) -> Erasure {
    let (by, why) = ("uid 0".to_owned(), "on request".to_owned());
    Erasure { user: UserId::from(user), by, why, at: time(3_000), until: Position(0) }
}

/// A message of the control user.
fn of_control(content: &str) -> Change {
    let Change::AppendMessage(append) = message(&conv(), content, None) else { panic!("not a message") };
    let permit = may_take_part(&control(), Some(&known(&conv(), 1))).unwrap();
    Change::AppendMessage(AppendMessage { permit, ..append })
}

/// A store in which both write in turns, in the same groups.
fn written(dir: &Path, many: usize) -> LocalStore {
    let store = open_with(dir, short_segments());
    commit(&store, vec![creation(&conv(), None)]);
    for number in 0..many {
        commit(&store, vec![old(number), of_control(&format!("an answer {number}"))]);
    }
    store
}

/// The texts of both users that are left.
fn left(store: &LocalStore) -> (usize, usize) {
    let messages = messages(store, &conv());
    let of = |user: &str| {
        messages.iter().filter(|message| message.sender_id.as_str() == user && !message.erased).count()
    };
    (of("driver"), of("control"))
}

#[test]
fn the_texts_of_one_user_are_erased_everywhere_and_the_chain_holds() {
    let dir = TempDir::new().unwrap();
    let store = written(dir.path(), 60);
    assert_eq!(left(&store), (61, 60));
    assert_eq!(store.erase_user(request("driver"), &|done, of| done <= of).unwrap(), 61);
    assert_eq!(left(&store), (0, 60));
    store.close().unwrap();
    drop(store);
    assert!(!is_anywhere(&dir.path().join("journal"), SECRET));
    let verified = verified(dir.path());
    assert_eq!((verified.count, verified.erased), (0, 61));
    rebuild(dir.path(), |_, _| ()).unwrap();
    let store = open_with(dir.path(), short_segments());
    assert_eq!(left(&store), (0, 60));
    assert_eq!(store.erase_user(request("driver"), &|_, _| true).unwrap(), 0, "nothing is left");
}

#[test]
fn the_notes_of_a_user_are_erased() {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments());
    commit(&store, vec![creation(&conv(), None), note(&conv(), "one"), note(&conv(), "two")]);
    assert_eq!(store.erase_user(request("control"), &|_, _| true).unwrap(), 2);
    assert!(messages(&store, &conv().notes()).iter().all(|note| note.erased));
    assert_eq!(left(&store), (1, 0));
}

#[test]
fn a_crash_within_an_erasure_takes_no_text_of_others() {
    for writes in 1..12 {
        let dir = TempDir::new().unwrap();
        drop(settled(written(dir.path(), 10), dir.path()));
        let countdown = Arc::new(AtomicUsize::new(0));
        let options = Options { disk: Arc::new(Breaking(countdown.clone())), ..short_segments() };
        let store = LocalStore::open(dir.path(), options).unwrap();
        countdown.store(writes, Ordering::Release);
        let erased = store.erase_user(request("driver"), &|_, _| true);
        assert!(erased.is_err(), "{writes}: {erased:?}");
        drop(store);
        let store = open_with(dir.path(), short_segments());
        store.erase_user(request("driver"), &|_, _| true).unwrap();
        assert_eq!(left(&store), (0, 10), "{writes}");
        store.close().unwrap();
        drop(store);
        assert_eq!(verified(dir.path()).count, 0, "{writes}");
    }
}

#[test]
fn a_hold_refuses_or_limits_an_erasure() {
    let dir = TempDir::new().unwrap();
    let store = written(dir.path(), 3);
    let hold = |subject| Hold { subject, by: "uid 0".into(), why: "an accident".into(), at: time(2_000) };
    let user = HoldSubject::User("driver".into());
    store.hold(hold(user.clone())).unwrap();
    let refused = store.erase_user(request("driver"), &|_, _| true).unwrap_err().to_string();
    assert!(refused.contains("an accident"), "{refused}");
    store.release(&user).unwrap();
    store.hold(hold(HoldSubject::Conversation(conv()))).unwrap();
    assert_eq!(store.erase_user(request("driver"), &|_, _| true).unwrap(), 0);
    assert_eq!(left(&store), (4, 3));
}

#[test]
fn retention_goes_on_where_it_was_after_an_erasure() {
    let dir = TempDir::new().unwrap();
    let store = settled(written(dir.path(), 20), dir.path());
    store.erase_user(request("driver"), &|_, _| true).unwrap();
    sweep(&store);
    assert_eq!(left(&store), (0, 0));
}

/// An entry of the control user on the work of this version.
fn entry_of_control(action: WorkAction, version: u64, to: Option<&str>, content: &str) -> Change {
    let Change::AppendMessage(append) = of_control(content) else { panic!("not a message") };
    let AppendMessage { permit, nonce, content, at, .. } = append;
    let entry = EntryChange::Work { action, version, to: to.map(UserId::from) };
    Change::AppendEntry(AppendEntry { permit, entry, nonce, content, client_message_id: None, at })
}

#[test]
fn entries_of_a_user_and_those_that_name_the_user_are_erased() {
    const NAMES: &str = "handed to Colleague Secretname";
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments());
    commit(&store, vec![creation(&conv(), None), account("colleague", Role::ControlStaff)]);
    commit(
        &store,
        vec![
            entry_of_control(WorkAction::Take, 0, None, "Control Name has taken this conversation."),
            entry_of_control(WorkAction::Transfer, 2, Some("colleague"), NAMES),
        ],
    );
    let texts = |store: &LocalStore| {
        let messages = messages(store, &conv());
        messages.iter().map(|message| message.content.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(store.erase_user(request("colleague"), &|_, _| true).unwrap(), 1);
    assert_eq!(texts(&store)[1..], ["Control Name has taken this conversation.", ""]);
    let erased = store.erase_user(request("control"), &|_, _| true).unwrap();
    assert_eq!(erased, 2, "a step counts the text that was erased before, too");
    assert_eq!(texts(&store)[1..], ["", ""]);
    let shown: Vec<_> = messages(&store, &conv()).into_iter().map(|message| message.work.is_some()).collect();
    assert_eq!(shown, [true, true, true], "the work stays");
    store.close().unwrap();
    drop(store);
    assert!(!is_anywhere(&dir.path().join("journal"), NAMES));
    assert_eq!(verified(dir.path()).erased, 2);
}
