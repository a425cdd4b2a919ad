//! An export has each conversation with all its events, from a store, a running one, or a backup.

use std::fs;
use std::path::Path;

use crate::bytes::{find_record, fix_checksums};
use chat_core::id::ConversationId;
use chat_core::protocol::Role;
use chat_core::store::{Change, Membership, PutAccount};
use chat_server::store::journal::ChainHead;
use chat_server::store::{ExportError, Selection, backup, export};
use serde::Deserialize;
use serde_json::{Value, json};
use server_test_support::store::{
    account, commit, creation, driver, last_segment, message, note, open, person, read, time,
};
use tempfile::TempDir;

/// A line as a reader of exports would parse it: no other field is allowed.
#[derive(Deserialize, PartialEq, Debug)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Account {
        position: u64,
        user_id: String,
        role: String,
        email: String,
        first_name: String,
        last_name: String,
        active: bool,
        source: Option<String>,
        at: Option<String>,
    },
    Conversation {
        position: u64,
        conversation_id: String,
        title: String,
        room_type: String,
        created_by: String,
        created_at: String,
        teams: Vec<String>,
        participants: Vec<String>,
    },
    Message {
        position: u64,
        conversation_id: String,
        seq: u64,
        message_id: String,
        sender_id: String,
        sent_at: String,
        content: Option<String>,
        #[serde(default)]
        erased: bool,
        work: Option<Value>,
    },
    Read {
        position: u64,
        conversation_id: String,
        user_id: String,
        up_to: u64,
        at: String,
    },
    Enrolled {
        position: u64,
        conversation_id: String,
        user_id: String,
        version: u64,
        standing: String,
    },
    Withdrawn {
        position: u64,
        conversation_id: String,
        user_id: String,
        version: u64,
        standing: String,
    },
    End {
        position: u64,
        head: String,
    },
}

fn exported(dir: &Path, selection: &Selection) -> Vec<Line> {
    let mut text = Vec::new();
    export(dir, selection, &mut text, &|done, of| assert!(done <= of)).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn all(dir: &Path) -> Vec<Line> {
    exported(dir, &Selection::default())
}

/// All lines but those of accounts, in few words.
fn events(dir: &Path, selection: &Selection) -> Vec<String> {
    let lines = exported(dir, selection);
    lines.iter().filter(|line| !matches!(line, Line::Account { .. })).map(brief).collect()
}

fn conversation(number: u64) -> ConversationId {
    format!("conv_{number}").into()
}

/// A store in which two conversations take turns: the one with the later name is the first.
fn store() -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let (first, second) = (conversation(2), conversation(1));
    commit(&store, vec![account("another", Role::QueueRegulator)]);
    commit(&store, vec![creation(&first, None), creation(&second, None)]);
    commit(&store, vec![message(&first, "to the first", None), message(&second, "to the second", None)]);
    let membership = |version| Membership { conversation: first.clone(), user: "another".into(), version };
    commit(&store, vec![read(&first, 2), Change::Enrol(membership(1))]);
    commit(&store, vec![Change::Withdraw(membership(2)), read(&second, 1)]);
    store.close().unwrap();
    dir
}

/// A line in few words.
fn brief(line: &Line) -> String {
    match line {
        Line::Account { user_id, role, first_name, active, .. } => {
            format!("{user_id} {role} {first_name} {active}")
        }
        Line::Conversation { conversation_id, title, room_type, created_by, teams, participants, .. } => {
            let (teams, participants) = (teams.join(","), participants.join(","));
            format!("{conversation_id} {title} {room_type} {created_by} {teams} {participants}")
        }
        Line::Message { conversation_id, seq, sender_id, content, erased, message_id, work, .. } => {
            let state = work.as_ref().map(|work| &work["state"]);
            assert_eq!(state, (*seq == 1).then_some(&json!("WAITING")), "{work:?}");
            assert!(message_id.starts_with("msg_") && message_id.ends_with(&seq.to_string()), "{message_id}");
            format!("{conversation_id} {seq} {sender_id} {content:?} {erased}")
        }
        Line::Read { conversation_id, user_id, up_to, at, .. } => {
            assert_eq!(at, "2024-01-15T10:30:00.000Z", "the time of the request");
            format!("{conversation_id} {user_id} read {up_to}")
        }
        Line::Enrolled { conversation_id, user_id, version, standing, .. } => {
            format!("{conversation_id} {user_id} in {version} {standing}")
        }
        Line::Withdrawn { conversation_id, user_id, version, standing, .. } => {
            format!("{conversation_id} {user_id} out {version} {standing}")
        }
        Line::End { position, head } => {
            let head: ChainHead = head.parse().unwrap();
            format!("end {position} {}", head.position.0)
        }
    }
}

fn briefs(lines: &[Line]) -> Vec<String> {
    lines.iter().map(brief).collect()
}

#[test]
fn conversations_come_one_after_the_other_with_all_that_happened() {
    let dir = store();
    let expected = [
        "driver BUS_DRIVER  true",
        "control CONTROL_STAFF  true",
        "another QUEUE_REGULATOR  true",
        "conv_2 Support: a title driver_support driver control driver",
        "conv_2 1 driver Some(\"the first message\") false",
        "conv_2 2 driver Some(\"to the first\") false",
        "conv_2 control read 2",
        "conv_2 another in 2 member",
        "conv_2 another out 3 withdrawn",
        "conv_1 Support: a title driver_support driver control driver",
        "conv_1 1 driver Some(\"the first message\") false",
        "conv_1 2 driver Some(\"to the second\") false",
        "conv_1 control read 1",
        "end 12 12",
    ];
    assert_eq!(briefs(&all(dir.path())), expected);
}

