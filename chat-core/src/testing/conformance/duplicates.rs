//! Cases: a request repeated under its `client_message_id` is done once (P2).

use std::collections::BTreeSet;

use super::Fixture;
use super::bench::{Bench, appended, is_conflict, teams, time};
use crate::id::{ConversationId, MessageId, UserId};
use crate::protocol::{Emergency, Role, RoomType, User, Work, WorkState};
use crate::store::{
    AppendMessage, Change, ConversationCreated, CreateConversation, MessageAppended, Original, Rejected,
};

/// A message of the driver under a `client_message_id`.
async fn keyed<F: Fixture>(bench: &mut Bench<F>, conversation: &ConversationId, id: &str) -> AppendMessage {
    AppendMessage { client_message_id: Some(id.into()), ..bench.message("driver", conversation).await }
}

fn original_of(draft: &AppendMessage, seq: u64) -> Original {
    Original::Message(Box::new(MessageAppended {
        conversation: draft.permit.conversation().clone(),
        seq,
        message_id: MessageId::compose(draft.nonce, seq),
        sender: draft.permit.user().clone(),
        sent_at: time(0),
        entry: None,
        work: None,
        emergency: None,
        is_press: false,
        order: None,
        client_message_id: draft.client_message_id.clone(),
        content_hash: None,
        content: draft.content.clone().into(),
    }))
}

/// A used `client_message_id` is a duplicate with all that the original reply needs.
pub async fn a_repeat_in_another_batch_is_a_duplicate<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let first = keyed(bench, &id, "once").await;
    let expected = original_of(&first, 2);
    bench.accept(Change::AppendMessage(first)).await;
    bench.append("control", &id, 2).await;
    for _ in 0..2 {
        let again = AppendMessage { at: time(99), ..keyed(bench, &id, "once").await };
        assert_eq!(
            bench.duplicate(Change::AppendMessage(again)).await,
            expected,
            "the original is as it was"
        );
    }
    assert_eq!(bench.messages(&id).await.len(), 4, "a duplicate stores no message");
}

/// The second of two in one batch is a duplicate of the first.
pub async fn a_repeat_in_the_same_batch_is_a_duplicate<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let (first, again) = (keyed(bench, &id, "once").await, keyed(bench, &id, "once").await);
    let third = keyed(bench, &id, "twice").await;
    let expected = Err(Rejected::Duplicate(original_of(&first, 2)));
    let changes = [first, again, third].map(Change::AppendMessage);
    let verdicts = bench.commit(changes.into()).await;
    assert_eq!(verdicts[0].as_ref().map(|first| appended(first).seq), Ok(2));
    assert_eq!(verdicts[1], expected, "the second of two in one batch is a duplicate");
    assert_eq!(verdicts[2].as_ref().map(|third| appended(third).seq), Ok(3), "no seq is lost");
}

/// A duplicate changes nothing that can be asked for.
pub async fn a_duplicate_stores_nothing<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let first = keyed(bench, &id, "once").await;
    bench.accept(Change::AppendMessage(first)).await;
    let (before, messages) = (bench.conversation(&id).await, bench.messages(&id).await);
    let again = AppendMessage { content: "other".into(), at: time(50), ..keyed(bench, &id, "once").await };
    bench.duplicate(Change::AppendMessage(again)).await;
    assert_eq!(bench.conversation(&id).await, before, "a duplicate changes nothing");
    assert_eq!(bench.messages(&id).await, messages, "a duplicate stores no message");
}

/// A repeat of an accepted change is a duplicate, whatever else is wrong with the change.
pub async fn a_duplicate_is_found_before_any_conflict<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let known = bench.conversation(&id).await;
    let first = keyed(bench, &id, "once").await;
    let expected = Err(Rejected::Duplicate(original_of(&first, 2)));
    bench.accept(Change::AppendMessage(first)).await;
    let repeat = |bench: &mut Bench<F>, permit| {
        let client_message_id = Some("once".into());
        Change::AppendMessage(AppendMessage { client_message_id, ..bench.message_under(permit) })
    };
    let [stale, fresh] = [9, 1].map(|version| bench.permit_on_version("driver", &known, version));
    let stale = repeat(bench, stale);
    let verdicts = bench.commit(vec![stale]).await;
    assert_eq!(verdicts[0], expected, "a duplicate on another version is a duplicate");
    let conflict = bench.message_under(bench.permit_on_version("driver", &known, 9));
    let after = repeat(bench, fresh);
    let verdicts = bench.commit(vec![Change::AppendMessage(conflict), after]).await;
    assert!(is_conflict(&verdicts[0]));
    assert_eq!(verdicts[1], expected, "a duplicate after a conflict in the batch is a duplicate");
    let missing = crate::conversation::Conversation { id: bench.creation("driver", &[]).await.id, ..known };
    let permit = bench.permit_on_version("driver", &missing, 1);
    let nowhere = repeat(bench, permit);
    assert_eq!(
        bench.commit(vec![nowhere]).await[0],
        expected,
        "a duplicate for no conversation is a duplicate"
    );
}

