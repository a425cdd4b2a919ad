//! Cases: the life of an emergency (P8).

use super::Fixture;
use super::bench::{Bench, appended, control, is_conflict, time};
use super::queries::expect_facts;
use crate::id::{ConversationId, UserId};
use crate::protocol::{
    Emergency, EmergencyAction, EmergencyReason, EmergencyState, Role, RoomType, SERVER, User, WorkAction,
};
use crate::store::{
    Account, AppendEntry, AppendMessage, Change, Committed, CreateConversation, EntryBody, EntryChange,
    Escalate, Facts, Original, Query, Rejected, Window,
};

impl<F: Fixture> Bench<F> {
    async fn emergency(&mut self, creator: &str) -> CreateConversation {
        let room_type = RoomType::EmergencySupport;
        CreateConversation { room_type, ..self.creation(creator, &["control", "other"]).await }
    }

    async fn raise(&mut self, creator: &str) -> ConversationId {
        let creation = self.emergency(creator).await;
        let id = creation.id.clone();
        self.accept(Change::CreateConversation(creation)).await;
        id
    }

    /// The end of an emergency by a user, decided on this version.
    async fn end(
        &mut self,
        user: &str,
        id: &ConversationId,
        (reason, version): (EmergencyReason, u64),
    ) -> AppendEntry {
        AppendEntry {
            permit: self.permit(user, id).await,
            entry: EntryChange::EndEmergency { reason, version },
            nonce: self.nonce(),
            content: "what has happened".into(),
            client_message_id: None,
            at: time(0),
        }
    }

    async fn press(&mut self, creator: &str, id: &ConversationId) -> AppendMessage {
        AppendMessage { is_press: true, ..self.message(creator, id).await }
    }

    async fn alert(&mut self, id: &ConversationId, level: u32, at: i64) -> Committed {
        let (conversation, nonce, at) = (id.clone(), self.nonce(), time(at));
        self.accept(Change::Escalate(Escalate { conversation, level, nonce, content: "an alert".into(), at }))
            .await
    }

    /// The emergencies that are not over, by their conversations.
    async fn live(&mut self, most: u32) -> Vec<ConversationId> {
        let found = expect_facts!(self, Query::Emergencies(most), Emergencies);
        for conversation in &found {
            assert_eq!(self.conversation(&conversation.id).await, *conversation);
        }
        found.into_iter().map(|conversation| conversation.id).collect()
    }

    async fn state(&mut self, id: &ConversationId) -> Emergency {
        *self.conversation(id).await.emergency.expect("an emergency has a life")
    }
}

/// An emergency is open, alerts control, is taken with the conversation, and ends once.
pub async fn an_emergency_has_a_life<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.raise("driver").await;
    assert_eq!(bench.state(&id).await, Emergency::raised(time(0)));
    assert_eq!(bench.live(9).await, std::slice::from_ref(&id));
    let first = appended(&bench.alert(&id, 0, 30_000).await).clone();
    assert_eq!((first.seq, first.sender.as_str(), first.sent_at), (2, SERVER, time(30_000)));
    assert_eq!(first.entry, Some(EntryBody::Emergency(EmergencyAction::Escalate)));
    let alerted = Emergency { level: 1, alerted_at: time(30_000), ..Emergency::raised(time(0)) };
    assert_eq!(first.emergency.as_deref(), Some(&alerted));
    assert_eq!(bench.alert(&id, 0, 31_000).await.event, None, "another has alerted");
    bench.act("control", &id, (WorkAction::Take, 0)).await;
    let taken = bench.state(&id).await;
    assert_eq!((taken.state, taken.by.clone()), (EmergencyState::Taken, Some("control".into())));
    assert_eq!((taken.level, taken.version), (1, 3));
    assert_eq!(bench.alert(&id, 1, 90_000).await.event, None, "somebody has taken it");
    assert_eq!(bench.live(9).await, std::slice::from_ref(&id), "not over");
    let end = bench.end("control", &id, (EmergencyReason::HandedOver, 3)).await;
    let ended = appended(&bench.accept(Change::AppendEntry(end)).await).clone();
    assert_eq!(ended.entry, Some(EntryBody::Emergency(EmergencyAction::End)));
    assert_eq!((&ended.work, ended.end_reason()), (&None, Some(EmergencyReason::HandedOver)));
    assert_eq!(bench.live(9).await, []);
    let messages = bench.messages(&id).await;
    assert_eq!(messages.len(), 4);
    assert!(messages.iter().all(|message| message.emergency.is_some()), "each has changed it: {messages:?}");
    assert_eq!(messages[3], ended.message());
    let page = bench.page(&id, Window::Newest { skip: 0 }, 9, usize::MAX).await;
    assert_eq!(page.emergency, ended.emergency);
    let row = bench.row("control", &id).await.rows.remove(0);
    assert_eq!((row.conversation.emergency, row.unread_count), (ended.emergency, 1), "entries do not count");
}