#[test]
fn notes_are_in_no_export_of_a_user_in_the_field() {
    let dir = store();
    let running = open(dir.path());
    commit(&running, vec![note(&conversation(1), "for control alone")]);
    running.close().unwrap();
    let lines = |selection: Selection| {
        let mut text = Vec::new();
        export(dir.path(), &selection, &mut text, &|_, _| ()).unwrap();
        String::from_utf8(text).unwrap()
    };
    let of_user = |user: &str| lines(Selection { user: Some(user.into()), ..Selection::default() });
    let of = |id| lines(Selection { conversation: Some(id), ..Selection::default() });
    let (everything, notes) = (lines(Selection::default()), conversation(1).notes());
    for (text, has_notes) in [
        (everything, true),
        (of_user("driver"), false),
        (of_user("control"), true),
        (of(conversation(1)), false),
        (of(notes), true),
    ] {
        assert_eq!(text.contains("for control alone"), has_notes, "{text}");
        assert_eq!(text.contains("notes_conv_1"), has_notes, "{text}");
    }
}

#[test]
fn a_backup_and_a_store_in_use_are_exported_alike() {
    let dir = store();
    let lines = all(dir.path());
    let other = TempDir::new().unwrap();
    let kept = other.path().join("kept");
    backup(dir.path(), &kept, &|_, _| ()).unwrap();
    assert_eq!(all(&kept), lines);
    let running = open(dir.path());
    assert_eq!(all(dir.path()), lines);
    commit(&running, vec![message(&conversation(1), "more", None)]);
    assert_eq!(all(dir.path()).len(), lines.len() + 1);
}

#[test]
fn one_conversation_or_a_span_of_time_can_be_asked_for() {
    let dir = store();
    let one = Selection { conversation: Some(conversation(1)), ..Selection::default() };
    assert_eq!(events(dir.path(), &one)[0].split(' ').next(), Some("conv_1"));
    assert_eq!((events(dir.path(), &one).len(), exported(dir.path(), &one).len()), (5, 7));
    // The first messages are of second 0, and all later ones of second 1.
    let later = Selection { since: Some(time(1)), ..Selection::default() };
    let lines = events(dir.path(), &later);
    assert_eq!(lines.len(), 9, "{lines:?}");
    assert!(lines[0].contains("Support: a title") && lines[1].contains("to the first"), "{lines:?}");
    let earlier = Selection { until: Some(time(1)), ..Selection::default() };
    let lines = events(dir.path(), &earlier);
    assert_eq!(lines.len(), 5, "{lines:?}");
    let never = Selection { since: Some(time(2)), ..Selection::default() };
    assert_eq!(exported(dir.path(), &never).len(), 1, "the end alone");
    let unknown = Selection { conversation: Some(conversation(3)), ..Selection::default() };
    let error = export(dir.path(), &unknown, &mut Vec::new(), &|_, _| ()).unwrap_err();
    assert!(matches!(error, ExportError::NoConversation(_)), "{error}");
}

#[test]
fn erased_content_is_told_as_such() {
    let dir = store();
    let segment = last_segment(dir.path());
    let mut bytes = fs::read(&segment).unwrap();
    let record = find_record(&bytes, b"to the first");
    bytes[record[2]..record[3]].fill(0);
    fix_checksums(&mut bytes, record);
    fs::write(&segment, bytes).unwrap();
    assert_eq!(events(dir.path(), &Selection::default())[2], "conv_2 2 driver None true");
}

#[test]
fn one_user_can_be_asked_for_and_nothing_of_others_is_in_it() {
    let dir = store();
    let of = |user: &str| Selection { user: Some(user.into()), ..Selection::default() };
    let expected = [
        "control CONTROL_STAFF  true",
        "conv_2 Support: a title driver_support driver control driver",
        "conv_2 control read 2",
        "conv_1 Support: a title driver_support driver control driver",
        "conv_1 control read 1",
        "end 12 12",
    ];
    assert_eq!(briefs(&exported(dir.path(), &of("control"))), expected);
    let error = export(dir.path(), &of("nobody"), &mut Vec::new(), &|_, _| ()).unwrap_err();
    assert!(matches!(error, ExportError::NoUser(_)), "{error}");
}

#[test]
fn an_id_that_was_given_to_another_person_shows_the_name_of_its_day() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    commit(&store, vec![creation(&conversation(1), None)]);
    let mut account = person("driver", Role::BusDriver);
    account.user.first_name = "Bob".into();
    let change = PutAccount { account, replaces: Some(driver().position) };
    commit(&store, vec![Change::PutAccount(change)]);
    store.close().unwrap();
    drop(store);
    let lines = all(dir.path());
    let accounts: Vec<_> = lines.iter().take(2).map(brief).collect();
    assert_eq!(accounts, ["driver BUS_DRIVER  true", "driver BUS_DRIVER Bob true"]);
    let [Line::Account { position: before, .. }, Line::Account { position: after, .. }] = &lines[..2] else {
        panic!("not accounts")
    };
    let Line::Conversation { position: created, .. } = &lines[2] else { panic!("not a conversation") };
    assert!(before < created && created < after);
}

#[test]
fn what_is_damaged_is_no_complete_export() {
    let dir = store();
    let segment = last_segment(dir.path());
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let mut text = Vec::new();
    let error = export(dir.path(), &Selection::default(), &mut text, &|_, _| ()).unwrap_err();
    assert!(error.to_string().contains("the journal is damaged at byte"), "{error}");
    assert!(text.is_empty(), "nothing is written before all was read");
}
