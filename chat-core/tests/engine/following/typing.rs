//! Typing at another engine.

use std::mem::take;

use chat_core::engine::{Command, Input};
use chat_core::testing::World;
use core_test_support::{Scene, driver, of_type, secs};
use serde_json::json;

use super::Shared;

impl Shared {
    fn typing(&self, is_typing: bool) -> serde_json::Value {
        json!({"conversation_id": self.conversation, "is_typing": is_typing})
    }

    /// Has the driver type at the other engine, which tells this one.
    fn type_there(&mut self, is_typing: bool) {
        let (conn, data) = (self.driver_there, self.typing(is_typing));
        self.two.there(|world| world.request(conn, "typing_indicator", data));
        self.hear_hints();
    }

    fn hear_hints(&mut self) {
        for hint in take(&mut self.two.there.hints) {
            self.two.here.input(Input::TypingHint(hint));
        }
    }

    /// The driver's typing states that control has heard here since the last call.
    fn told(&mut self) -> Vec<bool> {
        let heard = self.two.here.take(self.staff);
        of_type(&heard, "typing_status").iter().map(|frame| frame["is_typing"].as_bool().unwrap()).collect()
    }
}

#[test]
fn typing_elsewhere_is_shown_here_and_not_told_again() {
    let mut shared = Shared::new();
    shared.type_there(true);
    assert_eq!(shared.told(), [true]);
    shared.type_there(false);
    assert_eq!(shared.told(), [false]);
    assert_eq!(shared.two.here.hints, [], "a hint is no reason for another one");
}

#[test]
fn it_ends_after_ten_seconds_without_a_word() {
    let mut shared = Shared::new();
    shared.type_there(true);
    shared.two.here.advance(secs(4));
    shared.two.there.advance(secs(4));
    shared.type_there(true);
    assert_eq!(shared.told(), [true, true], "a refresh is a hint, too");
    shared.two.here.advance(secs(9));
    assert_eq!(shared.told(), [] as [bool; 0]);
    shared.two.here.advance(secs(1));
    assert_eq!(shared.told(), [false]);
}

#[test]
fn a_user_types_while_any_engine_says_so() {
    let mut shared = Shared::new();
    shared.type_there(true);
    shared.two.here.request(shared.driver, "typing_indicator", shared.typing(true));
    shared.type_there(false);
    assert_eq!(shared.told(), [true]);
    shared.two.here.request(shared.driver, "typing_indicator", shared.typing(false));
    assert_eq!(shared.told(), [false]);
}

#[test]
fn a_message_there_ends_it_here() {
    let mut shared = Shared::new();
    shared.type_there(true);
    shared.say_there("two");
    shared.hear_hints();
    shared.two.here.hear();
    assert_eq!(shared.told(), [true, false]);
}

#[test]
fn a_hint_that_comes_after_the_user_was_withdrawn_is_not_shown() {
    let mut shared = Shared::new();
    let (conn, data) = (shared.driver_there, shared.typing(true));
    shared.two.there(|world| world.request(conn, "typing_indicator", data));
    let (conversation, user) = (shared.conversation.as_str().into(), driver().id);
    shared.two.here.command(Command::Withdraw { conversation, user });
    assert_eq!(shared.two.there.hints.len(), 1);
    shared.hear_hints();
    assert_eq!(shared.told(), [] as [bool; 0]);
}

#[test]
fn the_own_hint_is_no_news() {
    let mut shared = Shared::new();
    shared.two.here.request(shared.driver, "typing_indicator", shared.typing(true));
    let own = take(&mut shared.two.here.hints).remove(0);
    shared.two.here.input(Input::TypingHint(own));
    shared.two.here.request(shared.driver, "typing_indicator", shared.typing(false));
    assert_eq!(shared.told(), [true, false]);
}

#[test]
fn the_engine_of_a_store_of_its_own_gives_no_hints() {
    let mut scene = Scene::new();
    scene.typing(scene.driver, true);
    let World { hints, .. } = &scene.world;
    assert_eq!(*hints, []);
}
