//! The ready texts of each role.

use std::sync::Arc;

use chat_core::engine::{Input, Settings};
use chat_core::phrases::{PhraseSetting, PhraseText, Phrases};
use chat_core::protocol::{PhraseKind, Role};
use core_test_support::*;
use serde_json::json;

fn phrases(version: &str, title: &str) -> Arc<Phrases> {
    let text = PhraseText { title: title.into(), content: "I am late.".into() };
    let late = PhraseSetting {
        id: "late".into(),
        roles: vec![Role::BusDriver],
        kind: PhraseKind::Request,
        emergency: false,
        texts: [("en".into(), text)].into(),
    };
    Arc::new(Phrases::new(version, "en", vec![late]).unwrap())
}

#[test]
fn phrases_are_shown_to_their_role_and_new_ones_replace_them() {
    let mut scene = Scene::with(Settings { phrases: phrases("1", "Late"), ..unhurried() });
    let (driver, staff) = (scene.driver, scene.staff);
    let reply = scene.world.ask(driver, "get_phrases", json!({}))[0].clone();
    let phrase = json!({
        "id": "late", "roles": ["BUS_DRIVER"], "kind": "request", "language": "en", "title": "Late",
        "content": "I am late.", "emergency": false,
    });
    assert_eq!(reply, json!({"success": true, "phrases": [phrase], "version": "1"}));
    let of_control = scene.world.ask(staff, "get_phrases", json!({"language": "de"}))[0].clone();
    assert_eq!(of_control, json!({"success": true, "phrases": [], "version": "1"}));
    scene.world.input(Input::Phrases(phrases("2", "Delayed")));
    let reply = scene.world.ask(driver, "get_phrases", json!({}))[0].clone();
    assert_eq!((&reply["version"], &reply["phrases"][0]["title"]), (&json!("2"), &json!("Delayed")));
}
