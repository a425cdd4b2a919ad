//! Verification finds every change to the written data, names it, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::bytes::{chain_anew, records};
use chat_core::id::{NONCE_BYTES, Nonce};
use chat_core::order::compose;
use chat_core::permission::{may_see_notes, may_start, may_take_part};
use chat_core::protocol::{EmergencyReason, Role, RoomType};
use chat_core::store::{
    Account, AppendEntry, AppendMessage, Change, CreateConversation, EntryChange, Escalate, ExpireOrder,
    GivenOrder, MarkRead, Membership,
};
use chat_server::store::journal::{ChainHead, read_all};
use chat_server::store::{Checks, FindingError, LocalStore, Options, Verified, verify};
use server_test_support::store::{
    account, commit, control, conv, copy_dir, creation, fill_short_segments, known, last_segment, message,
    note, open, open_with, person, put, read, segments, time,
};
use tempfile::TempDir;

/// Fills a store with every kind of record.
fn fill(store: &LocalStore) {
    commit(store, vec![account("another", Role::QueueRegulator)]);
    commit(store, vec![creation(&conv(), Some("a")), message(&conv(), "in the same group", Some("b"))]);
    commit(store, vec![read(&conv(), 2), message(&conv(), &"long ".repeat(1_000), None)]);
    let membership = |version| Membership { conversation: conv(), user: "another".into(), version };
    commit(store, vec![Change::Enrol(membership(1))]);
    commit(store, vec![Change::Withdraw(membership(2))]);
}

/// A store, filled and closed.
fn store() -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    fill(&store);
    store.close().unwrap();
    dir
}

fn verified(dir: &Path) -> Verified {
    verify(dir, &Checks::default(), &|_, _| ()).unwrap()
}

fn expecting(dir: &Path, head: ChainHead) -> Verified {
    verify(dir, &Checks { expected: vec![head], ..Checks::default() }, &|_, _| ()).unwrap()
}

fn texts(verified: &Verified) -> Vec<String> {
    verified.findings.iter().map(ToString::to_string).collect()
}

/// Every file with its content.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.append(&mut self::files(&path));
        } else {
            drop(files.insert(path.clone(), fs::read(path).unwrap()));
        }
    }
    files
}

/// Changes the index behind the store's back.
fn change_index(dir: &Path, change: impl FnOnce(&sled::Db)) {
    let db = sled::Config::new().path(dir.join("index")).flush_every_ms(None).open().unwrap();
    change(&db);
    db.flush().unwrap();
}

#[test]
fn a_sound_store_is_found_sound_and_not_changed() {
    let dir = store();
    let before = files(dir.path());
    let verified = verified(dir.path());
    assert!(verified.findings.is_empty(), "{:?}", texts(&verified));
    assert!(before == files(dir.path()), "verification changes nothing");
    let last = read_all(dir.path()).unwrap().last().unwrap().unwrap();
    assert_eq!(verified.head, Some(ChainHead { position: last.position, hash: last.hash }));
    assert_eq!((verified.index, verified.segments, verified.erased), (Ok(last.position), 1, 0));
    assert!(verified.tail.is_none());
}

#[test]
fn beside_a_running_server_the_journal_alone_can_be_verified() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    fill(&store);
    let error = verify(dir.path(), &Checks::default(), &|_, _| ()).unwrap_err();
    assert!(error.to_string().contains("is in use by another server"), "{error}");
    let journal_only = Checks { journal_only: true, ..Checks::default() };
    let verified = verify(dir.path(), &journal_only, &|_, _| ()).unwrap();
    assert!(verified.findings.is_empty(), "{:?}", texts(&verified));
    assert!(verified.index.is_err() && verified.head.unwrap().position.0 == 10);
}

#[test]
fn a_flipped_bit_anywhere_in_the_journal_is_named() {
    let dir = store();
    let segment = last_segment(dir.path());
    let sound = fs::read(&segment).unwrap();
    for offset in (0..sound.len()).step_by(97) {
        let mut bytes = sound.clone();
        bytes[offset] ^= 1 << (offset % 8);
        fs::write(&segment, bytes).unwrap();
        let verified = verified(dir.path());
        assert!(
            matches!(&verified.findings[..], [FindingError::Journal(_)]),
            "{offset}: {:?}",
            texts(&verified)
        );
        assert!(texts(&verified)[0].contains("00000000000000000001.log"), "{:?}", texts(&verified));
    }
}