/// A user has one emergency at most: a second press goes into the first.
pub async fn a_user_has_one_emergency<F: Fixture>(bench: &mut Bench<F>) {
    let (first, second) = (bench.emergency("driver").await, bench.emergency("driver").await);
    let (id, other) = (first.id.clone(), bench.emergency("another").await);
    let verdicts = bench.commit([first, second, other].map(Change::CreateConversation).into()).await;
    assert_eq!(verdicts[1], Err(Rejected::Repeated(id.clone())), "in the same batch");
    assert!(verdicts[2].is_ok(), "another user's");
    let again = bench.emergency("driver").await;
    let verdict = bench.commit(vec![Change::CreateConversation(again)]).await.remove(0);
    assert_eq!(verdict, Err(Rejected::Repeated(id.clone())), "in another batch");
    let ordinary = bench.creation("driver", &["control"]).await;
    bench.accept(Change::CreateConversation(ordinary)).await;
    let press = bench.press("driver", &id).await;
    let pressed = appended(&bench.accept(Change::AppendMessage(press)).await).clone();
    assert_eq!((pressed.seq, pressed.is_press, &pressed.emergency), (2, true, &None));
    let end = bench.end("control", &id, (EmergencyReason::Solved, 1)).await;
    bench.accept(Change::AppendEntry(end)).await;
    let late = bench.press("driver", &id).await;
    assert!(is_conflict(&bench.commit(vec![Change::AppendMessage(late)]).await[0]), "it is over");
    let next = bench.raise("driver").await;
    let membership = bench.membership("driver", &next).await;
    bench.accept(Change::Withdraw(membership)).await;
    let third = bench.raise("driver").await;
    let mut live = [next, third];
    live.sort();
    let found = bench.live(9).await;
    assert_eq!(
        found.iter().filter(|id| live.contains(id)).collect::<Vec<_>>(),
        live.iter().collect::<Vec<_>>()
    );
    assert_eq!((found.len(), bench.live(2).await), (3, found[..2].to_vec()), "the first ones");
}

/// An end names the version that it was decided on, and its user may end the emergency.
pub async fn an_emergency_ends_once<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.raise("driver").await;
    let late = EmergencyReason::Withdrawn;
    for (user, reason) in [("control", late), ("driver", EmergencyReason::Solved)] {
        let end = bench.end(user, &id, (reason, 1)).await;
        let verdict = bench.commit(vec![Change::AppendEntry(end)]).await.remove(0);
        assert_eq!(verdict, Err(Rejected::Forbidden), "{user} {reason:?}");
    }
    let stale = bench.end("control", &id, (EmergencyReason::Solved, 2)).await;
    let verdict = bench.commit(vec![Change::AppendEntry(stale)]).await.remove(0);
    assert_eq!(verdict, Err(Rejected::OutdatedEmergency(Box::new(Emergency::raised(time(0))))));
    bench.act("control", &id, (WorkAction::Take, 0)).await;
    let taken = bench.state(&id).await;
    let withdrawal = bench.end("driver", &id, (late, 2)).await;
    let verdict = bench.commit(vec![Change::AppendEntry(withdrawal)]).await.remove(0);
    assert_eq!(verdict, Err(Rejected::OutdatedEmergency(Box::new(taken))), "somebody has taken it");
    bench.act("control", &id, (WorkAction::Resolve, 2)).await;
    let ended = bench.state(&id).await;
    assert_eq!((ended.state, ended.reason), (EmergencyState::Ended, Some(EmergencyReason::Solved)));
    let again = bench.end("control", &id, (EmergencyReason::FalseAlarm, 3)).await;
    let verdict = bench.commit(vec![Change::AppendEntry(again)]).await.remove(0);
    assert_eq!(verdict, Err(Rejected::OutdatedEmergency(Box::new(ended))));
    let next = bench.raise("driver").await;
    let withdrawal = bench.end("driver", &next, (late, 1)).await;
    let withdrawn = appended(&bench.accept(Change::AppendEntry(withdrawal)).await).clone();
    assert_eq!(withdrawn.entry, Some(EntryBody::Emergency(EmergencyAction::Withdraw)));
    let ordinary = bench.create("driver", &["control"]).await;
    let end = bench.end("control", &ordinary, (EmergencyReason::Solved, 0)).await;
    let verdict = bench.commit(vec![Change::AppendEntry(end)]).await.remove(0);
    assert_eq!(verdict, Err(Rejected::Forbidden), "no emergency");
}

