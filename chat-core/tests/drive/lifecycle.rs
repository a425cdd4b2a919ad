//! How connections and the whole service begin and end.

use chat_core::drive::{Frame, SessionEnd, StoppedError, join};
use chat_core::engine::{Claims, Command};
use chat_core::id::UserId;
use chat_core::protocol::{CloseCode, ErrorCode, User};
use chat_core::store::{Event, Position};
use chat_core::time::{Monotonic, Timestamp};
use core_test_support::chat::{Chat, Client, as_json};
use core_test_support::{
    admin, driver, live_seqs, of_type, other_driver, regulator, secs, settings, staff, unhurried,
};
use futures::channel::mpsc;
use futures::task::LocalSpawnExt;
use futures::{FutureExt, SinkExt};
use serde_json::json;

#[test]
fn live_events_wait_in_a_session_until_it_runs() {
    let mut chat = Chat::new(unhurried());
    let mut sender = chat.connect(&driver(), 10);
    let conversation = chat.create(&mut sender);
    let session = chat.session(&driver());
    sender.send(&conversation, "before it runs");
    chat.settle();
    let (said, mut hears) = mpsc::channel(10);
    let silent = futures::stream::pending::<Result<Frame, mpsc::SendError>>();
    let run = session.run(join(silent, said));
    let ended = run.map(|_| ());
    chat.pool.spawner().spawn_local(ended).unwrap();
    chat.settle();
    assert_eq!(as_json(&hears.try_recv().unwrap()).unwrap()["message"]["seq"], 2);
}

#[test]
fn dropping_a_session_closes_its_connection() {
    let mut chat = Chat::new(unhurried());
    let mut reader = chat.connect(&staff(), 10);
    let mut sender = chat.connect(&driver(), 10);
    let conversation = chat.create(&mut sender);
    sender.request("typing_indicator", &json!({"conversation_id": conversation, "is_typing": true}));
    let heard = chat.hear_json(&mut reader);
    assert_eq!(of_type(&heard, "typing_status").len(), 1);
    sender.hang_up();
    let heard = chat.hear_json(&mut reader);
    assert_eq!(of_type(&heard, "typing_status")[0]["is_typing"], false);
    assert_eq!(*sender.ended.borrow(), Some(SessionEnd::ByPeer));
}

/// A new user's session whose peer has sent these frames and has left, all before admission. The
/// peer may read nothing any more.
fn say_and_go(
    chat: &mut Chat,
    frames: Vec<Result<Frame, &'static str>>,
    hears: bool,
) -> SessionEnd<&'static str> {
    chat.gate.shut();
    let session = chat.session(&other_driver());
    let (said, hearing) = mpsc::channel::<Frame>(10);
    let _hearing = hears.then_some(hearing);
    let transport = join(futures::stream::iter(frames), said.sink_map_err(|_| "gone"));
    let ended = chat.pool.spawner().spawn_local_with_handle(session.run(transport)).unwrap();
    chat.settle();
    chat.gate.open();
    chat.pool.run_until(ended)
}

