//! Data of older versions opens and holds what it held.
//!
//! `fixtures/data_of_0_1_0` is a data directory of version 0.1.0. `fixtures/data_before_teams` is
//! the journal of the last version before teams, with every kind of change of who takes part.
//! `fixtures/data_with_teams` is a journal of the format of accounts and conversations with teams.
//! Each has every kind of record. None is ever written anew. The export beside each was made by the
//! program that wrote the data. A later export may have more fields and more kinds of lines.

use std::fs;
use std::path::{Path, PathBuf};

use chat_core::conversation::{Participation, Standing};
use chat_core::id::TeamId;
use chat_core::protocol::{Role, WorkState};
use chat_core::store::{Facts, Query};
use chat_server::store::{Checks, LocalStore, Selection, export, verify};
use futures::executor::block_on;
use serde_json::Value;
use server_test_support::store::{
    all_of, commit, copy_dir, creation_by, load, open, page, people, stored_account, time,
};
use tempfile::TempDir;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A copy of an old data directory.
fn copy_of(name: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    copy_dir(&fixtures().join(name), dir.path());
    dir
}

/// A copy of the data of 0.1.0, without its index unless that is asked for.
fn old_data(with_index: bool) -> TempDir {
    let dir = copy_of("data_of_0_1_0");
    if !with_index {
        fs::remove_dir_all(dir.path().join("index")).unwrap();
    }
    dir
}

fn lines(text: &[u8]) -> Vec<Value> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn exported(dir: &Path) -> Vec<Value> {
    let mut text = Vec::new();
    export(dir, &Selection::default(), &mut text, &|_, _| ()).unwrap();
    lines(&text)
}

/// Whether a line has all content of an older one.
fn says(line: &Value, older: &Value) -> bool {
    older.as_object().unwrap().iter().all(|(name, value)| line.get(name) == Some(value))
}

fn assert_has_all(dir: &Path, name: &str, count: usize) {
    let now = exported(dir);
    let before = lines(&fs::read(fixtures().join(name)).unwrap());
    assert_eq!(before.len(), count, "the fixture is whole");
    for line in before.iter().filter(|line| line["type"] != "end") {
        assert!(now.iter().any(|other| says(other, line)), "{line}");
    }
}

fn assert_knows_the_users(store: &LocalStore) {
    let accounts = block_on(store.accounts(None, 100)).unwrap();
    // Those that were put since have no number.
    let accounts = accounts.iter().filter(|known| known.user.id.as_str().contains('_'));
    let accounts: Vec<_> =
        accounts.map(|known| (known.user.id.as_str(), known.user.role, known.active)).collect();
    let expected = [
        ("control_1", Role::ControlStaff, true),
        ("control_2", Role::ControlAdmin, false),
        ("control_3", Role::ControlStaff, false),
        ("control_4", Role::BusDriver, true),
        ("driver_1", Role::BusDriver, true),
        ("driver_gone", Role::BusDriver, false),
        ("regulator_1", Role::QueueRegulator, true),
    ];
    assert_eq!(accounts, expected);
}

fn assert_verified(dir: &Path) {
    let verified = verify(dir, &Checks::default(), &|_, _| ()).unwrap();
    assert_eq!(verified.count, 0, "{:?}", verified.findings);
}

fn opens_and_goes_on(with_index: bool) {
    let dir = old_data(with_index);
    assert_has_all(dir.path(), "data_of_0_1_0.jsonl", 21);
    let store = open(dir.path());
    assert_knows_the_users(&store);
    assert_takes_part_of_0_1_0(&store);
    commit(&store, people());
    let driver = stored_account(&store, "driver").unwrap();
    commit(&store, vec![creation_by(&driver, &"conv_new".into(), None)]);
    store.close().unwrap();
    let store = open(dir.path());
    assert_knows_the_users(&store);
    store.close().unwrap();
    assert_has_all(dir.path(), "data_of_0_1_0.jsonl", 21);
    assert_verified(dir.path());
}

/// The users with a standing in a conversation, and whether the team of all control users takes
/// part.
fn assert_participation(store: &LocalStore, id: &str, by_team: bool, members: &[(&str, Standing)]) {
    let Facts::Conversation(found) = load(store, Query::Conversation(id.into())).facts else {
        panic!("no conversation")
    };
    let Participation { teams, members: found } = found.unwrap().participation;
    assert_eq!(
        teams.iter().map(TeamId::as_str).collect::<Vec<_>>(),
        if by_team { &["control"][..] } else { &[] }
    );
    let found: Vec<_> = found.iter().map(|(user, standing)| (user.as_str(), standing)).collect();
    assert_eq!(found, members, "{id}");
}

/// The work on a conversation from before work was known.
fn assert_work(store: &LocalStore, id: &str, state: WorkState, waiting_since: Option<&str>) {
    let Facts::Conversation(Some(found)) = load(store, Query::Conversation(id.into())).facts else {
        panic!("no conversation")
    };
    let work = found.work;
    assert_eq!((work.state, work.assignee, work.version), (state, None, 0), "{id}");
    assert_eq!(work.waiting_since.map(|at| at.to_string()).as_deref(), waiting_since, "{id}");
}

fn assert_lists(store: &LocalStore, user: &str, expected: &[&str]) {
    let rows = page(store, all_of(user)).rows;
    let listed: Vec<_> = rows.iter().map(|row| row.conversation.id.as_str()).collect();
    assert_eq!(listed, expected, "{user}");
}

