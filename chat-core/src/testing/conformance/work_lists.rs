//! Cases: the lists of conversations by their work, and conversations that control starts.

use std::slice;

use super::Fixture;
use super::bench::{Bench, control, is_conflict, time};
use super::queries::expect_facts;
use crate::id::ConversationId;
use crate::permission::may_start;
use crate::protocol::{MessageWork, Role, User, Work, WorkAction, WorkCounts, WorkList};
use crate::store::{
    Account, Change, CreateConversation, Event, Facts, Query, WorkPage, WorkPlace, WorkQuery,
};

/// A list of a user since [`time`] -1, without bounds.
fn query(user: &str, list: WorkList) -> WorkQuery {
    let (user, since) = (user.into(), time(-1));
    WorkQuery { user, list, since, after: None, limit: u32::MAX, members: usize::MAX }
}

async fn page<F: Fixture>(bench: &mut Bench<F>, query: WorkQuery) -> WorkPage {
    *expect_facts!(bench, Query::Work(query), Work)
}

fn ids(page: &WorkPage) -> Vec<ConversationId> {
    page.page.rows.iter().map(|row| row.conversation.id.clone()).collect()
}

async fn listed<F: Fixture>(bench: &mut Bench<F>, user: &str, list: WorkList) -> Vec<ConversationId> {
    ids(&page(bench, query(user, list)).await)
}

async fn act<F: Fixture>(bench: &mut Bench<F>, user: &str, id: &ConversationId, action: WorkAction) {
    let version = bench.conversation(id).await.work.version;
    bench.act(user, id, (action, version)).await;
}

/// Conversations of a driver with the teams of `control` and `other`, created at 30, 10 and 20.
async fn three<F: Fixture>(bench: &mut Bench<F>) -> [ConversationId; 3] {
    let mut ids = Vec::new();
    for at in [30, 10, 20] {
        ids.push(bench.create_at("driver", &["control", "other"], at).await);
    }
    ids.try_into().expect("three were created")
}

/// Waiting conversations come by the beginning of the waiting, and each list has its own.
pub async fn each_list_has_its_conversations<F: Fixture>(bench: &mut Bench<F>) {
    let [late, first, second] = three(bench).await;
    assert_eq!(
        listed(bench, "control", WorkList::Waiting).await,
        [first.clone(), second.clone(), late.clone()]
    );
    bench.say("control", &first, "I am on it", 40).await;
    act(bench, "other", &second, WorkAction::Take).await;
    bench.say("driver", &first, "thanks", 50).await;
    for (user, mine, others) in [("control", &first, &second), ("other", &second, &first)] {
        assert_eq!(listed(bench, user, WorkList::Waiting).await, slice::from_ref(&late), "{user}");
        assert_eq!(listed(bench, user, WorkList::Mine).await, slice::from_ref(mine), "{user}");
        assert_eq!(listed(bench, user, WorkList::Others).await, slice::from_ref(others), "{user}");
    }
    act(bench, "control", &first, WorkAction::Resolve).await;
    act(bench, "other", &second, WorkAction::Resolve).await;
    let resolved = page(bench, query("control", WorkList::Resolved)).await;
    let mut places: Vec<_> = resolved.page.rows.iter().map(|row| WorkPlace::of(&row.conversation)).collect();
    assert!(places.is_sorted(), "the newest resolution comes first: {places:?}");
    places.dedup();
    assert_eq!((places.len(), resolved.next), (2, None));
    bench.say("driver", &second, "one more thing", 60).await;
    assert_eq!(
        listed(bench, "other", WorkList::Mine).await,
        slice::from_ref(&second),
        "reopened by a message"
    );
    act(bench, "other", &second, WorkAction::Release).await;
    assert_eq!(listed(bench, "control", WorkList::Waiting).await, [late, second]);
    assert_eq!(listed(bench, "driver", WorkList::Waiting).await, [], "work is a matter of control");
    let row = bench.row("control", &first).await.rows.remove(0);
    let resolved = page(bench, query("control", WorkList::Resolved)).await;
    assert_eq!(resolved.page.rows, [row], "the row of the list");
}

