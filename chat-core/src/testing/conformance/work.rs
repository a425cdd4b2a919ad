//! Cases: entries, and the work on a conversation (P8).

use super::Fixture;
use super::bench::{Bench, appended, control, is_conflict, time};
use super::queries::Listing;
use crate::id::{ConversationId, UserId};
use crate::protocol::{MessageWork, Role, User, Work, WorkAction, WorkState};
use crate::store::{Account, AppendEntry, AppendMessage, Change, EntryBody, EntryChange, Rejected, Window};

/// An action of a user on the work of this version, at [`time`] 0.
async fn entry<F: Fixture>(
    bench: &mut Bench<F>,
    user: &str,
    id: &ConversationId,
    (action, version): (WorkAction, u64),
) -> AppendEntry {
    let to = (action == WorkAction::Transfer).then(|| "other".into());
    AppendEntry {
        permit: bench.permit(user, id).await,
        entry: EntryChange::Work { action, version, to },
        nonce: bench.nonce(),
        content: "what has happened".into(),
        client_message_id: None,
        at: time(0),
    }
}

impl<F: Fixture> Bench<F> {
    /// Has a user change the work of this version, and gives the work from then on.
    pub(super) async fn act(&mut self, user: &str, id: &ConversationId, action: (WorkAction, u64)) -> Work {
        let entry = entry(self, user, id, action).await;
        let committed = self.accept(Change::AppendEntry(entry)).await;
        appended(&committed).work.clone().expect("an entry about the work names it")
    }
}

fn taken(assignee: &str, waiting_since: Option<i64>, version: u64) -> Work {
    let (assignee, waiting_since) = (Some(assignee.into()), waiting_since.map(time));
    Work { state: WorkState::Taken, assignee, since: time(0), waiting_since, version }
}

/// An entry takes the next number and the last time, and changes neither the order of lists nor
/// unread counts.
pub async fn an_entry_advances_the_number_and_nothing_else<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.say("driver", &id, "the last text", 10).await;
    let newer = bench.create_at("driver", &["control"], 15).await;
    let before = bench.row("driver", &id).await.rows.remove(0);
    let take = entry(bench, "control", &id, (WorkAction::Take, 0)).await;
    let committed = bench.accept(Change::AppendEntry(AppendEntry { at: time(20), ..take })).await;
    let entry = appended(&committed).clone();
    assert_eq!((entry.seq, entry.sent_at), (3, time(20)));
    assert_eq!(entry.entry, Some(EntryBody::Work(WorkAction::Take)));
    let work = Work { since: time(20), ..taken("control", Some(0), 3) };
    assert_eq!(entry.work, Some(work.clone()));
    let messages = bench.messages(&id).await;
    let shown = MessageWork { action: Some(WorkAction::Take), work: work.clone() };
    assert_eq!((messages.len(), &messages[2]), (3, &entry.message()), "history shows the entry");
    assert_eq!(messages[2].work, Some(shown));
    assert_eq!(bench.seq(&id, &messages[2].id).await, Some(3), "it is found by its id");
    let now = bench.conversation(&id).await;
    assert_eq!((now.last_seq, now.last_at, now.version), (3, time(20), 1));
    assert_eq!((now.last_text_seq, now.last_message_at, &now.work), (2, time(10), &work));
    for user in ["driver", "control"] {
        let row = bench.row(user, &id).await.rows.remove(0);
        assert_eq!((row.position, &row.last_message), (before.position, &before.last_message), "{user}");
        assert_eq!(bench.listed_ids(user).await, [newer.clone(), id.clone()], "the order of texts");
    }
    let row = bench.row("driver", &id).await.rows.remove(0);
    assert_eq!(row.unread_count, 0, "an entry is not unread");
    let page = bench.page(&id, Window::Newest { skip: 0 }, 1, usize::MAX).await;
    assert_eq!((page.last_seq, page.work), (3, Some(work)));
    let late = bench.message("driver", &id).await;
    let late = bench.accept(Change::AppendMessage(AppendMessage { at: time(5), ..late })).await;
    assert_eq!(appended(&late).sent_at, time(20), "no message is earlier than an entry before it");
    assert_eq!(bench.listed_ids("driver").await, [id.clone(), newer], "a text moves it again");
    let page = bench.listed(Listing { since: 19, ..Listing::of("driver") }).await;
    assert_eq!(page.rows.len(), 1);
}

/// Of two that decide on the same work one wins, and the other learns the name of the winner.
pub async fn of_two_that_take_one_wins<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "other"]).await;
    let mut changes = Vec::new();
    for user in ["control", "other", "other"] {
        changes.push(Change::AppendEntry(entry(bench, user, &id, (WorkAction::Take, 0)).await));
    }
    changes.push(Change::AppendMessage(bench.message("driver", &id).await));
    let verdicts = bench.commit(changes).await;
    let won = taken("control", Some(0), 2);
    assert_eq!(verdicts[0].as_ref().map(|won| appended(won).work.clone()), Ok(Some(won.clone())));
    assert_eq!(verdicts[1], Err(Rejected::Outdated(won.clone())), "in the same batch");
    assert_eq!(verdicts[2], Err(Rejected::Outdated(won.clone())));
    assert!(verdicts[3].is_ok(), "what comes later is not affected: {verdicts:?}");
    let late = entry(bench, "other", &id, (WorkAction::Take, 0)).await;
    let verdict = bench.commit(vec![Change::AppendEntry(late)]).await.remove(0);
    assert_eq!(verdict, Err(Rejected::Outdated(won.clone())), "in another batch");
    assert_eq!(bench.conversation(&id).await.work, won);
    let again = entry(bench, "other", &id, (WorkAction::Take, 2)).await;
    let verdict = bench.commit(vec![Change::AppendEntry(again)]).await.remove(0);
    assert_eq!(verdict, Err(Rejected::Outdated(won)), "a colleague's is not taken, whatever is known");
}

