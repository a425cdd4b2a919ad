//! The end of the service: requests under way are finished, and each client is told once.

use chat_core::engine::{Command, Input};
use chat_core::protocol::CloseCode;
use chat_core::testing::world::Answer;
use core_test_support::*;

#[test]
fn what_is_under_way_is_finished_and_then_each_connection_is_told() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.driver, "one");
    scene.put(scene.driver, "two");
    let command = scene.world.command(Command::Import(admin()));
    scene.world.input(Input::Drain);
    assert_eq!(closed(&scene.world, scene.staff), Some(CloseCode::GoingAway), "nothing of it is under way");
    assert_eq!(closed(&scene.world, scene.driver), None);
    assert!(!scene.world.drained);
    scene.world.settle();
    let heard = scene.world.take(scene.driver);
    assert_eq!(replies(&heard).len(), 2);
    assert_eq!(live_seqs(&heard), [2, 3]);
    assert_eq!(closed(&scene.world, scene.driver), Some(CloseCode::GoingAway));
    assert!(scene.world.answers[&command].is_ok());
    assert!(scene.world.drained);
}

#[test]
fn who_comes_while_the_service_stops_is_sent_away() {
    let mut scene = Scene::new();
    scene.world.input(Input::Drain);
    let late = scene.world.connect(&other_driver());
    assert_eq!(closed(&scene.world, late), Some(CloseCode::GoingAway));
    assert!(scene.world.take(late).is_empty());
    scene.world.drained = false;
    scene.world.input(Input::Drain);
    assert!(!scene.world.drained, "said once");
}

#[test]
fn a_connection_that_keeps_asking_does_not_keep_the_service_up() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.driver, "under way");
    scene.world.input(Input::Drain);
    scene.put(scene.driver, "too late");
    answer_commit(&mut scene.world, Answer::Good);
    assert_eq!(replies(&scene.world.take(scene.driver)).len(), 1);
    assert_eq!(closed(&scene.world, scene.driver), Some(CloseCode::GoingAway));
    assert!(scene.world.drained);
    assert_eq!(scene.ids().len(), 2);
}

#[test]
fn a_connection_that_is_being_admitted_is_told_too() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    let new = scene.world.connect(&other_driver());
    scene.world.input(Input::Drain);
    scene.world.settle();
    assert_eq!(closed(&scene.world, new), Some(CloseCode::GoingAway));
    assert!(scene.world.drained);
}

#[test]
fn who_is_seen_off_gets_all_that_is_under_way_and_the_others_go_on() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.driver, "under way");
    scene.world.input(Input::Disconnect { conn: scene.driver, code: CloseCode::TryAgainLater });
    scene.put(scene.driver, "too late");
    assert_eq!(closed(&scene.world, scene.driver), None);
    scene.world.settle();
    assert_eq!(replies(&scene.world.take(scene.driver)).len(), 1);
    assert_eq!(closed(&scene.world, scene.driver), Some(CloseCode::TryAgainLater));
    scene.world.hold = false;
    scene.put(scene.staff, "still here");
    assert_eq!(replies(&scene.world.take(scene.staff)).len(), 1);
    assert_eq!((closed(&scene.world, scene.staff), scene.world.drained), (None, false));
    assert_eq!(scene.ids().len(), 3);
}
