//! Changes of accounts that this engine has not made. What was decided before is decided again.

use chat_core::engine::{Command, ConnectionId, Input};
use chat_core::protocol::{CloseCode, Role, User};
use chat_core::store::{Account, Change, MemoryState, PutAccount, Query, Rejected};
use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question};
use core_test_support::*;
use serde_json::{Value, json};

/// Has another engine do something to the same store.
fn elsewhere(world: &mut World, act: impl FnOnce(&mut World)) {
    let store = std::mem::replace(&mut world.store, MemoryState::new("none"));
    let mut other = World::over(store, unhurried());
    act(&mut other);
    assert!(other.answers.values().all(Result::is_ok));
    world.store = other.store;
}

fn deactivate_and_activate(world: &mut World, user: &User) {
    world.command(Command::Deactivate(user.id.clone()));
    world.command(Command::Activate(user.id.clone()));
}

fn account(world: &World, user: &User) -> Account {
    world.store.exported().accounts[&user.id].account.clone()
}

fn renamed(user: User) -> User {
    User { first_name: "Joe".into(), ..user }
}

/// A driver who is being admitted: the account is looked up, and about to be put.
fn entering() -> (World, ConnectionId) {
    let mut world = World::new(unhurried());
    world.hold = true;
    let conn = world.connect(&driver());
    world.answer(0, Answer::Good);
    assert!(matches!(world.questions[..], [Question::Commit(..)]));
    (world, conn)
}

#[test]
fn a_connection_does_not_undo_a_deactivation() {
    let (mut world, conn) = entering();
    elsewhere(&mut world, |other| {
        other.command(Command::Deactivate(driver().id));
    });
    world.settle();
    assert_eq!(closed(&world, conn), Some(CloseCode::Deactivated));
    assert!(!account(&world, &driver()).active);
}

#[test]
fn a_connection_of_an_account_put_elsewhere_meanwhile_is_admitted() {
    let (mut world, conn) = entering();
    elsewhere(&mut world, |other| {
        other.connect(&renamed(driver()));
    });
    world.settle();
    assert_eq!((closed(&world, conn), world.take(conn)), (None, vec![]));
    world.hold = false;
    create(&mut world, conn);
}

#[test]
fn a_command_on_an_account_is_decided_again() {
    let mut world = World::new(unhurried());
    world.command(Command::Import(driver()));
    world.hold = true;
    let deactivation = world.command(Command::Deactivate(driver().id));
    world.answer(0, Answer::Good);
    elsewhere(&mut world, |other| {
        other.command(Command::Import(renamed(driver())));
    });
    world.settle();
    assert!(world.answers[&deactivation].is_ok());
    let account = account(&world, &driver());
    assert_eq!((account.active, account.user), (false, renamed(driver())), "both changes are made");
}

#[test]
fn what_was_decided_on_older_rights_is_decided_again_in_its_order() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    ["one", "two", "three"].iter().for_each(|content| scene.put(scene.driver, content));
    elsewhere(&mut scene.world, |other| deactivate_and_activate(other, &driver()));
    scene.world.settle();
    let heard = scene.world.take(scene.driver);
    let contents: Vec<_> = of_type(&heard, "new_message").iter().map(|m| &m["message"]["content"]).collect();
    assert_eq!(contents, ["one", "two", "three"]);
    let seqs: Vec<_> = replies(&heard).iter().map(|reply| reply["seq"].clone()).collect();
    assert_eq!(seqs, [2, 3, 4]);
    let driver = scene.driver;
    meets_no_conflict(&mut scene, driver);
}

#[test]
fn a_session_ends_once_a_change_finds_out_what_happened_elsewhere() {
    let moved = User { role: Role::QueueRegulator, ..driver() };
    for (command, code, told) in [
        (Command::Deactivate(driver().id), CloseCode::Deactivated, "deactivated"),
        (Command::Import(moved), CloseCode::RightsChanged, "rights_changed"),
    ] {
        let mut scene = Scene::new();
        let (driver, second) = (scene.driver, scene.world.connect(&driver()));
        scene.world.hold = true;
        scene.put(driver, "too late");
        elsewhere(&mut scene.world, |other| {
            other.command(command);
        });
        scene.world.settle();
        for conn in [driver, second] {
            let heard = scene.world.take(conn);
            assert_eq!(closed(&scene.world, conn), Some(code));
            assert_eq!((heard.len(), &heard[0]["code"]), (1, &json!(told)));
        }
        assert_eq!(scene.ids().len(), 1, "nothing of it is stored");
        assert_eq!(scene.world.take(scene.staff), [] as [Value; 0]);
    }
}

#[test]
fn a_change_that_meets_conflicts_without_end_is_unavailable() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.driver, "never lucky");
    for _ in 0..4 {
        while !matches!(scene.world.questions[0], Question::Commit(..)) {
            scene.world.answer(0, Answer::Good);
        }
        assert!(scene.world.take(scene.driver).is_empty());
        elsewhere(&mut scene.world, |other| deactivate_and_activate(other, &driver()));
        answer_commit(&mut scene.world, Answer::Good);
    }
    assert_eq!(scene.world.take(scene.driver)[0]["code"], "unavailable");
    assert!(scene.world.questions.is_empty());
}

