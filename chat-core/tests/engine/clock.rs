//! A wall clock that is set while the engine runs: periods go by the monotonic time, and `sent_at`
//! never falls.

use chat_core::protocol::CloseCode;
use chat_core::testing::World;
use chat_core::testing::world::START as START_TIME;
use chat_core::time::Timestamp;
use core_test_support::*;
use serde_json::Value;

/// An hour, in seconds.
const HOUR: u64 = 3_600;

/// The clock set back and set forward.
fn settings_of_the_clock() -> [Timestamp; 2] {
    [START_TIME.minus(secs(HOUR)), START_TIME.plus(secs(HOUR))]
}

#[test]
fn the_time_of_messages_never_falls() {
    let mut scene = Scene::new();
    for (content, wall) in ["back", "forward", "back again"].into_iter().zip([
        START_TIME.minus(secs(HOUR)),
        START_TIME.plus(secs(HOUR)),
        START_TIME,
    ]) {
        scene.world.set_wall(wall);
        assert_eq!(scene.send(scene.driver, content)[0]["success"], true);
    }
    let export = scene.world.store.export();
    let times: Vec<_> =
        export.conversations[scene.conversation.as_str()].messages.iter().map(|row| row.sent_at).collect();
    let forward = START_TIME.plus(secs(HOUR));
    assert_eq!(times, [START_TIME, START_TIME, forward, forward]);
    let heard = scene.world.take(scene.staff);
    let heard: Vec<Value> =
        of_type(&heard, "new_message").iter().map(|frame| frame["message"]["sent_at"].clone()).collect();
    assert!(heard.is_sorted_by_key(Value::to_string), "{heard:?}");
}

#[test]
fn typing_ends_when_it_would_have() {
    for wall in settings_of_the_clock() {
        let mut scene = Scene::new();
        scene.typing(scene.driver, true);
        scene.world.set_wall(wall);
        scene.world.take(scene.staff);
        scene.world.advance(secs(9));
        assert!(scene.world.take(scene.staff).is_empty());
        scene.world.advance(secs(1));
        let told = scene.world.take(scene.staff);
        assert_eq!(of_type(&told, "typing_status")[0]["is_typing"], false);
    }
}

#[test]
fn rates_are_what_they_were() {
    for wall in settings_of_the_clock() {
        let mut scene = Scene::with(settings(|_| ()));
        scene.world.advance(secs(60));
        (0..60).for_each(|_| assert_eq!(scene.send(scene.driver, "burst")[0]["success"], true));
        scene.world.set_wall(wall);
        let refused = scene.send(scene.driver, "one too many");
        assert_eq!(
            (&refused[0]["code"], &refused[0]["retry_after_ms"]),
            (&"rate_limited".into(), &100.into())
        );
        scene.world.advance(secs(1));
        let sent = (0..20).filter(|_| scene.send(scene.driver, "more")[0]["success"] == true).count();
        assert_eq!(sent, 10);
    }
}

#[test]
fn a_session_lasts_as_long_as_it_would_have() {
    for wall in settings_of_the_clock() {
        let mut world = World::new(unhurried());
        let conn = world.connect_for(&driver(), secs(60));
        world.set_wall(wall);
        world.advance(secs(89));
        assert_eq!(closed(&world, conn), None);
        world.advance(secs(1));
        assert_eq!(closed(&world, conn), Some(CloseCode::TokenExpired));
    }
}