#[test]
fn what_was_removed_from_the_journal_is_missed() {
    let dir = store();
    let segment = last_segment(dir.path());
    let sound = fs::read(&segment).unwrap();
    let places = records(&sound);
    // The last group has one record, and so has the third, behind the epoch and two accounts.
    let [last, ..] = places[places.len() - 1];
    fs::write(&segment, &sound[..last - 48]).unwrap();
    let shortened = verified(dir.path());
    assert!(texts(&shortened)[0].contains("has lost synced data"), "{:?}", texts(&shortened));
    let [third, _, _, end] = places[3];
    fs::write(&segment, [&sound[..third - 48], &sound[end..]].concat()).unwrap();
    let hole = verified(dir.path());
    assert!(texts(&hole)[0].contains("does not follow the one before it"), "{:?}", texts(&hole));
}

#[test]
fn an_entry_of_the_index_that_was_changed_removed_or_added_is_named() {
    let dir = store();
    let mut keys = Vec::new();
    change_index(dir.path(), |db| keys.extend(db.iter().map(|entry| entry.unwrap().0)));
    assert!(keys.len() > 12, "{keys:?}");
    let copy = || {
        let copy = TempDir::new().unwrap();
        copy_dir(dir.path(), copy.path());
        copy
    };
    for key in keys.iter().filter(|key| !key.starts_with(b"!")) {
        let name = key.escape_ascii().to_string();
        for (value, how) in [(None, "lacks an entry that"), (Some("changed"), "holds something else than")] {
            let copy = copy();
            change_index(copy.path(), |db| match value {
                None => drop(db.remove(key).unwrap()),
                Some(value) => drop(db.insert(key, value).unwrap()),
            });
            let found = texts(&verified(copy.path()));
            // One entry holds several messages, each of which is named.
            let is_about_messages =
                key.starts_with(b"m") && found.iter().all(|text| text.contains(": a message"));
            assert!(found[0].contains(how) && found[0].contains(&name), "{name}: {found:?}");
            assert!(found.len() == 1 || is_about_messages, "{name}: {found:?}");
        }
    }
    let copy = copy();
    change_index(copy.path(), |db| drop(db.insert(b"pconv_1\xffintruder", &[1]).unwrap()));
    let found = texts(&verified(copy.path()));
    assert!(
        found.len() == 1
            && found[0].contains("has an entry that the journal does not imply: a participation"),
        "{found:?}"
    );
    assert!(found[0].contains(r"pconv_1\xffintruder"), "{found:?}");
}

#[test]
fn an_index_that_lags_behind_is_compared_where_it_ends() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    commit(&store, vec![creation(&conv(), None)]);
    store.close().unwrap();
    drop(store);
    let early = TempDir::new().unwrap();
    copy_dir(&dir.path().join("index"), early.path());
    let store = open(dir.path());
    commit(&store, vec![message(&conv(), "later", None)]);
    drop(store);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    copy_dir(early.path(), &dir.path().join("index"));
    let verified = verified(dir.path());
    assert!(verified.findings.is_empty(), "{:?}", texts(&verified));
    assert_eq!((verified.index.unwrap().0, verified.head.unwrap().position.0), (4, 5));
}

#[test]
fn a_torn_tail_is_told_and_is_no_fault() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    fill(&store);
    drop(store);
    let segment = last_segment(dir.path());
    let sound = fs::read(&segment).unwrap();
    fs::write(&segment, [&sound[..], b"torn"].concat()).unwrap();
    let verified = verified(dir.path());
    assert!(verified.findings.is_empty(), "{:?}", texts(&verified));
    assert_eq!(verified.tail.map(|tail| (tail.offset, tail.bytes)), Some((sound.len() as u64, 4)));
    assert!(fs::metadata(segment).unwrap().len() > sound.len() as u64, "it is left where it is");
}

