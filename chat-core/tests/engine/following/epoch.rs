//! Another epoch in the place of the history that was told.

use chat_core::engine::{Command, Engine, Input, Output};
use chat_core::protocol::CloseCode;
use chat_core::store::{Position, UnavailableError};
use chat_core::time::Now;
use core_test_support::{closed, driver, unhurried};

use super::Shared;

/// Has the store lose everything after the position that the engine here has heard, less one.
fn lose(shared: &mut Shared) {
    let heard = shared.two.here.engine.heard();
    shared.two.here.store.lose_after(Position(heard.0 - 1), "epoch_2");
    let followed = shared.two.here.store.follow(heard);
    shared.two.here.input(Input::Heard { result: Ok(followed) });
}

#[test]
fn another_epoch_ends_every_connection() {
    let mut shared = Shared::new();
    lose(&mut shared);
    for conn in [shared.staff, shared.driver] {
        assert_eq!(closed(&shared.two.here, conn), Some(CloseCode::GoingAway));
    }
    assert!(shared.two.here.drained);
    let late = shared.two.here.connect(&driver());
    assert_eq!(closed(&shared.two.here, late), Some(CloseCode::GoingAway));
}

#[test]
fn an_engine_ends_before_it_has_loaded_anything_too() {
    let mut engine = Engine::new(unhurried(), [7; 32]);
    let Some(Output::Load { ticket, .. }) = engine.poll() else {
        panic!("an engine loads the directory first")
    };
    let error = UnavailableError::past_epoch();
    engine.handle(Now::default(), Input::Loaded { ticket, result: Err(error) });
    let outputs: Vec<_> = std::iter::from_fn(|| engine.poll()).collect();
    assert!(matches!(outputs[..], [Output::Drained]), "{outputs:?}");
}

#[test]
fn an_answer_of_the_old_epoch_is_not_told() {
    let mut shared = Shared::new();
    shared.say_there("two");
    let id = shared
        .two
        .here
        .command(Command::Enrol { conversation: shared.conversation.as_str().into(), user: driver().id });
    shared.say(shared.driver, "three");
    assert!(!shared.two.here.answers.contains_key(&id), "its facts wait for the history");
    lose(&mut shared);
    assert_eq!(
        shared.two.here.answers[&id].as_ref().map_err(|error| error.code.as_str()),
        Err("unavailable")
    );
    assert!(shared.two.here.take(shared.driver).is_empty());
    assert!(shared.two.here.drained);
}