#[test]
fn what_came_before_the_end_is_done_first() {
    for (last, hears, ended) in [
        (Some(Ok(Frame::Close(CloseCode::Normal))), true, SessionEnd::ByPeer),
        (None, true, SessionEnd::ByPeer),
        (Some(Err("broken")), true, SessionEnd::Failed("broken")),
        (None, false, SessionEnd::Failed("gone")),
    ] {
        let mut chat = Chat::new(unhurried());
        let mut desk = chat.connect(&staff(), 10);
        let create = |title: &str| {
            let data = json!({"title": title, "content": "x"});
            Ok(Frame::Text(json!({"type": "create_support_conversation", "data": data}).to_string().into()))
        };
        let frames = ["one", "two", "three"].map(create).into_iter().chain(last).collect();
        assert_eq!(say_and_go(&mut chat, frames, hears), ended);
        let heard = chat.hear_json(&mut desk);
        let titles: Vec<_> = of_type(&heard, "new_support_conversation");
        let titles: Vec<_> = titles.iter().map(|event| event["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["Support: one", "Support: two", "Support: three"], "{ended:?}");
    }
}

#[test]
fn a_peer_that_is_gone_holds_its_connection_no_longer_than_its_requests() {
    let mut chat = Chat::new(unhurried());
    let mut sender = chat.connect(&driver(), 10);
    let conversation = chat.create(&mut sender);
    chat.hear(&mut sender);
    chat.gate.shut();
    sender.send(&conversation, "under way");
    sender.frame(Frame::Close(CloseCode::Normal));
    chat.settle();
    assert!(sender.ended.borrow().is_none(), "the message is not durable");
    chat.gate.open();
    chat.settle();
    assert_eq!(*sender.ended.borrow(), Some(SessionEnd::ByPeer));
    let handle = chat.handle.clone();
    let stats = chat.pool.run_until(handle.stats()).unwrap();
    assert_eq!((stats.engine.connections, stats.waiting_bytes), (0, 0));
}

#[test]
fn a_connection_that_shows_life_is_not_the_longest_silent() {
    let mut chat = Chat::new(settings(|limits| limits.engine.connections_per_user = 2));
    let idle = chat.session(&driver());
    let signs = idle.signs();
    let dead = chat.connect(&driver(), 10);
    let (said, _hears) = mpsc::channel::<Frame>(10);
    let silent = futures::stream::pending::<Result<Frame, mpsc::SendError>>();
    let idle = chat.pool.spawner().spawn_local_with_handle(idle.run(join(silent, said))).unwrap();
    chat.settle();
    chat.clock.advance(secs(30));
    signs.note(Monotonic(secs(25)));
    let _newest = chat.connect(&driver(), 10);
    chat.settle();
    assert_eq!(*dead.ended.borrow(), Some(SessionEnd::ByServer(CloseCode::Replaced)));
    drop(idle);
}

#[test]
fn observers_see_what_was_committed_in_its_order() {
    let mut chat = Chat::new(unhurried());
    let mut sender = chat.connect(&driver(), 100);
    let conversation = chat.create(&mut sender);
    (0..20).for_each(|_| sender.send(&conversation, "message"));
    let heard = chat.hear_json(&mut sender);
    let (positions, shown): (Vec<_>, Vec<_>) = std::iter::from_fn(|| chat.events.try_recv().ok()).unzip();
    assert_eq!(positions, (1..=22).map(Position).collect::<Vec<_>>(), "as the store numbers them");
    assert!(matches!(&shown[0], Event::AccountPut { account } if account.user == driver()));
    assert!(matches!(&shown[1], Event::ConversationCreated(created) if created.id.as_str() == conversation));
    let seqs: Vec<_> = shown[2..]
        .iter()
        .map(|event| match event {
            Event::MessageAppended(appended) => appended.seq,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seqs, live_seqs(&heard));
    // A queue of the embedder gets each event as JSON and the text beside, and reads both back.
    let queued = shown.iter().map(|event| (serde_json::to_string(event).unwrap(), event.content()));
    let read = queued.map(|(json, text)| {
        let mut event = serde_json::from_str::<Event>(&json).unwrap();
        if let (Some((place, _)), Some((text, _))) = (event.content_mut(), text) {
            place.clone_from(text);
        }
        event
    });
    assert_eq!(read.collect::<Vec<_>>(), shown);
}

#[test]
fn an_embedder_learns_who_is_absent() {
    let mut chat = Chat::new(unhurried());
    let [mut sender, mut leaves, _stays] = [driver(), staff(), admin()].map(|user| chat.connect(&user, 100));
    let conversation = chat.create(&mut sender);
    let handle = chat.handle.clone();
    let found = chat.pool.run_until(handle.conversation(conversation.as_str().into())).unwrap().unwrap();
    let absent = |chat: &mut Chat, except: User| {
        chat.settle();
        chat.pool.run_until(handle.absent(found.clone(), except.id)).unwrap()
    };
    assert_eq!(absent(&mut chat, driver()), [] as [UserId; 0]);
    leaves.hang_up();
    assert_eq!(absent(&mut chat, driver()), [staff().id], "by team, as stored");
    sender.hang_up();
    assert_eq!(absent(&mut chat, driver()), [staff().id], "without the sender");
    assert_eq!(absent(&mut chat, staff()), [driver().id], "the creator takes part by name");
    chat.pool.run_until(handle.command(Command::Deactivate(staff().id))).unwrap();
    assert_eq!(absent(&mut chat, admin()), [driver().id], "the inactive take part in nothing");
}

#[test]
fn a_drain_finishes_what_is_under_way_and_gives_the_store_back() {
    let mut chat = Chat::new(unhurried());
    let mut sender = chat.connect(&driver(), 10);
    let mut idle = chat.connect(&staff(), 10);
    let conversation = chat.create(&mut sender);
    chat.hear(&mut idle);
    chat.gate.shut();
    sender.send(&conversation, "the last words");
    chat.settle();
    let handle = chat.handle.clone();
    let mut drained =
        chat.pool.spawner().spawn_local_with_handle(async move { handle.drain().await }).unwrap();
    chat.settle();
    assert!(chat.ended.borrow().is_none(), "a commit is under way");
    assert_eq!((&mut drained).now_or_never(), None, "the drain waits for this commit");
    chat.gate.open();
    chat.pool.run_until(drained);

    let heard = chat.hear(&mut sender);
    assert_eq!(as_json(&heard[0]).unwrap()["success"], true);
    assert_eq!(as_json(&heard[1]).unwrap()["type"], "new_message");
    assert_eq!(heard[2], Frame::Close(CloseCode::GoingAway));
    assert_eq!(chat.hear(&mut idle).pop(), Some(Frame::Close(CloseCode::GoingAway)));
    let store = chat.ended.borrow_mut().take().expect("the engine has ended");
    assert_eq!(store.inner.export().conversations[conversation.as_str()].messages.len(), 2);

    let claims = Claims { user: driver(), expires_at: Timestamp::from_millis(1_000_000), issued_at: None };
    assert_eq!(chat.pool.run_until(chat.handle.open(claims)).unwrap_err(), StoppedError);
    chat.pool.run_until(chat.handle.drain()); // A second one returns at once.
    let command = chat.handle.command(Command::Import(staff()));
    assert_eq!(chat.pool.run_until(command).unwrap_err().code, ErrorCode::Unavailable);
}

#[test]
fn the_engine_ends_when_nobody_can_say_anything_any_more() {
    let mut chat = Chat::new(unhurried());
    chat.settle();
    let Chat { mut pool, handle, ended, .. } = chat;
    drop(handle);
    pool.run_until_stalled();
    assert!(ended.borrow().is_some());
}

#[test]
fn the_engine_ends_after_the_last_words_of_the_last_one() {
    let mut chat = Chat::new(unhurried());
    let mut sender = chat.connect(&driver(), 10);
    let conversation = chat.create(&mut sender);
    chat.gate.shut();
    sender.send(&conversation, "under way");
    chat.settle();
    sender.send(&conversation, "the last words");
    sender.hang_up();
    let Chat { mut pool, handle, gate, ended, .. } = chat;
    drop(handle);
    pool.run_until_stalled();
    assert!(ended.borrow().is_none(), "a commit is under way");
    gate.open();
    pool.run_until_stalled();
    let store = ended.borrow_mut().take().expect("the engine has ended");
    assert_eq!(store.inner.export().conversations[conversation.as_str()].messages.len(), 3);
}

#[test]
fn a_session_is_prolonged_by_a_token_that_the_verifier_knows() {
    let mut chat = Chat::new(unhurried());
    let mut client = chat.connect(&driver(), 10);
    client.request("refresh_token", &json!({"token": "driver_1@90000000"}));
    client.request("refresh_token", &json!({"token": "control_1@90000000"}));
    client.request("refresh_token", &json!({"token": "nonsense"}));
    let mismatch =
        core_test_support::error("token_mismatch", "The new token is not valid for this user and role");
    let good = json!({"success": true, "expires_at": "1970-01-02T01:00:00.000Z"});
    assert_eq!(chat.hear_json(&mut client), [good, mismatch.clone(), mismatch]);
}

#[test]
fn commands_are_answered() {
    let mut chat = Chat::new(unhurried());
    let mut sender = chat.connect(&driver(), 10);
    chat.create(&mut sender);
    let deactivate = Command::Deactivate(driver().id);
    let handle = chat.handle.clone();
    assert!(chat.pool.run_until(handle.command(deactivate)).is_ok());
    let heard = chat.hear(&mut sender);
    assert_eq!(as_json(&heard[0]).unwrap()["code"], "deactivated");
    assert_eq!(heard[1], Frame::Close(CloseCode::Deactivated));
    assert_eq!(*sender.ended.borrow(), Some(SessionEnd::ByServer(CloseCode::Deactivated)));
}

#[test]
fn who_is_turned_away_is_told_to_come_back_later() {
    let mut chat = Chat::new(unhurried());
    let clients = [driver(), staff()].map(|user| chat.connect(&user, 10));
    let handle = chat.handle.clone();
    chat.pool.run_until(handle.turn_away(1));
    chat.settle();
    for client in clients {
        assert_eq!(*client.ended.borrow(), Some(SessionEnd::ByServer(CloseCode::TryAgainLater)));
    }
}

#[test]
fn one_in_so_many_is_seen_off_and_the_others_go_on() {
    let mut chat = Chat::new(unhurried());
    let mut clients = [driver(), staff(), regulator()].map(|user| chat.connect(&user, 10));
    for (parts, ended) in [(3, 1), (2, 2), (1, 3), (1, 3)] {
        let handle = chat.handle.clone();
        chat.pool.run_until(handle.disconnect_gracefully(parts));
        chat.settle();
        let is_told =
            |client: &&Client| *client.ended.borrow() == Some(SessionEnd::ByServer(CloseCode::GoingAway));
        assert_eq!(clients.iter().take_while(is_told).count(), ended);
        for client in &mut clients[ended..] {
            client.request("get_active_conversations", &json!({}));
            assert_eq!(chat.hear_json(client).len(), 1);
        }
    }
}