/// A duplicate is no conflict: later changes of its conversation go on.
pub async fn a_duplicate_refuses_no_later_change<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let known = bench.conversation(&id).await;
    let first = keyed(bench, &id, "once").await;
    bench.accept(Change::AppendMessage(first)).await;
    let stale = bench.message_under(bench.permit_on_version("driver", &known, 9));
    let stale = AppendMessage { client_message_id: Some("once".into()), ..stale };
    let next = bench.message("driver", &id).await;
    let verdicts = bench.commit(vec![Change::AppendMessage(stale), Change::AppendMessage(next)]).await;
    assert!(matches!(verdicts[0], Err(Rejected::Duplicate(_))), "{verdicts:?}");
    assert_eq!(verdicts[1].as_ref().map(|next| appended(next).seq), Ok(3));
}

/// Another conversation, content or type under a used id still gives the original.
pub async fn another_request_under_the_id_gives_the_original<F: Fixture>(bench: &mut Bench<F>) {
    let (id, other) = (bench.create("driver", &[]).await, bench.create("driver", &[]).await);
    let first = keyed(bench, &id, "once").await;
    let expected = original_of(&first, 2);
    bench.accept(Change::AppendMessage(first)).await;
    let elsewhere = keyed(bench, &other, "once").await;
    assert_eq!(bench.duplicate(Change::AppendMessage(elsewhere)).await, expected, "another conversation");
    let differently = AppendMessage { content: "other".into(), ..keyed(bench, &id, "once").await };
    assert_eq!(bench.duplicate(Change::AppendMessage(differently)).await, expected, "another content");
    let creation =
        CreateConversation { client_message_id: Some("once".into()), ..bench.creation("driver", &[]).await };
    let new = creation.id.clone();
    assert_eq!(bench.duplicate(Change::CreateConversation(creation)).await, expected, "another type");
    assert_eq!(bench.find_conversation(&new).await, None, "a duplicate creates nothing");
    assert_eq!(bench.messages(&other).await.len(), 1, "a duplicate stores nothing elsewhere");
}

/// A repeated creation gives the conversation that it made, and so does a message under its id.
pub async fn a_repeated_creation_gives_the_original<F: Fixture>(bench: &mut Bench<F>) {
    let client_message_id = Some("create".into());
    let first = bench.creation("driver", &["control"]).await;
    let (id, room_type, nonce) = (first.id.clone(), RoomType::EmergencySupport, first.nonce);
    let first = CreateConversation { client_message_id: client_message_id.clone(), room_type, ..first };
    let again = CreateConversation {
        client_message_id: client_message_id.clone(),
        ..bench.creation("driver", &[]).await
    };
    let unused = again.id.clone();
    let expected = Original::Conversation(Box::new(ConversationCreated {
        id: id.clone(),
        title: "Support: title".into(),
        room_type,
        created_by: "driver".into(),
        creator: Some(User::new("driver", Role::BusDriver)),
        participants: BTreeSet::from(["driver".into()]),
        control_members: BTreeSet::new(),
        teams: Some(teams(&["control"])),
        work: None,
        emergency: Some(Box::new(Emergency::raised(time(0)))),
        message_id: MessageId::compose(nonce, 1),
        sent_at: time(0),
        client_message_id: client_message_id.clone(),
        content_hash: None,
        content: "the first message".into(),
    }));
    let verdicts = bench.commit([first, again].map(Change::CreateConversation).into()).await;
    assert!(verdicts[0].is_ok(), "{verdicts:?}");
    assert_eq!(verdicts[1], Err(Rejected::Duplicate(expected.clone())), "repeated in the same batch");
    assert_eq!(bench.find_conversation(&unused).await, None, "a duplicate creates nothing");
    let same_id =
        CreateConversation { client_message_id, id: id.clone(), ..bench.creation("driver", &[]).await };
    assert_eq!(bench.duplicate(Change::CreateConversation(same_id)).await, expected, "with the same new id");
    let message = keyed(bench, &id, "create").await;
    assert_eq!(bench.duplicate(Change::AppendMessage(message)).await, expected, "a message under its id");
    assert_eq!(bench.messages(&id).await.len(), 1);
}

