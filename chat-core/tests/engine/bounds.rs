//! Bounds of the engine: the client beyond one is told, and no other is harmed (P7).

use chat_core::engine::{Settings, SupportRequest, Teams};
use chat_core::id::TeamId;
use chat_core::limits::{Limits, RateSetting};
use chat_core::protocol::{CloseCode, User};
use chat_core::testing::world::{Answer, Question};
use core_test_support::*;
use serde_json::json;

fn scene(change: impl FnOnce(&mut Limits)) -> Scene {
    Scene::with(settings(|limits| {
        limits.rates = RateSetting::Lifted;
        change(limits);
    }))
}

#[test]
fn too_many_live_events_behind_a_reply_close_the_connection() {
    let mut scene = scene(|limits| limits.engine.held_back = 4);
    let other = scene.world.connect(&staff());
    scene.world.hold = true;
    let data = scene.data(json!({"after_seq": 0}));
    scene.world.request(scene.staff, "join_conversation", data);
    for number in 0..5 {
        assert_eq!(closed(&scene.world, scene.staff), None, "{number}");
        scene.put(scene.driver, "live");
        answer_commit(&mut scene.world, Answer::Good);
    }
    assert_eq!(closed(&scene.world, scene.staff), Some(CloseCode::TooSlow));
    assert!(scene.world.take(scene.staff).is_empty());
    scene.world.settle();
    assert_eq!(live_seqs(&scene.world.take(other)), [2, 3, 4, 5, 6]);
    assert_eq!(live_seqs(&scene.world.take(scene.driver)), [2, 3, 4, 5, 6]);
}

#[test]
fn typing_that_waits_behind_a_reply_is_dropped_and_takes_no_message_s_place() {
    let mut scene = scene(|limits| {
        limits.engine.held_back = 8;
        limits.periods.typing_repeat = std::time::Duration::ZERO;
    });
    scene.world.hold = true;
    let data = scene.data(json!({"after_seq": 0}));
    scene.world.request(scene.staff, "join_conversation", data);
    for number in 0..100 {
        let data = scene.data(json!({"is_typing": number % 2 == 0}));
        scene.world.request(scene.driver, "typing_indicator", data);
    }
    for _ in 0..8 {
        scene.put(scene.driver, "live");
        answer_commit(&mut scene.world, Answer::Good);
    }
    assert_eq!(closed(&scene.world, scene.staff), None);
    scene.world.settle();
    let heard = scene.world.take(scene.staff);
    assert_eq!(live_seqs(&heard), (2..=9).collect::<Vec<_>>());
    assert!(of_type(&heard, "typing_status").len() <= 2, "a quarter of the room at most");
}

#[test]
fn too_many_changes_that_wait_are_unavailable() {
    let mut scene = scene(|limits| limits.engine.changes_waiting = 2);
    scene.world.hold = true;
    (0..5).for_each(|_| scene.put(scene.driver, "x"));
    scene.world.settle();
    let heard = scene.world.take(scene.driver);
    let codes: Vec<_> = replies(&heard).iter().map(|reply| reply["code"].as_str()).collect();
    let refused = Some("unavailable");
    assert_eq!(codes, [None, None, None, refused, refused], "one under way, two wait");
    assert_eq!(live_seqs(&heard), [2, 3, 4]);
}

#[test]
fn a_commit_takes_a_bounded_number_of_changes_and_the_next_the_rest() {
    let mut scene = scene(|limits| limits.engine.changes_per_commit = 3);
    scene.world.hold = true;
    (0..8).for_each(|_| scene.put(scene.driver, "x"));
    let mut sizes = Vec::new();
    while let Some(Question::Commit(_, changes)) = scene.world.questions.first() {
        sizes.push(changes.len());
        assert_eq!(scene.world.questions.len(), 1, "one commit at a time");
        scene.world.answer(0, Answer::Good);
    }
    assert_eq!(sizes, [1, 3, 3, 1]);
    assert_eq!(live_seqs(&scene.world.take(scene.driver)).len(), 8);
}

#[test]
fn changes_of_a_connection_that_is_gone_go_on_and_are_heard() {
    let mut scene = scene(|_| ());
    scene.world.hold = true;
    scene.put(scene.driver, "last words");
    scene.world.disconnect(scene.driver);
    scene.world.settle();
    assert_eq!(live_seqs(&scene.world.take(scene.staff)), [2]);
}

