//! A client with a last `seq` gets all later messages, without a gap before live events (P4).

use chat_core::engine::Input;
use chat_core::limits::Limits;
use chat_core::testing::world::{Answer, Question};
use core_test_support::*;
use serde_json::{Value, json};

fn join(scene: &mut Scene, after: u64, epoch: Option<&str>) -> Value {
    let data = scene.data(json!({"after_seq": after, "epoch": epoch}));
    let heard = scene.world.ask(scene.staff, "join_conversation", data);
    assert_eq!(heard.len(), 1);
    heard[0].clone()
}

fn seqs(reply: &Value) -> Vec<u64> {
    reply["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap()).collect()
}

fn with_messages(count: usize, change: impl FnOnce(&mut Limits)) -> Scene {
    let mut scene = Scene::with(settings(|limits| {
        limits.rates = chat_core::limits::RateSetting::Lifted;
        change(limits);
    }));
    for number in 1..count {
        scene.send(scene.driver, &format!("message {number}"));
    }
    scene.world.take(scene.staff);
    scene
}

#[test]
fn what_is_lacking_comes_with_the_reply() {
    let mut scene = with_messages(5, |_| ());
    let reply = join(&mut scene, 3, Some("epoch_1"));
    assert_eq!(seqs(&reply), [4, 5]);
    let rest = (&reply["last_seq"], &reply["epoch"], &reply["complete"], reply.get("reset"));
    assert_eq!(rest, (&json!(5), &json!("epoch_1"), &json!(true), None));
    assert_eq!(reply["messages"][0]["conversation_id"], json!(scene.conversation));
    assert_eq!(seqs(&join(&mut scene, 5, None)), [] as [u64; 0]);
    assert_eq!(seqs(&join(&mut scene, 0, None)), [1, 2, 3, 4, 5]);
}

#[test]
fn numbers_of_another_history_are_reset() {
    let mut scene = with_messages(5, |limits| limits.pages.catch_up_messages = 3);
    for (after, epoch) in [(4, Some("epoch_0")), (6, None), (u64::from(u32::MAX), Some("epoch_1"))] {
        let reply = join(&mut scene, after, epoch);
        assert_eq!(seqs(&reply), [3, 4, 5], "the newest page");
        assert_eq!(
            (&reply["reset"], &reply["complete"], &reply["last_seq"]),
            (&json!(true), &json!(true), &json!(5))
        );
    }
    assert_eq!(scene.world.engine.stats().joins_beyond, 1, "only the epoch makes it a sign");
}

#[test]
fn it_is_paged_until_it_is_complete() {
    let mut scene = with_messages(8, |limits| limits.pages.catch_up_messages = 3);
    let (mut held, mut pages) = (0, Vec::new());
    loop {
        let reply = join(&mut scene, held, Some("epoch_1"));
        assert_eq!(reply["last_seq"], 8);
        pages.push(seqs(&reply));
        held = *pages.last().unwrap().last().unwrap();
        if reply["complete"] == true {
            break;
        }
    }
    assert_eq!(pages, [vec![1, 2, 3], vec![4, 5, 6], vec![7, 8]]);
    let mut scene = with_messages(4, |limits| limits.pages.catch_up_bytes = 20);
    assert_eq!(seqs(&join(&mut scene, 1, None)), [2, 3], "nine bytes each");
}

#[test]
fn it_is_cut_by_the_bytes_that_json_makes_of_text() {
    let mut scene = with_messages(1, |limits| limits.pages.catch_up_bytes = 40);
    (0..4).for_each(|_| drop(scene.send(scene.driver, "\u{1}\u{1}\u{1}")));
    scene.world.take(scene.staff);
    let reply = join(&mut scene, 1, None);
    assert_eq!((seqs(&reply), &reply["complete"]), (vec![2, 3], &json!(false)), "18 bytes each");
    assert_eq!(seqs(&join(&mut scene, 3, None)), [4, 5]);
    assert_eq!(seqs(&join(&mut scene, 9, None)), [4, 5], "the newest");
    let mut scene = with_messages(1, |limits| limits.pages.catch_up_bytes = 1);
    assert_eq!(seqs(&join(&mut scene, 0, None)), [1], "one in any case");
}

/// The order of a catch-up's load and a commit.
#[test]
fn nothing_falls_between_the_reply_and_live_events() {
    for stale in [true, false] {
        for sent_before in [true, false] {
            let mut scene = with_messages(3, |limits| limits.engine.cached_conversations = 1);
            scene.world.hold = true;
            if sent_before {
                scene.put(scene.driver, "its commit is under way");
            }
            let data = scene.data(json!({"after_seq": 1}));
            scene.world.request(scene.staff, "join_conversation", data);
            let load = scene.world.questions.iter().position(|q| matches!(q, Question::Load(..))).unwrap();
            let Question::Load(ticket, query) = scene.world.questions.remove(load) else { unreachable!() };
            let early = scene.world.store.answer(query.clone());
            scene.put(scene.driver, "meanwhile");
            scene.world.settle();
            assert!(scene.world.take(scene.staff).is_empty(), "live events wait for the reply");
            let facts = if stale { early } else { scene.world.store.answer(query) };
            scene.world.input(Input::Loaded { ticket, result: Ok(facts) });
            scene.world.settle();
            scene.put(scene.driver, "afterwards");
            scene.world.settle();

            let heard = scene.world.take(scene.staff);
            assert_eq!(heard[0]["success"], true);
            let last = heard[0]["last_seq"].as_u64().unwrap();
            let all = scene.ids().len() as u64;
            let mut known = seqs(&heard[0]);
            let live = live_seqs(&heard);
            assert!(live.is_sorted_by(|a, b| a < b), "each once, rising: {live:?}");
            known.extend(live.iter().filter(|seq| **seq > last));
            assert_eq!(known, (2..=all).collect::<Vec<_>>());
        }
    }
}

#[test]
fn what_was_sent_before_is_covered() {
    let mut scene = with_messages(3, |_| ());
    scene.world.hold = true;
    scene.put(scene.staff, "mine");
    let data = scene.data(json!({"after_seq": 3}));
    scene.world.request(scene.staff, "join_conversation", data);
    assert!(!scene.world.questions.iter().any(|q| matches!(q, Question::Load(..))), "reads after the write");
    scene.world.settle();
    let heard = scene.world.take(scene.staff);
    assert_eq!(live_seqs(&heard[..2]), [4]);
    assert_eq!((&heard[2]["last_seq"], seqs(&heard[2])), (&json!(4), vec![4]));
}

#[test]
fn live_events_of_a_new_connection_wait_for_its_admission() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    let new = scene.world.connect(&staff());
    scene.put(scene.driver, "while it is admitted");
    answer_commit(&mut scene.world, Answer::Good);
    assert!(scene.world.take(new).is_empty(), "P5: who is not yet admitted hears a message");
    scene.world.settle();
    assert_eq!(live_seqs(&scene.world.take(new)), [2]);
}

#[test]
fn a_store_that_does_not_answer_holds_nothing_back_for_good() {
    let mut scene = with_messages(3, |_| ());
    scene.world.hold = true;
    let data = scene.data(json!({"after_seq": 1}));
    scene.world.request(scene.staff, "join_conversation", data);
    scene.put(scene.driver, "live");
    answer_commit(&mut scene.world, Answer::Good);
    scene.world.answer(0, Answer::Lost);
    let heard = scene.world.take(scene.staff);
    assert_eq!((&heard[0]["code"], live_seqs(&heard)), (&json!("unavailable"), vec![4]));
}