/// Work goes from hand to hand, and each user changes the own.
pub async fn work_goes_from_hand_to_hand<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "other"]).await;
    assert_eq!(bench.act("control", &id, (WorkAction::Take, 0)).await, taken("control", Some(0), 2));
    let foreign = entry(bench, "other", &id, (WorkAction::Release, 2)).await;
    let verdict = bench.commit(vec![Change::AppendEntry(foreign)]).await.remove(0);
    assert_eq!(verdict, Err(Rejected::Forbidden), "a colleague's");
    let handed = bench.act("control", &id, (WorkAction::Transfer, 2)).await;
    assert_eq!(handed, taken("other", Some(0), 3));
    let released = bench.act("other", &id, (WorkAction::Release, 3)).await;
    assert_eq!((released.state, released.assignee, released.version), (WorkState::Waiting, None, 4));
    bench.act("other", &id, (WorkAction::Take, 4)).await;
    let resolved = bench.act("other", &id, (WorkAction::Resolve, 5)).await;
    assert_eq!((resolved.state, resolved.waiting_since), (WorkState::Resolved, None));
    assert_eq!(bench.act("control", &id, (WorkAction::Reopen, 6)).await, taken("other", None, 7));
    assert_eq!(bench.conversation(&id).await.work, taken("other", None, 7));
}

/// A message of control takes a waiting conversation, and one of field staff reopens a resolved
/// one, in the same event.
pub async fn a_message_takes_or_reopens<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "other"]).await;
    let reply = bench.message("control", &id).await;
    let committed = bench.accept(Change::AppendMessage(reply)).await;
    let reply = appended(&committed);
    assert_eq!((&reply.entry, &reply.work), (&None, &Some(taken("control", None, 2))));
    bench.append("other", &id, 1).await;
    assert_eq!(bench.conversation(&id).await.work, taken("control", None, 2), "a colleague may write");
    bench.say("driver", &id, "thanks", 7).await;
    assert_eq!(bench.conversation(&id).await.work, taken("control", Some(7), 2));
    bench.act("control", &id, (WorkAction::Resolve, 2)).await;
    bench.say("driver", &id, "one more thing", 9).await;
    let work = bench.conversation(&id).await.work;
    assert_eq!((work.taken_by(), work.version), (Some(&UserId::from("control")), 6));
    assert_eq!(work.waiting_since, Some(time(9)));
    let shown: Vec<_> = bench.messages(&id).await.into_iter().map(|message| message.work.is_some()).collect();
    assert_eq!(shown, [true, true, false, true, true, true], "each message that has changed it shows it");
    let row = bench.row("driver", &id).await.rows.remove(0);
    assert_eq!((row.conversation.work, row.unread_count), (work, 2));
}

/// An assignee without the role counts as nobody, and nobody hands a conversation to such a user.
pub async fn an_assignee_without_the_role_counts_as_nobody<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "other"]).await;
    bench.act("other", &id, (WorkAction::Take, 0)).await;
    let driver = Account { user: User::new("other", Role::BusDriver), ..control("other", &["other"]) };
    bench.put(driver).await;
    assert_eq!(bench.act("control", &id, (WorkAction::Take, 2)).await, taken("control", Some(0), 3));
    let transfer = entry(bench, "control", &id, (WorkAction::Transfer, 3)).await;
    assert!(is_conflict(&bench.commit(vec![Change::AppendEntry(transfer)]).await[0]));
}

/// A repeat of the winner gets the original, and stores nothing.
pub async fn a_repeated_entry_gets_the_original<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let mut expected = None;
    for _ in 0..2 {
        let take = entry(bench, "control", &id, (WorkAction::Take, 0)).await;
        let take = AppendEntry { client_message_id: Some("once".into()), ..take };
        match bench.commit(vec![Change::AppendEntry(take)]).await.remove(0) {
            Ok(committed) => expected = Some(appended(&committed).clone()),
            Err(Rejected::Duplicate(original)) => {
                let expected = expected.clone().map(|first| crate::store::Original::Message(Box::new(first)));
                assert_eq!(Some(original), expected);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bench.messages(&id).await.len(), 2);
}

/// The work that a commit has returned survives a crash.
pub async fn the_work_survives_a_crash<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.act("control", &id, (WorkAction::Take, 0)).await;
    let (conversation, messages) = (bench.conversation(&id).await, bench.messages(&id).await);
    let row = bench.row("driver", &id).await;
    if bench.crash().await {
        assert_eq!(bench.find_conversation(&id).await, Some(conversation), "the acknowledged work");
        assert_eq!(bench.messages(&id).await, messages);
        assert_eq!(bench.row("driver", &id).await, row);
        bench.act("control", &id, (WorkAction::Release, 2)).await;
    }
}