#[test]
fn pages_are_cut_to_their_bounds() {
    let mut scene = scene(|limits| limits.pages.messages_most = 3);
    (0..5).for_each(|_| drop(scene.send(scene.driver, "x")));
    let page = |scene: &mut Scene, more| {
        let data = scene.data(more);
        let heard = scene.world.ask(scene.driver, "get_conversation_messages", data);
        let seqs = heard[0]["messages"]
            .as_array()
            .map(|all| all.iter().filter_map(|m| m["seq"].as_u64()).collect::<Vec<_>>());
        (seqs, heard[0]["has_more"].clone(), heard[0]["code"].as_str().map(str::to_owned))
    };
    let good =
        |seqs: &[u64], more: bool| (Some(seqs.to_vec()), if more { json!(true) } else { json!(null) }, None);
    assert_eq!(page(&mut scene, json!({"limit": 1_000})), good(&[4, 5, 6], true));
    assert_eq!(page(&mut scene, json!({"skip": 2, "limit": 2})), good(&[3, 4], true));
    assert_eq!(page(&mut scene, json!({"skip": 100})), good(&[], false));
    assert_eq!(page(&mut scene, json!({"before_seq": 3})), good(&[1, 2], false));
    assert_eq!(page(&mut scene, json!({"after_seq": 1, "limit": 2})), good(&[2, 3], true));
    for bad in [json!({"limit": 0}), json!({"limit": -1}), json!({"limit": "2"}), json!({"skip": -1})] {
        assert_eq!(page(&mut scene, bad.clone()).2.as_deref(), Some("invalid_parameter"), "{bad}");
    }
}

#[test]
fn a_list_is_cut_and_says_so() {
    let mut scene = scene(|limits| limits.pages.conversations = 2);
    let newer: Vec<_> = (0..2)
        .map(|_| {
            scene.world.advance(secs(1));
            create(&mut scene.world, scene.driver)
        })
        .collect();
    let listed = scene.world.ask(scene.driver, "get_active_conversations", json!({}));
    let ids: Vec<_> =
        listed[0]["conversations"].as_array().unwrap().iter().map(|c| c["id"].clone()).collect();
    assert_eq!(ids, [json!(newer[1]), json!(newer[0])], "newest activity first");
    assert_eq!((&listed[0]["count"], &listed[0]["has_more"]), (&json!(2), &json!(true)));
    let rest = scene.world.ask(scene.driver, "get_active_conversations", json!({"skip": 2}));
    assert_eq!(
        (&rest[0]["conversations"][0]["id"], rest[0].get("has_more")),
        (&json!(scene.conversation), None)
    );
}

#[test]
fn a_list_is_cut_by_participants_too() {
    let mut scene = scene(|limits| limits.pages.conversation_participants = 5);
    create(&mut scene.world, scene.driver);
    create(&mut scene.world, scene.driver);
    let listed = scene.world.ask(scene.driver, "get_active_conversations", json!({}));
    assert_eq!((&listed[0]["count"], &listed[0]["has_more"]), (&json!(2), &json!(true)), "two of each");
}

/// A policy with forty teams that all users are in, and that answer for every conversation.
struct Forty;

impl Teams for Forty {
    fn of_request(&self, _: &SupportRequest<'_>) -> Vec<TeamId> {
        (0..40).rev().map(|number| format!("team_{number:02}").into()).collect()
    }

    fn of_user(&self, _: &User) -> Vec<TeamId> {
        (0..40).rev().map(|number| format!("team_{number:02}").into()).collect()
    }
}

#[test]
fn teams_are_cut_to_the_first_by_name() {
    let scene = Scene::with(Settings { teams: Box::new(Forty), ..unhurried() });
    let export = scene.world.store.export();
    let teams = &export.conversations[scene.conversation.as_str()].conversation.participation.teams;
    let ends = |teams: &[TeamId]| (teams.len(), teams[0].to_string(), teams[teams.len() - 1].to_string());
    assert_eq!(ends(teams), (8, "team_00".into(), "team_07".into()));
    let account = &export.accounts[&staff().id].account;
    assert_eq!(ends(&account.teams), (32, "team_00".into(), "team_31".into()));
}
