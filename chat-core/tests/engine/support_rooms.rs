//! Rooms say of which requests for help a control user is told, and never filter messages.

use chat_core::engine::ConnectionId;
use chat_core::protocol::User;
use chat_core::testing::World;
use core_test_support::*;
use serde_json::{Value, json};

fn ask_for_help(world: &mut World, conn: ConnectionId, room: Option<&str>) {
    let mut data = json!({"title": "t", "content": "c"});
    if let Some(room) = room {
        data["room_type"] = Value::from(room);
    }
    assert_eq!(world.ask(conn, "create_support_conversation", data)[0]["success"], true);
}

#[test]
fn a_connection_is_told_of_what_its_rooms_cover() {
    let told = |rooms: &[&str], creator: &User, filed: Option<&str>| {
        let mut world = World::new(unhurried());
        let staff = world.connect(&staff());
        for room in rooms {
            world.ask(staff, "join_support_room", json!({"room_type": room}));
        }
        let creator = world.connect(creator);
        ask_for_help(&mut world, creator, filed);
        let heard = world.take(staff);
        assert_eq!(live_seqs(&heard), [1], "messages are not filtered");
        of_type(&heard, "new_support_conversation").len()
    };
    let (general, emergency) = ("general_support", "emergency_support");
    let (drivers, regulators) = ("driver_support", "regulator_support");
    assert_eq!(told(&[], &driver(), None), 1);
    assert_eq!(told(&[general], &regulator(), None), 1);
    assert_eq!(told(&[drivers], &driver(), None), 1);
    assert_eq!(told(&[drivers], &driver(), Some(general)), 1);
    assert_eq!(told(&[drivers], &regulator(), None), 0);
    assert_eq!(told(&[regulators], &regulator(), None), 1);
    assert_eq!(told(&[regulators], &driver(), None), 0);
    assert_eq!(told(&[emergency], &driver(), None), 0);
    assert_eq!(told(&[emergency], &driver(), Some(emergency)), 1);
    assert_eq!(told(&[regulators], &driver(), Some(emergency)), 1, "emergencies reach everyone");
    assert_eq!(told(&[drivers, regulators, drivers], &regulator(), None), 1, "told once");
}

#[test]
fn rooms_are_joined_by_one_connection_and_end_with_it() {
    let mut scene = Scene::new();
    let other = scene.world.connect(&staff());
    scene.world.ask(scene.staff, "join_support_room", json!({"room_type": "regulator_support"}));
    ask_for_help(&mut scene.world, scene.driver, None);
    let heard = |world: &mut World, conn| of_type(&world.take(conn), "new_support_conversation").len();
    assert_eq!((heard(&mut scene.world, scene.staff), heard(&mut scene.world, other)), (0, 1));
    scene.world.disconnect(scene.staff);
    let again = scene.world.connect(&staff());
    ask_for_help(&mut scene.world, scene.driver, None);
    assert_eq!(heard(&mut scene.world, again), 1);
}

#[test]
fn an_emergency_is_shown_in_lists() {
    let mut scene = Scene::new();
    ask_for_help(&mut scene.world, scene.driver, Some("emergency_support"));
    let regulator = scene.world.connect(&regulator());
    ask_for_help(&mut scene.world, regulator, None);
    let listed = scene.world.ask(scene.staff, "get_active_conversations", json!({}));
    let mut rooms: Vec<_> =
        listed[0]["conversations"].as_array().unwrap().iter().map(|c| c["room_type"].clone()).collect();
    rooms.sort_by_key(Value::to_string);
    assert_eq!(rooms, ["driver_support", "emergency_support", "regulator_support"]);
}