/// An emergency of a user without the role counts as open, and alerts again.
pub async fn an_emergency_of_nobody_is_open<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.raise("driver").await;
    bench.act("other", &id, (WorkAction::Take, 0)).await;
    assert_eq!(bench.alert(&id, 0, 30_000).await.event, None);
    let driver = Account { user: User::new("other", Role::BusDriver), ..control("other", &["other"]) };
    bench.put(driver).await;
    let alert = appended(&bench.alert(&id, 0, 40_000).await).clone();
    let alerted = alert.emergency.expect("an alert changes the emergency");
    assert_eq!((alerted.state, alerted.by, alerted.level), (EmergencyState::Open, None, 1));
    bench.act("control", &id, (WorkAction::Take, 2)).await;
    assert_eq!(bench.state(&id).await.by, Some(UserId::from("control")));
    let unknown = ConversationId::from("conv_unknown");
    assert_eq!(bench.alert(&unknown, 0, 0).await.event, None);
}

/// A message of control takes an open emergency.
pub async fn a_reply_takes_an_emergency<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.raise("driver").await;
    let reply = bench.message("control", &id).await;
    let replied = appended(&bench.accept(Change::AppendMessage(reply)).await).clone();
    let taken = replied.emergency.clone().expect("the reply has taken it");
    assert_eq!((taken.state, taken.by, taken.version), (EmergencyState::Taken, Some("control".into()), 2));
    assert!(replied.entry.is_none() && !replied.message().is_entry());
    bench.act("control", &id, (WorkAction::Release, 2)).await;
    let open = bench.state(&id).await;
    assert_eq!((open.state, open.by, open.alerted_at), (EmergencyState::Open, None, time(0)));
}

/// A repeat of a press or of an end gets the original, and stores nothing.
pub async fn a_repeated_press_gets_the_original<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.raise("driver").await;
    let mut pressed = Vec::new();
    for _ in 0..2 {
        let press =
            AppendMessage { client_message_id: Some("again".into()), ..bench.press("driver", &id).await };
        let end = bench.end("control", &id, (EmergencyReason::Solved, 1)).await;
        let end = AppendEntry { client_message_id: Some("end".into()), ..end };
        for verdict in bench.commit(vec![Change::AppendMessage(press), Change::AppendEntry(end)]).await {
            match verdict {
                Ok(committed) => pressed.push(Original::Message(Box::new(appended(&committed).clone()))),
                Err(Rejected::Duplicate(original)) => assert!(pressed.contains(&original), "{original:?}"),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((pressed.len(), bench.messages(&id).await.len()), (2, 3));
}

/// The emergencies that a commit has returned survive a crash.
pub async fn emergencies_survive_a_crash<F: Fixture>(bench: &mut Bench<F>) {
    let (id, over) = (bench.raise("driver").await, bench.raise("another").await);
    bench.alert(&id, 0, 30_000).await;
    let end = bench.end("control", &over, (EmergencyReason::Solved, 1)).await;
    bench.accept(Change::AppendEntry(end)).await;
    let (conversation, messages) = (bench.conversation(&id).await, bench.messages(&id).await);
    if bench.crash().await {
        assert_eq!(bench.live(9).await, std::slice::from_ref(&id));
        assert_eq!(bench.find_conversation(&id).await, Some(conversation));
        assert_eq!(bench.messages(&id).await, messages);
        let again = bench.emergency("driver").await;
        let verdict = bench.commit(vec![Change::CreateConversation(again)]).await.remove(0);
        assert_eq!(verdict, Err(Rejected::Repeated(id)));
    }
}