/// Every page names the numbers of all four lists.
pub async fn every_page_counts_all_lists<F: Fixture>(bench: &mut Bench<F>) {
    let [one, two, three] = three(bench).await;
    act(bench, "control", &one, WorkAction::Take).await;
    act(bench, "other", &two, WorkAction::Take).await;
    act(bench, "control", &three, WorkAction::Take).await;
    act(bench, "control", &three, WorkAction::Resolve).await;
    for at in [40, 50] {
        bench.create_at("driver", &["control"], at).await;
    }
    for (user, waiting, mine) in [("control", 2, 1), ("other", 0, 1)] {
        let expected = WorkCounts { waiting, mine, others: 1, resolved: 1 };
        for list in WorkList::ALL {
            let first = WorkQuery { limit: 1, ..query(user, list) };
            assert_eq!(page(bench, first).await.counts, expected, "{list:?} of {user}");
        }
    }
}

/// Pages from place to place join without holes, and are cut by their members.
pub async fn pages_by_work_join_without_holes<F: Fixture>(bench: &mut Bench<F>) {
    let mut all = Vec::new();
    for at in 0..7 {
        // Two wait since the same time, and come by their ids.
        all.push((at / 2, bench.create_at("driver", &["control"], at / 2).await));
    }
    all.sort();
    let all: Vec<_> = all.into_iter().map(|(_, id)| id).collect();
    for limit in [1, 2, 3, 7, 8] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = page(bench, WorkQuery { after, limit, ..query("control", WorkList::Waiting) }).await;
            assert_eq!(page.page.more, page.next.is_some(), "{page:?}");
            found.extend(ids(&page));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, all, "by pages of {limit}");
    }
    let few = page(bench, WorkQuery { members: 3, ..query("control", WorkList::Waiting) }).await;
    assert_eq!(few.page.rows.len(), 3, "each has one member");
    assert_eq!(few.next, Some(WorkPlace::of(&few.page.rows[2].conversation)));
}

/// A list leaves out waiting and resolutions from before its period, but never an own conversation.
pub async fn lists_by_work_have_a_period<F: Fixture>(bench: &mut Bench<F>) {
    let [late, first, second] = three(bench).await;
    let since = |user: &str, list, at| WorkQuery { since: time(at), ..query(user, list) };
    let waiting = page(bench, since("control", WorkList::Waiting, 20)).await;
    assert_eq!((ids(&waiting), waiting.counts.waiting), (vec![late], 1));
    act(bench, "control", &first, WorkAction::Take).await;
    assert_eq!(ids(&page(bench, since("control", WorkList::Mine, 20)).await), slice::from_ref(&first));
    assert_eq!(ids(&page(bench, since("other", WorkList::Others, 20)).await), []);
    bench.say("control", &second, "I am on it", 25).await;
    let others = page(bench, since("other", WorkList::Others, 20)).await;
    assert_eq!(ids(&others), [second], "nobody waits any more");
    act(bench, "control", &first, WorkAction::Resolve).await;
    for (at, expected) in [(9, 1), (10, 0)] {
        let resolved = page(bench, since("control", WorkList::Resolved, at)).await;
        assert_eq!(resolved.page.rows.len(), expected, "since {at}");
    }
}

/// The conversations of an assignee without the role wait, at their old place.
pub async fn the_work_of_nobody_waits<F: Fixture>(bench: &mut Bench<F>) {
    let [late, first, _] = three(bench).await;
    act(bench, "other", &first, WorkAction::Take).await;
    act(bench, "other", &late, WorkAction::Take).await;
    assert_eq!(listed(bench, "control", WorkList::Others).await.len(), 2);
    let driver = Account { user: User::new("other", Role::BusDriver), ..control("other", &["other"]) };
    bench.put(driver).await;
    let waiting = page(bench, query("control", WorkList::Waiting)).await;
    assert_eq!((waiting.page.rows.len(), ids(&waiting)[0].clone()), (3, first.clone()));
    assert_eq!((waiting.counts.waiting, waiting.counts.others), (3, 0));
    bench.put(control("other", &["other"])).await;
    assert_eq!(listed(bench, "other", WorkList::Mine).await, [first, late], "again in control");
}