/// The original of a creation names the participants at the start, whatever changed since.
pub async fn the_original_keeps_who_took_part_at_the_start<F: Fixture>(bench: &mut Bench<F>) {
    let creation = bench.creation("driver", &["control"]).await;
    let id = creation.id.clone();
    let creation = CreateConversation { client_message_id: Some("create".into()), ..creation };
    bench.accept(Change::CreateConversation(creation)).await;
    let enrol = bench.membership("newcomer", &id).await;
    bench.accept(Change::Enrol(enrol)).await;
    let withdraw = bench.membership("control", &id).await;
    bench.accept(Change::Withdraw(withdraw)).await;
    match bench.original("driver", "create").await {
        Some(Original::Conversation(created)) => {
            let members: Vec<_> = created.participants.iter().map(UserId::as_str).collect();
            assert_eq!(members, ["driver"], "the members are those of the start");
            assert_eq!(created.teams, Some(teams(&["control"])), "the teams are those of the start");
        }
        other => panic!("the original is {other:?}"),
    }
}

/// The scope of a `client_message_id` is its user.
pub async fn users_do_not_share_client_message_ids<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let mine = keyed(bench, &id, "once").await;
    let theirs =
        AppendMessage { client_message_id: Some("once".into()), ..bench.message("control", &id).await };
    let (first, mut second) = (original_of(&mine, 2), original_of(&theirs, 3));
    if let Original::Message(theirs) = &mut second {
        let (state, assignee) = (WorkState::Taken, Some("control".into()));
        let (since, waiting_since) = (time(0), None);
        theirs.work = Some(Work { state, assignee, since, waiting_since, version: 3 });
    }
    bench.accept_all([mine, theirs].map(Change::AppendMessage).into()).await;
    assert_eq!(bench.original("driver", "once").await, Some(first), "each user has its own original");
    assert_eq!(bench.original("control", "once").await, Some(second), "each user has its own original");
    let creation =
        CreateConversation { client_message_id: Some("once".into()), ..bench.creation("third", &[]).await };
    bench.accept(Change::CreateConversation(creation)).await;
}

/// [`Query::Original`](crate::store::Query::Original) finds the same original as a duplicate.
pub async fn originals_are_found_by_user_and_id<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let draft = keyed(bench, &id, "once").await;
    let expected = original_of(&draft, 2);
    bench.accept(Change::AppendMessage(draft)).await;
    bench.append("driver", &id, 1).await;
    assert_eq!(bench.original("driver", "once").await, Some(expected));
    for (user, id) in
        [("driver", "onc"), ("driver", "once2"), ("driver", ""), ("control", "once"), ("x", "once")]
    {
        assert_eq!(bench.original(user, id).await, None, "{user} used no {id:?}");
    }
}

/// Ids are compared whole, whatever is in them.
pub async fn awkward_client_message_ids_stay_apart<F: Fixture>(bench: &mut Bench<F>) {
    let four_byte = "😀".repeat(64);
    let ids = ["a", "a\0", "a/b", "a/", "A", "é", "e\u{301}", "\0", " ", "a\u{ff}", &four_byte];
    let conversation = bench.create("driver", &[]).await;
    let mut expected = Vec::new();
    for (seq, id) in (2..).zip(ids) {
        let draft = AppendMessage { content: id.into(), ..keyed(bench, &conversation, id).await };
        expected.push(original_of(&draft, seq));
        bench.accept(Change::AppendMessage(draft)).await;
    }
    for (id, expected) in ids.into_iter().zip(expected) {
        assert_eq!(bench.original("driver", id).await, Some(expected), "{id:?} is an id of its own");
    }
}