#[test]
fn a_journal_that_is_being_written_is_not_taken_for_damaged() {
    let dir = TempDir::new().unwrap();
    let options = Options { segment_bytes: 512 << 10, ..Options::default() };
    let store = open_with(dir.path(), options);
    commit(&store, vec![creation(&conv(), None)]);
    let checks = Checks { journal_only: true, ..Checks::default() };
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..1_000 {
                commit(&store, vec![message(&conv(), &"written ".repeat(500), None)]);
            }
        });
        while !writer.is_finished() {
            let verified = verify(dir.path(), &checks, &|_, _| ()).unwrap();
            assert!(verified.findings.is_empty(), "{:?}", texts(&verified));
        }
    });
    assert!(segments(dir.path()).len() > 2);
}

/// A journal in which the first of these bytes were replaced, with checksums and chain made right
/// again. All replacements together keep the length.
fn forged(changes: &[(&str, &str)]) -> TempDir {
    forged_from(&store(), changes)
}

/// The same, made of the journal of this store.
fn forged_from(sound: &TempDir, changes: &[(&str, &str)]) -> TempDir {
    let forged = TempDir::new().unwrap();
    copy_dir(&sound.path().join("journal"), &forged.path().join("journal"));
    let segment = last_segment(forged.path());
    let mut bytes = fs::read(&segment).unwrap();
    let length = bytes.len();
    for (from, to) in changes {
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        bytes.splice(at..at + from.len(), to.bytes());
    }
    assert_eq!(bytes.len(), length);
    chain_anew(&mut bytes);
    fs::write(segment, bytes).unwrap();
    forged
}

#[test]
fn a_journal_that_was_forged_and_chained_anew_is_found_by_a_head_that_was_noted_before() {
    let sound = store();
    let head = verified(sound.path()).head.unwrap();
    assert_eq!(expecting(sound.path(), head).count, 0);
    let forged = forged(&[("Support: a title", "Support: a t1tle")]);
    assert_eq!(verified(forged.path()).count, 0, "by itself nothing is wrong with it");
    let found = expecting(forged.path(), head);
    assert!(matches!(&found.findings[..], [FindingError::Expected { .. }]), "{:?}", texts(&found));
    let (earlier, later) = (head.position, chat_core::store::Position(head.position.0 + 1));
    let beyond = expecting(sound.path(), ChainHead { position: later, ..head });
    assert!(texts(&beyond)[0].contains(&format!("ends with position {}", earlier.0)), "{:?}", texts(&beyond));
}

