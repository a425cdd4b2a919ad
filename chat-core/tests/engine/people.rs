//! The people that control may write to.

use chat_core::engine::{Command, ConnectionId};
use chat_core::limits::RateSetting;
use chat_core::protocol::{Role, User};
use core_test_support::*;
use serde_json::{Value, json};

fn find(scene: &mut Scene, conn: ConnectionId, data: Value) -> Value {
    scene.world.ask(conn, "get_people", data)[0].clone()
}

fn ids(page: &Value) -> Vec<&str> {
    page["people"].as_array().unwrap().iter().map(|person| person["id"].as_str().unwrap()).collect()
}

#[test]
fn people_are_found_by_name_and_role_and_show_who_is_connected() {
    let mut scene = Scene::new();
    let staff = scene.staff;
    for user in [other_driver(), regulator(), admin()] {
        scene.world.command(Command::Import(user));
    }
    scene.world.command(Command::ImportInactive(named("driver_3", Role::BusDriver, "Jo", "Old")));
    let found = find(&mut scene, staff, json!({"find": "jo"}));
    let person = |id: &str, first: &str, last: &str, connected: bool| json!({"id": id, "first_name": first, "last_name": last, "role": "BUS_DRIVER", "connected": connected});
    let people = [person("driver_1", "John", "Doe", true), person("driver_2", "Joan", "Roe", false)];
    assert_eq!(found, json!({"success": true, "people": people}));
    let everybody = find(&mut scene, staff, json!({}));
    assert_eq!(ids(&everybody), ["control_1", "control_2", "driver_1", "driver_2", "regulator_1"]);
    let regulators = find(&mut scene, staff, json!({"role": "QUEUE_REGULATOR"}));
    assert_eq!(ids(&regulators), ["regulator_1"]);
    let driver = scene.driver;
    assert_eq!(find(&mut scene, driver, json!({}))["code"], "forbidden");
    scene.world.disconnect(driver);
    let found = find(&mut scene, staff, json!({"find": "JOHN D"}));
    assert_eq!(found["people"], json!([person("driver_1", "John", "Doe", false)]));
}

#[test]
fn a_page_of_people_is_bounded_and_goes_on() {
    let mut scene = Scene::with(settings(|limits| {
        limits.rates = RateSetting::Lifted;
        limits.pages.people_default = 2;
        limits.pages.people_most = 3;
        limits.pages.people_searched = 4;
    }));
    let staff = scene.staff;
    for number in 0..8 {
        let role = if number == 7 { Role::QueueRegulator } else { Role::BusDriver };
        scene.world.command(Command::Import(User::new(format!("u{number}"), role)));
    }
    assert_eq!(ids(&find(&mut scene, staff, json!({}))).len(), 2);
    assert_eq!(ids(&find(&mut scene, staff, json!({"limit": 9}))).len(), 3);
    for (data, expected) in [
        (json!({}), &["control_1", "driver_1", "u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"][..]),
        (json!({"role": "QUEUE_REGULATOR"}), &["u7"]),
        (json!({"find": "nobody"}), &[]),
    ] {
        let (mut found, mut pages, mut data) = (Vec::new(), 0, data);
        loop {
            let page = find(&mut scene, staff, data.clone());
            found.extend(ids(&page).into_iter().map(str::to_owned));
            pages += 1;
            if page["next_cursor"].is_null() {
                break;
            }
            data["cursor"] = page["next_cursor"].clone();
        }
        assert_eq!(found, expected, "{data}");
        assert!(pages >= 3, "ten accounts are searched in steps of four: {pages}");
    }
}
