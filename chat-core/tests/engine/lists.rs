//! Lists of conversations: brief ones, pages by cursor, and one row alone.

use std::collections::BTreeSet;

use chat_core::engine::{Command, ConnectionId, Settings};
use chat_core::limits::{Limits, RateSetting};
use chat_core::testing::World;
use core_test_support::*;
use serde_json::{Value, json};

fn scene(change: impl FnOnce(&mut Limits)) -> Scene {
    Scene::with(settings(|limits| {
        limits.rates = RateSetting::Lifted;
        change(limits);
    }))
}

fn list(world: &mut World, conn: ConnectionId, data: Value) -> Value {
    let heard = world.ask(conn, "get_active_conversations", data);
    replies(&heard)[0].clone()
}

fn ids(page: &Value) -> Vec<String> {
    let rows = page["conversations"].as_array().unwrap();
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// The driver's conversations, one a second, the newest first.
fn several(scene: &mut Scene, count: usize) -> Vec<String> {
    let more = (1..count).map(|_| {
        scene.world.advance(secs(1));
        create(&mut scene.world, scene.driver)
    });
    let mut all: Vec<_> = more.collect();
    all.insert(0, scene.conversation.clone());
    all.reverse();
    all
}

fn participants(row: &Value) -> Vec<&str> {
    row["participants"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap()).collect()
}

#[test]
fn a_brief_row_names_the_creator_the_members_and_the_last_sender() {
    let mut scene = scene(|_| ());
    for user in [admin(), other_driver(), regulator()] {
        scene.world.connect(&user);
        let conversation = scene.conversation.as_str().into();
        scene.world.command(Command::Enrol { conversation, user: user.id });
    }
    let row =
        |scene: &mut Scene, data| list(&mut scene.world, scene.driver, data)["conversations"][0].clone();
    let brief = json!({"participants": "brief"});
    let first = row(&mut scene, brief.clone());
    assert_eq!(participants(&first), ["driver_1", "driver_2", "regulator_1"]);
    scene.send(scene.staff, "On my way.");
    let then = row(&mut scene, brief.clone());
    assert_eq!(participants(&then), ["driver_1", "driver_2", "regulator_1", "control_1"]);
    assert_eq!(then["participant_count"], 5);
    let whole = row(&mut scene, json!({}));
    assert_eq!(whole["participants"].as_array().unwrap().len(), 5);
    assert!(whole.get("participant_count").is_none(), "it is the document's reply");
}

#[test]
fn a_brief_row_shows_some_members_and_counts_all() {
    let mut scene = scene(|limits| limits.pages.brief_participants = 2);
    for user in [regulator(), other_driver()] {
        scene.world.connect(&user);
        let conversation = scene.conversation.as_str().into();
        scene.world.command(Command::Enrol { conversation, user: user.id });
    }
    let regulator = scene.world.connect(&regulator());
    let brief = json!({"participants": "brief"});
    let row = list(&mut scene.world, regulator, brief.clone())["conversations"][0].clone();
    assert_eq!((participants(&row), &row["participant_count"]), (vec!["driver_1", "driver_2"], &json!(4)));
    scene.send(regulator, "It is me");
    let row = list(&mut scene.world, regulator, brief)["conversations"][0].clone();
    assert_eq!(participants(&row), ["driver_1", "driver_2", "regulator_1"], "the last sender in any case");
}

#[test]
fn a_brief_row_shows_the_first_characters_of_the_last_message() {
    let mut scene = scene(|_| ());
    for (content, shown, cut) in [
        ("😀".repeat(100), "😀".repeat(100), None),
        ("😀".repeat(101), "😀".repeat(100), Some(true)),
        ("e\u{301}".repeat(60), "e\u{301}".repeat(50), Some(true)),
        ("short".to_owned(), "short".to_owned(), None),
    ] {
        scene.send(scene.driver, &content);
        let brief = list(&mut scene.world, scene.driver, json!({"participants": "brief"}));
        let last = &brief["conversations"][0]["last_message"];
        assert_eq!((last["content"].as_str(), last["cut"].as_bool()), (Some(&*shown), cut));
        let whole = list(&mut scene.world, scene.driver, json!({}));
        let last = &whole["conversations"][0]["last_message"];
        assert_eq!((last["content"].as_str(), last.get("cut")), (Some(&*content), None));
    }
}

#[test]
fn a_brief_page_is_cut_by_its_bytes_and_goes_on_behind_its_last_row() {
    let mut scene = scene(|limits| limits.pages.brief_bytes = 3_000);
    let all = several(&mut scene, 12);
    let (mut walked, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = list(&mut scene.world, scene.staff, json!({"participants": "brief", "cursor": cursor}));
        let bytes = page["conversations"].to_string().len();
        assert!(bytes <= 3_000, "{bytes} bytes");
        walked.extend(ids(&page));
        assert!(all.starts_with(&walked), "these pages do not go on behind their last row: {walked:?}");
        pages += 1;
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        assert_eq!(page["has_more"].as_bool(), cursor.as_ref().map(|_| true));
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(walked, all);
    assert!((3..=4).contains(&pages), "{pages} pages");
}

#[test]
fn a_brief_page_is_cut_by_its_conversations() {
    let mut scene = scene(|limits| limits.pages.brief_conversations = 2);
    let all = several(&mut scene, 3);
    for limit in [json!(null), json!(3), json!(i64::MAX)] {
        let data = json!({"participants": "brief", "limit": limit});
        let page = list(&mut scene.world, scene.staff, data);
        assert_eq!((ids(&page), &page["has_more"]), (all[..2].to_vec(), &json!(true)), "{limit}");
    }
}

#[test]
fn a_brief_page_has_one_row_however_long() {
    let mut scene = scene(|limits| limits.pages.brief_bytes = 1);
    let all = several(&mut scene, 2);
    let page = list(&mut scene.world, scene.staff, json!({"participants": "brief"}));
    assert_eq!((ids(&page), &page["has_more"]), (all[..1].to_vec(), &json!(true)));
}

#[test]
fn pages_by_cursor_miss_nothing_and_repeat_nothing_while_others_write() {
    let mut scene = scene(|_| ());
    let all = several(&mut scene, 9);
    let (mut walked, mut live, mut cursor) = (Vec::new(), BTreeSet::new(), None);
    for moved in [8, 4, 0, 7] {
        let page = list(&mut scene.world, scene.staff, json!({"limit": 2, "cursor": cursor}));
        walked.extend(ids(&page));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        scene.world.advance(secs(1));
        let data = about(&all[moved], json!({"content": "at the top"}));
        scene.world.ask(scene.driver, "send_chat_message", data);
        let heard = scene.world.take(scene.staff);
        live.extend(
            of_type(&heard, "new_message").iter().map(|e| e["conversation_id"].as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(walked, [0, 1, 2, 3, 5, 6, 7].map(|stays: usize| all[stays].clone()));
    assert_eq!(cursor, None, "that was all");
    assert_eq!(live, [8, 4, 0, 7].map(|moved| all[moved].clone()).into());
}

#[test]
fn a_cursor_of_another_user_or_history_is_only_a_place() {
    let mut scene = scene(|_| ());
    let all = several(&mut scene, 3);
    let other = scene.world.connect(&other_driver());
    let own = create(&mut scene.world, other);
    let page = list(&mut scene.world, scene.staff, json!({"limit": 2}));
    let cursor = page["next_cursor"].clone();
    let shown = list(&mut scene.world, other, json!({"cursor": cursor.clone()}));
    assert_eq!((ids(&shown), shown.get("next_cursor")), (vec![], None), "only what is its own");
    let shown = list(&mut scene.world, other, json!({"cursor": "p9999999999999"}));
    assert_eq!(ids(&shown), [own], "the list from there on");
    assert_eq!(ids(&list(&mut scene.world, scene.staff, json!({"cursor": cursor}))), all[1..]);
}

#[test]
fn the_page_after_skipped_ones_has_a_cursor_too() {
    let mut scene = scene(|_| ());
    let all = several(&mut scene, 5);
    let page = list(&mut scene.world, scene.driver, json!({"skip": 1, "limit": 2}));
    assert_eq!(ids(&page), all[1..3]);
    let rest = list(&mut scene.world, scene.driver, json!({"cursor": page["next_cursor"]}));
    assert_eq!((ids(&rest), rest.get("next_cursor")), (all[3..].to_vec(), None));
}

#[test]
fn one_conversation_is_shown_as_in_the_list_active_or_not() {
    let mut scene = scene(|_| ());
    scene.send(scene.staff, "Which road?");
    for form in [json!({}), json!({"participants": "brief"})] {
        let data = scene.data(form.clone());
        let row = list(&mut scene.world, scene.driver, data);
        let listed = list(&mut scene.world, scene.driver, form);
        assert_eq!(row, listed, "it is the only one");
        assert!(row.get("next_cursor").is_none() && row.get("has_more").is_none());
    }
    scene.world.advance(secs(31 * 24 * 3_600));
    let again = scene.world.connect(&driver());
    assert_eq!(ids(&list(&mut scene.world, again, json!({}))).len(), 0, "it is no longer active");
    let data = scene.data(json!({}));
    let row = list(&mut scene.world, again, data.clone());
    assert_eq!((&row["count"], &row["conversations"][0]["status"]), (&json!(1), &json!("INACTIVE")));
    let stranger = scene.world.connect(&other_driver());
    assert_eq!(list(&mut scene.world, stranger, data), not_found());
}

#[test]
fn a_server_with_a_name_says_so_in_its_lists() {
    let mut named = Scene::with(Settings { server: Some("node 1".into()), ..unhurried() });
    let mut nameless = Scene::with(unhurried());
    let brief = json!({"participants": "brief"});
    let served_by = |scene: &mut Scene, data| list(&mut scene.world, scene.driver, data)["served_by"].clone();
    assert_eq!(served_by(&mut named, json!({})), "node 1");
    assert_eq!(served_by(&mut named, brief), "node 1");
    assert_eq!(served_by(&mut nameless, json!({})), Value::Null);
}