#[test]
fn what_no_server_writes_is_named_with_its_position() {
    let cases = [
        (r#""seq":2"#, r#""seq":4"#, "position 6 of the journal: the id "),
        (r#""up_to":2"#, r#""up_to":3"#, "position 7 of the journal: control has read conv_1 up to 3"),
        (r#""up_to":2"#, r#""up_to":0"#, "position 7 of the journal: control has read conv_1 up to 0"),
        (
            r#""version":2"#,
            r#""version":4"#,
            "position 9 of the journal: version 4 of conv_1 follows version 1",
        ),
        (
            r#""version":3"#,
            r#""version":1"#,
            "position 10 of the journal: version 1 of conv_1 follows version 2",
        ),
        (r#""sender":"driver""#, r#""sender":"drover""#, "is by drover, who does not take part in it"),
        (
            r#""user":"another""#,
            r#""user":"control""#,
            "control is enrolled in conv_1, and took part in it before",
        ),
        (r#""id":"driver""#, r#""id":"drover""#, "conv_1 is created by driver, who is not active"),
        (
            r#""teams":["control"]"#,
            r#""teams":["another"]"#,
            "control has read conv_1, but does not take part in it",
        ),
        (
            r#""client_message_id":"b""#,
            r#""client_message_id":"a""#,
            "driver has used the client message id a before",
        ),
        (r#"{"conversation":"conv_1""#, r#"{"conversation":"conv_2""#, "there is no conversation conv_2"),
        (r#""participants":["driver"]"#, r#""participants":["drover"]"#, "lack driver, who created it"),
    ];
    for (from, to, expected) in cases {
        let forged = forged(&[(from, to)]);
        let found = texts(&verified(forged.path()));
        assert!(found.iter().any(|text| text.contains(expected)), "{to}: {found:?}");
    }
}

#[test]
fn a_conversation_that_no_server_would_create_is_named() {
    let of_control: &[_] = &[
        (
            r#""id":"driver","email":"","role":"BUS_DRIVER""#,
            r#""id":"driver","email":"","role":"CONTROL_STAFF""#,
        ),
        (r#","teams":[]"#, "        "),
    ];
    let of_many_teams: &[_] = &[
        (r#"["driver"],"teams":["control"]"#, r#"["driver"],"teams":["a","b","c","d","e","f","g","h","i"]"#),
        (r#","client_message_id":"a""#, ""),
        ("Support: a title", "Support: a tit"),
    ];
    for (changes, expected) in [
        (of_control, "conv_1 is created by driver, who is in control"),
        (of_many_teams, "conv_1 has 9 teams, and 8 are the most"),
    ] {
        let found = texts(&verified(forged(changes).path()));
        assert!(found.iter().any(|text| text.contains(expected)), "{found:?}");
    }
}

#[test]
fn an_account_of_more_teams_than_the_engine_files_is_named() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    for (user, count) in [("another", Account::TEAMS_MOST), ("greedy", Account::TEAMS_MOST + 1)] {
        let teams = (10..10 + count).map(|number| number.to_string().into()).collect();
        commit(&store, vec![put(Account { teams, ..person(user, Role::QueueRegulator) })]);
    }
    store.close().unwrap();
    let found = texts(&verified(dir.path()));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("greedy has 33 teams, and 32 are the most"), "{found:?}");
}

#[test]
fn many_short_segments_are_walked_with_progress() {
    let dir = TempDir::new().unwrap();
    fill_short_segments(dir.path());
    let told = std::cell::RefCell::new(Vec::new());
    let verified =
        verify(dir.path(), &Checks::default(), &|done, of| told.borrow_mut().push((done, of))).unwrap();
    assert!(verified.count == 0 && verified.segments > 3, "{:?}", texts(&verified));
    let told = told.into_inner();
    assert!(told.is_sorted() && told.last().is_some_and(|(done, of)| done == of), "{told:?}");
}

/// A store with an emergency that alerts twice and is ended by control.
fn emergency() -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let Change::CreateConversation(raised) = creation(&conv(), None) else { panic!("no creation") };
    let room_type = RoomType::EmergencySupport;
    commit(&store, vec![Change::CreateConversation(CreateConversation { room_type, ..raised })]);
    for level in [0, 1] {
        let (conversation, nonce, content) = (conv(), Nonce([7; NONCE_BYTES]), "an alert".into());
        let at = time(i64::from(level) + 1);
        commit(&store, vec![Change::Escalate(Escalate { conversation, level, nonce, content, at })]);
    }
    let end = AppendEntry {
        permit: may_take_part(&control(), Some(&known(&conv(), 1))).unwrap(),
        entry: EntryChange::EndEmergency { reason: EmergencyReason::Solved, version: 1 },
        nonce: Nonce([8; NONCE_BYTES]),
        content: "it is over".into(),
        client_message_id: None,
        at: time(9),
    };
    commit(&store, vec![Change::AppendEntry(end)]);
    store.close().unwrap();
    dir
}

#[test]
fn the_life_of_an_emergency_is_verified() {
    let sound = emergency();
    let found = verified(sound.path());
    assert_eq!((found.count, texts(&found)), (0, Vec::new()));
    let cases = [
        (r#""state":"OPEN","level":2"#, r#""state":"OPEN","level":4"#),
        (r#""entry":{"emergency":"ESCALATE"}"#, r#""entry":{"emergency":"WITHDRAW"}"#),
        (r#""reason":"solved","version":4"#, r#""reason":"solved","version":1"#),
        (r#""sender":"chat:server""#, r#""sender":"chat:sorver""#),
    ];
    for (from, to) in cases {
        let forged = forged_from(&sound, &[(from, to)]);
        let found = texts(&verified(forged.path()));
        assert!(!found.is_empty(), "{to} is taken for sound");
    }
}

/// A store with notes, and with a conversation that control has started.
fn by_control() -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let Change::CreateConversation(request) = creation(&"conv_2".into(), None) else { panic!("no creation") };
    let (permit, to) = (may_start(&control()).unwrap(), vec!["driver".into()]);
    let started = Change::CreateConversation(CreateConversation { permit, to, ..request });
    commit(&store, vec![creation(&conv(), None), started]);
    commit(&store, vec![note(&conv(), "one"), note(&conv(), "two")]);
    let permit = may_see_notes(&control(), Some(&known(&conv(), 1))).unwrap();
    let (up_to, message_id, at) = (2, "msg_2".into(), time(2));
    commit(&store, vec![Change::MarkRead(MarkRead { permit, up_to, message_id, at })]);
    store.close().unwrap();
    dir
}

#[test]
fn notes_and_conversations_of_control_are_verified() {
    let sound = by_control();
    let found = verified(sound.path());
    assert_eq!((found.count, texts(&found)), (0, Vec::new()));
    let cases = [
        (r#"{"id":"notes_conv_1""#, r#"{"id":"notes_conv_3""#, "there is no conversation conv_3"),
        (r#""conversation":"notes_conv_1""#, r#""conversation":"notes_conv_3""#, "there is no conversation"),
        (
            r#""title":"Notes","room_type":"general_support","created_by":"control""#,
            r#""title":"Notes","room_type":"general_support","created_by":"contral""#,
            "who may not write notes there",
        ),
        (
            r#""title":"Support: a title","room_type":"driver_support","created_by":"control""#,
            r#""title":"Support: a tit","room_type":"driver_support","created_by":"driver"   "#,
            "who is not in control",
        ),
    ];
    for (from, to, expected) in cases {
        let found = texts(&verified(forged_from(&sound, &[(from, to)]).path()));
        assert!(found.iter().any(|text| text.contains(expected)), "{to}: {found:?}");
    }
}

/// A store with an order that is answered late, and one that is withdrawn.
fn order() -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    commit(&store, vec![creation(&conv(), None)]);
    let permit = |user| may_take_part(&user, Some(&known(&conv(), 1))).unwrap();
    let given = |at: i64| {
        Change::AppendMessage(AppendMessage {
            permit: permit(control()),
            nonce: Nonce([7; NONCE_BYTES]),
            content: compose("turn back", &["yes".into()]),
            is_press: false,
            order: Some(GivenOrder { choices: 1, within: Duration::from_secs(10) }),
            client_message_id: None,
            at: time(at),
        })
    };
    let entry = |user, entry, at: i64| {
        let (permit, nonce) = (permit(user), Nonce([8; NONCE_BYTES]));
        let (content, client_message_id, at) = ("an entry".into(), None, time(at));
        Change::AppendEntry(AppendEntry { permit, entry, nonce, content, client_message_id, at })
    };
    let (conversation, nonce, content) = (conv(), Nonce([9; NONCE_BYTES]), "over".into());
    let expire = ExpireOrder { conversation, seq: 2, nonce, content, at: time(20_000) };
    commit(&store, vec![given(1), given(2), Change::ExpireOrder(expire)]);
    let answer = EntryChange::Answer { seq: 2, answer: 0 };
    let withdraw = EntryChange::WithdrawOrder { seq: 3 };
    let late = entry(server_test_support::store::driver(), answer, 30_000);
    commit(&store, vec![late, entry(control(), withdraw, 30_000)]);
    store.close().unwrap();
    dir
}

#[test]
fn the_life_of_an_order_is_verified() {
    let sound = order();
    let found = verified(sound.path());
    assert_eq!((found.count, texts(&found)), (0, Vec::new()));
    let cases = [
        (r#""entry":{"order":"EXPIRE"}"#, r#""entry":{"order":"ANSWER"}"#),
        (r#""state":"OVERDUE""#, r#""state":"PENDING""#),
        (r#""version":6"#, r#""version":5"#),
        (r#""by":"driver""#, r#""by":"drover""#),
        (r#""choices":1"#, r#""choices":2"#),
        (r#""sender":"chat:server""#, r#""sender":"chat:sorver""#),
    ];
    for (from, to) in cases {
        let forged = forged_from(&sound, &[(from, to)]);
        let found = texts(&verified(forged.path()));
        assert!(!found.is_empty(), "{to} is taken for sound");
    }
}
