//! The lists of conversations by their work.

use chat_core::engine::{Command, ConnectionId};
use core_test_support::*;
use serde_json::{Value, json};

fn list(scene: &mut Scene, conn: ConnectionId, list: &str, more: Value) -> Value {
    let mut data = more;
    data["work"] = list.into();
    let heard = scene.world.ask(conn, "get_active_conversations", data);
    replies(&heard)[0].clone()
}

fn ids(page: &Value) -> Vec<String> {
    let rows = page["conversations"].as_array().unwrap_or_else(|| panic!("no list: {page}"));
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// An admin, and three conversations of the driver's, one a second.
fn scene() -> (Scene, ConnectionId, [String; 3]) {
    let mut scene = Scene::new();
    let admin = scene.world.connect(&admin());
    let first = scene.conversation.clone();
    let others = [(); 2].map(|()| {
        scene.world.advance(secs(1));
        create(&mut scene.world, scene.driver)
    });
    let [second, third] = others;
    (scene, admin, [first, second, third])
}

#[test]
fn each_list_shows_its_conversations_and_counts_all() {
    let (mut scene, admin, [first, second, third]) = scene();
    let staff = scene.staff;
    let counts = |waiting, mine, others, resolved| json!({"waiting": waiting, "mine": mine, "others": others, "resolved": resolved});
    let waiting = list(&mut scene, staff, "waiting", json!({}));
    assert_eq!(ids(&waiting), [first.clone(), second.clone(), third.clone()], "the longest first");
    assert_eq!((&waiting["work_counts"], &waiting["count"]), (&counts(3, 0, 0, 0), &json!(3)));
    for (id, kind, version) in [(&first, "take", 0), (&second, "take", 0), (&second, "resolve", 2)] {
        let data = about(id, json!({"version": version}));
        scene.world.ask(staff, &format!("{kind}_conversation"), data);
    }
    for (conn, mine, others) in [(staff, vec![first.clone()], vec![]), (admin, vec![], vec![first.clone()])] {
        let expected = counts(1, mine.len(), others.len(), 1);
        let lists = [
            ("waiting", vec![third.clone()]),
            ("mine", mine),
            ("others", others),
            ("resolved", vec![second.clone()]),
        ];
        for (name, rows) in lists {
            let brief = list(&mut scene, conn, name, json!({"participants": "brief"}));
            assert_eq!((ids(&brief), &brief["work_counts"]), (rows, &expected), "{name}");
        }
    }
    let all = scene.world.ask(staff, "get_active_conversations", json!({}));
    let all = replies(&all)[0].clone();
    assert_eq!(ids(&all), [third, second, first], "the document's list has resolved ones too");
    assert!(all["work_counts"].is_null());
}

#[test]
fn a_list_by_work_goes_on_from_its_cursor() {
    let (mut scene, _, all) = scene();
    let (staff, mut data, mut found) = (scene.staff, json!({"limit": 1}), Vec::new());
    loop {
        let page = list(&mut scene, staff, "waiting", data.clone());
        found.extend(ids(&page));
        assert_eq!(page["has_more"].is_null(), page["next_cursor"].is_null());
        if page["next_cursor"].is_null() {
            break;
        }
        data["cursor"] = page["next_cursor"].clone();
    }
    assert_eq!(found, all);
}

#[test]
fn a_silent_conversation_is_in_no_list_unless_it_is_ones_own() {
    let (mut scene, _, [first, ..]) = scene();
    let data = about(&first, json!({"version": 0}));
    scene.world.ask(scene.staff, "take_conversation", data);
    scene.world.advance(secs(31 * 24 * 3_600));
    // The connections of before have ended with their tokens.
    let [staff, admin] = [staff(), admin()].map(|user| scene.world.connect(&user));
    assert_eq!(ids(&list(&mut scene, staff, "waiting", json!({}))), [] as [&str; 0]);
    assert_eq!(ids(&list(&mut scene, admin, "others", json!({}))), [] as [&str; 0]);
    assert_eq!(ids(&list(&mut scene, staff, "mine", json!({}))), [first]);
}

#[test]
fn work_of_an_assignee_who_is_gone_waits() {
    let (mut scene, admin, [first, ..]) = scene();
    let data = about(&first, json!({"version": 0}));
    let staff = scene.staff;
    scene.world.ask(staff, "take_conversation", data);
    scene.world.command(Command::Deactivate("control_1".into()));
    scene.world.settle();
    scene.world.take(admin);
    let waiting = list(&mut scene, admin, "waiting", json!({}));
    assert_eq!(ids(&waiting)[0], first, "at its old place");
    assert_eq!(waiting["conversations"][0]["work"]["assignee"], Value::Null);
    assert_eq!(waiting["work_counts"]["others"], 0);
}

#[test]
fn lists_by_work_are_a_matter_of_control() {
    let (mut scene, ..) = scene();
    let driver = scene.driver;
    assert_eq!(list(&mut scene, driver, "waiting", json!({}))["code"], "forbidden");
}
