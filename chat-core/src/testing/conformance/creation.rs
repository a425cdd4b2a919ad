//! Cases: conversations come to be.

use std::collections::BTreeSet;

use super::Fixture;
use super::bench::{Bench, is_conflict, time};
use super::messages::AWKWARD;
use crate::conversation::{Conversation, Participation, Standing};
use crate::id::MessageId;
use crate::protocol::{Message, MessageType, MessageWork, RoomType, Work};
use crate::store::{Change, CreateConversation, Event};

/// A conversation is created with version 1 and message 1.
pub async fn a_conversation_is_created_with_message_1<F: Fixture>(bench: &mut Bench<F>) {
    let creation =
        CreateConversation { at: time(7), ..bench.creation("driver", &["control", "admin"]).await };
    let (id, nonce, teams) = (creation.id.clone(), creation.nonce, creation.teams.clone());
    let members = [("driver".into(), Standing::Member)].into_iter().collect();
    assert_eq!(bench.find_conversation(&id).await, None, "a conversation that was not created is none");
    let committed = bench.accept(Change::CreateConversation(creation)).await;
    let Some(Event::ConversationCreated(created)) = &committed.event else {
        panic!("CreateConversation gave {committed:?}");
    };
    assert_eq!(created.sent_at, time(7), "message 1 is sent when it was asked for");
    let expected = Conversation {
        id: id.clone(),
        title: "Support: title".into(),
        room_type: RoomType::DriverSupport,
        created_by: "driver".into(),
        created_at: time(7),
        participation: Participation { teams, members },
        version: 1,
        last_seq: 1,
        last_at: time(7),
        last_text_seq: 1,
        last_message_at: time(7),
        work: Work::begun(time(7)),
        emergency: None,
        open_orders: vec![],
        has_notes: false,
    };
    assert_eq!(created.conversation(), expected, "the event has all of the conversation");
    assert_eq!(bench.conversation(&id).await, expected, "a conversation is stored as it was created");
    let first = Message {
        id: MessageId::compose(nonce, 1),
        conversation_id: id.clone(),
        sender_id: "driver".into(),
        content: "the first message".into(),
        message_type: MessageType::Text,
        sent_at: time(7),
        seq: Some(1),
        erased: false,
        work: Some(MessageWork::begun(time(7))),
        emergency: None,
        order: None,
        answer: None,
    };
    assert_eq!(created.message(), first, "the event has message 1");
    assert_eq!(bench.messages(&id).await, [first], "a conversation begins with message 1 of its creator");
}

/// A conversation keeps the room that it was filed in.
pub async fn every_room_type_is_kept<F: Fixture>(bench: &mut Bench<F>) {
    for room_type in RoomType::ALL {
        let creation = CreateConversation { room_type, ..bench.creation("driver", &[]).await };
        let id = creation.id.clone();
        bench.accept(Change::CreateConversation(creation)).await;
        assert_eq!(bench.conversation(&id).await.room_type, room_type, "the room type is kept");
    }
}

/// An id that exists is a conflict, which changes nothing of the conversation that has it.
pub async fn an_existing_id_conflicts<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let before = bench.conversation(&id).await;
    let messages = bench.messages(&id).await;
    let again = CreateConversation { id: id.clone(), ..bench.creation("another", &[]).await };
    let append = bench.message_under(bench.permit_on_version("driver", &before, before.version));
    let verdicts = bench.commit(vec![Change::CreateConversation(again), Change::AppendMessage(append)]).await;
    assert!(is_conflict(&verdicts[0]), "to create a conversation that exists is a conflict: {verdicts:?}");
    assert!(is_conflict(&verdicts[1]), "later changes of that conversation are refused too: {verdicts:?}");
    assert_eq!(bench.conversation(&id).await, before, "a conflict changes nothing");
    assert_eq!(bench.messages(&id).await, messages, "a conflict stores no message");
    assert_eq!(bench.listed_ids("another").await, [], "a conflict makes nobody a participant");
}

/// Titles and first messages are data: every character comes back.
pub async fn titles_and_contents_come_back_exactly<F: Fixture>(bench: &mut Bench<F>) {
    let mut ids = BTreeSet::new();
    for text in AWKWARD.iter().copied().chain([&*"é".repeat(150), &*"😀".repeat(200)]) {
        let creation = bench.creation("driver", &["control"]).await;
        let creation = CreateConversation { title: text.into(), content: text.into(), ..creation };
        let id = creation.id.clone();
        bench.accept(Change::CreateConversation(creation)).await;
        assert_eq!(&*bench.conversation(&id).await.title, text, "a title comes back exactly");
        assert_eq!(&*bench.messages(&id).await[0].content, text, "a content comes back exactly");
        ids.insert(id);
    }
    let listed: BTreeSet<_> = bench.listed_ids("driver").await.into_iter().collect();
    assert_eq!(listed, ids, "every conversation is listed");
}