/// Puts an account behind the engine's back.
fn put(world: &mut World, account: Account) {
    let replaces = world.store.exported().accounts.get(&account.user.id).map(|known| known.position);
    let verdicts = world.store.judge(vec![Change::PutAccount(PutAccount { account, replaces })]);
    assert!(verdicts[0].is_ok());
}

#[test]
fn the_engine_files_a_user_again_whose_account_changes_meanwhile() {
    let mut world = World::new(unhurried());
    world.hold = true;
    world.connect(&other_driver());
    world.answer(0, Answer::Good);
    world.answer(0, Answer::Lost);
    assert!(matches!(world.questions[..], [Question::Load(..)]), "the directory is read again");
    put(&mut world, Account::new(staff()));
    world.answer(0, Answer::Late);
    assert!(matches!(world.questions[..], [Question::Commit(..)]), "the user is not in its team");
    put(&mut world, Account::new(renamed(staff())));
    world.settle();
    assert!(account(&world, &staff()).teams.is_empty(), "it is a conflict");
    world.advance(secs(1));
    world.settle();
    let account = account(&world, &staff());
    assert_eq!((account.teams.len(), account.user), (1, renamed(staff())));
}

/// Sends a message, which must be accepted at once.
fn meets_no_conflict(scene: &mut Scene, conn: ConnectionId) {
    scene.world.hold = true;
    scene.put(conn, "accepted at once");
    answer_commit(&mut scene.world, Answer::Good);
    assert!(scene.world.questions.is_empty(), "decided again");
    scene.world.hold = false;
    assert!(replies(&scene.world.take(conn)).last().unwrap()["seq"].is_number());
}

#[test]
fn the_changes_of_one_engine_meet_no_conflict() {
    let mut scene = Scene::new();
    let (driver_conn, staff_conn) = (scene.driver, scene.staff);
    meets_no_conflict(&mut scene, driver_conn);
    let phone = scene.world.connect(&renamed(driver()));
    scene.world.command(Command::Import(renamed(staff())));
    for conn in [driver_conn, phone, staff_conn] {
        meets_no_conflict(&mut scene, conn);
    }
    for user in [driver(), staff()] {
        deactivate_and_activate(&mut scene.world, &user);
        let conn = scene.world.connect_issued(&user, scene.world.now().wall);
        meets_no_conflict(&mut scene, conn);
    }
    let as_admin = User { role: Role::ControlAdmin, ..staff() };
    scene.world.advance(secs(2));
    let admin = scene.world.connect_issued(&as_admin, scene.world.now().wall);
    meets_no_conflict(&mut scene, admin);
}

#[test]
fn a_message_that_finds_its_account_being_changed_goes_on_afterwards() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    let (user, conversation) = (driver().id, scene.conversation.as_str().into());
    let client_message_id = Some("once".into());
    let content = "by command".into();
    let send = scene.world.command(Command::Send { user, conversation, content, client_message_id });
    scene.world.command(Command::Import(renamed(driver())));
    scene.world.answer(1, Answer::Good);
    scene.world.answer(0, Answer::Good);
    scene.world.settle();
    assert!(scene.world.answers.get(&send).is_some_and(Result::is_ok), "it waits for its own key");
}

/// Has the store find the only change of the commit under way to be decided on old facts.
fn conflict(world: &mut World) {
    let Question::Commit(ticket, _) = world.questions.remove(commit_at(world)) else { unreachable!() };
    world.input(Input::Committed { ticket, result: Ok(vec![Err(Rejected::Conflict)]) });
}

#[test]
fn a_message_that_waits_for_the_account_reaches_everybody_whatever_the_cache_drops_meanwhile() {
    let mut scene = Scene::with(settings(|limits| limits.engine.cached_conversations = 1));
    let driver = scene.driver;
    let second = create(&mut scene.world, driver);
    let other = scene.world.connect(&other_driver());
    let elsewhere = create(&mut scene.world, other);
    scene.put(driver, "It is in the cache again.");
    [driver, scene.staff].into_iter().for_each(|conn| drop(scene.world.take(conn)));
    scene.world.hold = true;
    scene.put(driver, "one");
    scene.world.request(driver, "send_chat_message", about(&second, json!({"content": "two"})));
    scene.world.answer(1, Answer::Good);
    conflict(&mut scene.world);
    // The first message looks up the account, then its conversation. Then the second one has a
    // conflict, so the account is looked up again.
    scene.world.answer(1, Answer::Good);
    conflict(&mut scene.world);
    scene.world.answer(0, Answer::Good);
    let [Question::Load(_, Query::Account(_))] = scene.world.questions[..] else {
        panic!("{:?}", scene.world.questions)
    };
    // Meanwhile the place of the conversation in the cache goes to another one.
    scene.world.hold = false;
    scene.world.ask(other, "get_conversation_messages", about(&elsewhere, json!({})));
    scene.world.settle();
    let heard = scene.world.take(scene.staff);
    let texts: Vec<_> =
        of_type(&heard, "new_message").iter().map(|event| &event["message"]["content"]).collect();
    assert_eq!(texts, ["one", "two"]);
}