/// Whoever was in control then was withdrawn because of a lost role or a deactivation.
fn assert_takes_part_of_0_1_0(store: &LocalStore) {
    let [route, queue, accident] =
        ["conv_fjp913t30sy1c0g1", "conv_0xbvxsaqptrnyym8", "conv_e6yr8wx2e8rw9524"];
    for (id, creator) in [(route, "driver_1"), (queue, "regulator_1"), (accident, "driver_1")] {
        assert_participation(store, id, true, &[(creator, Standing::Member)]);
    }
    assert_work(store, route, WorkState::Waiting, Some("2026-11-29T14:42:43.757Z"));
    assert_work(store, queue, WorkState::Waiting, Some("2026-11-29T14:42:43.746Z"));
    assert_lists(store, "control_1", &[route, accident, queue]);
    assert_lists(store, "driver_1", &[route, accident]);
    assert_lists(store, "regulator_1", &[queue]);
    ["control_2", "control_3", "control_4", "nobody"].iter().for_each(|user| assert_lists(store, user, &[]));
}

#[test]
fn participants_by_name_become_teams_and_members() {
    let dir = copy_of("data_before_teams");
    assert_has_all(dir.path(), "data_before_teams.jsonl", 21);
    for _ in 0..2 {
        let store = open(dir.path());
        let (member, control) = (Standing::Member, Standing::ControlMember);
        // `control_2` was withdrawn by name. `control_3` was deactivated, withdrawn and came back.
        // `driver_2` was enrolled and withdrawn.
        let members = [("control_2", Standing::Withdrawn), ("driver_1", member), ("regulator_1", member)];
        assert_participation(&store, "conv_all", true, &members);
        // Its list lacked two control users. `control_2` was enrolled, and `control_4` too, who
        // became a driver afterwards.
        let members =
            [("control_1", control), ("control_2", control), ("control_4", control), ("regulator_1", member)];
        assert_participation(&store, "conv_some", false, &members);
        assert_participation(&store, "conv_late", true, &[("driver_2", member)]);
        assert_work(&store, "conv_all", WorkState::Waiting, Some("2024-01-15T10:30:04.000Z"));
        // A control user wrote last.
        assert_work(&store, "conv_some", WorkState::Resolved, None);
        assert_work(&store, "conv_late", WorkState::Waiting, Some("2024-01-15T10:30:02.000Z"));
        assert_lists(&store, "control_1", &["conv_late", "conv_some", "conv_all"]);
        assert_lists(&store, "control_2", &["conv_late", "conv_some"]);
        assert_lists(&store, "control_3", &["conv_late", "conv_all"]);
        assert_lists(&store, "control_4", &[]);
        assert_lists(&store, "driver_1", &["conv_all"]);
        assert_lists(&store, "driver_2", &["conv_late"]);
        assert_lists(&store, "driver_gone", &[]);
        assert_lists(&store, "regulator_1", &["conv_some", "conv_all"]);
        store.close().unwrap();
        assert_verified(dir.path());
    }
}

#[test]
fn with_its_index() {
    opens_and_goes_on(true);
}

#[test]
fn with_its_journal_alone() {
    opens_and_goes_on(false);
}

#[test]
fn the_format_with_teams_stays_readable() {
    let dir = copy_of("data_with_teams");
    assert_has_all(dir.path(), "data_with_teams.jsonl", 11);
    for _ in 0..2 {
        let store = open(dir.path());
        // `regulator` was enrolled and withdrawn, `control` withdrawn and enrolled again, and `sam`
        // enrolled from outside of the team.
        let members = [
            ("driver", Standing::Member),
            ("regulator", Standing::Withdrawn),
            ("sam", Standing::ControlMember),
        ];
        assert_participation(&store, "conv_1", true, &members);
        let sam = stored_account(&store, "sam").unwrap().account;
        assert_eq!((sam.teams, sam.role_imported), (vec!["night".into()], true));
        assert_eq!(sam.joined.into_values().collect::<Vec<_>>(), [time(3), time(4)]);
        assert_eq!((sam.said.unwrap().at, sam.decided_at), (time(4), Some(time(3))));
        assert!(!stored_account(&store, "regulator").unwrap().account.active);
        assert_lists(&store, "control", &["conv_1"]);
        assert_lists(&store, "sam", &["conv_1"]);
        assert_lists(&store, "regulator", &[]);
        store.close().unwrap();
        assert_verified(dir.path());
    }
}

/// The journal of a fixture, all segments.
fn journal(name: &str) -> String {
    let segments = fs::read_dir(fixtures().join(name).join("journal")).unwrap();
    let segments = segments.map(|segment| fs::read(segment.unwrap().path()).unwrap());
    String::from_utf8_lossy(&segments.collect::<Vec<_>>().concat()).into_owned()
}

#[test]
fn each_has_every_kind_of_record() {
    let kinds = [
        "epoch_begun",
        "account_put",
        "conversation_created",
        "message_appended",
        "message_read",
        "user_enrolled",
        "user_withdrawn",
    ];
    for fixture in ["data_of_0_1_0", "data_before_teams", "data_with_teams"] {
        let text = journal(fixture);
        for kind in kinds {
            assert!(text.contains(&format!("{{\"{kind}\":")), "{kind} in {fixture}");
        }
    }
    let text = journal("data_with_teams");
    for field in
        ["teams", "joined", "said", "decided_at", "role_imported", "creator", "was", "standing", "at"]
    {
        assert!(text.contains(&format!("\"{field}\":")), "{field}");
    }
}