/// Members while in control have a conversation in their lists, and withdrawn users do not.
pub async fn lists_by_work_follow_the_members<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.put(control("guest", &["guests"])).await;
    assert_eq!(listed(bench, "guest", WorkList::Waiting).await, []);
    let enrol = bench.membership("guest", &id).await;
    bench.accept(Change::Enrol(enrol)).await;
    assert_eq!(listed(bench, "guest", WorkList::Waiting).await, slice::from_ref(&id));
    act(bench, "guest", &id, WorkAction::Take).await;
    assert_eq!(listed(bench, "control", WorkList::Others).await, slice::from_ref(&id));
    let withdraw = bench.membership("guest", &id).await;
    bench.accept(Change::Withdraw(withdraw)).await;
    assert_eq!(listed(bench, "guest", WorkList::Mine).await, []);
    assert_eq!(listed(bench, "control", WorkList::Waiting).await, slice::from_ref(&id));
    let withdraw = bench.membership("control", &id).await;
    bench.accept(Change::Withdraw(withdraw)).await;
    assert_eq!(listed(bench, "control", WorkList::Waiting).await, []);
    let enrol = bench.membership("control", &id).await;
    bench.accept(Change::Enrol(enrol)).await;
    assert_eq!(listed(bench, "control", WorkList::Waiting).await, [id]);
}

/// The lists that a commit has changed survive a crash.
pub async fn lists_by_work_survive_a_crash<F: Fixture>(bench: &mut Bench<F>) {
    let [late, first, second] = three(bench).await;
    act(bench, "control", &first, WorkAction::Take).await;
    act(bench, "other", &second, WorkAction::Take).await;
    if bench.crash().await {
        assert_eq!(listed(bench, "control", WorkList::Waiting).await, [late]);
        assert_eq!(listed(bench, "control", WorkList::Mine).await, [first]);
        assert_eq!(listed(bench, "control", WorkList::Others).await, [second]);
    }
}

/// A conversation that `control` starts with `driver`, filed with this team.
async fn start<F: Fixture>(bench: &mut Bench<F>, by: &str) -> CreateConversation {
    let creation = bench.creation("driver", &["control"]).await;
    let account = bench.stored_account(by).await.expect("the user has an account");
    let permit = may_start(&account).expect("the user is in control");
    CreateConversation { permit, to: vec!["driver".into()], ..creation }
}

/// A conversation that control starts is taken by its creator, and its addressees take part.
pub async fn control_starts_a_conversation<F: Fixture>(bench: &mut Bench<F>) {
    bench.put(control("control", &["control"])).await;
    let creation = start(bench, "control").await;
    let id = creation.id.clone();
    let committed = bench.accept(Change::CreateConversation(creation)).await;
    let Some(Event::ConversationCreated(created)) = committed.event else { panic!("{committed:?}") };
    let work = Work::started("control".into(), time(0));
    assert_eq!(created.work, Some(work.clone()));
    let conversation = bench.conversation(&id).await;
    assert_eq!(conversation, created.conversation());
    assert_eq!((&conversation.work, conversation.created_by.as_str()), (&work, "control"));
    let message = bench.messages(&id).await.remove(0);
    assert_eq!(message.work, Some(MessageWork { action: None, work }));
    for user in ["driver", "control"] {
        assert_eq!(bench.listed_ids(user).await, slice::from_ref(&id), "{user} takes part");
    }
    assert_eq!(listed(bench, "control", WorkList::Mine).await, slice::from_ref(&id));
    bench.say("driver", &id, "what is it?", 5).await;
    let work = bench.conversation(&id).await.work;
    assert_eq!((work.waiting_since, work.version), (Some(time(5)), 1));
    act(bench, "control", &id, WorkAction::Release).await;
    assert_eq!(listed(bench, "control", WorkList::Waiting).await, [id]);
}

/// A start by a user who has left control is a conflict.
pub async fn a_start_by_field_staff_conflicts<F: Fixture>(bench: &mut Bench<F>) {
    bench.put(control("control", &["control"])).await;
    let creation = start(bench, "control").await;
    let driver = Account { user: User::new("control", Role::BusDriver), ..control("control", &["control"]) };
    let put = bench.replacing(driver);
    let verdicts = bench.commit(vec![put, Change::CreateConversation(creation)]).await;
    assert!(is_conflict(&verdicts[1]), "{verdicts:?}");
}
