//! Cases: several handles of one store, and its history.

use std::future::Future;

use futures::future::{join, poll_immediate};

use super::Fixture;
use super::bench::{Bench, appended, is_conflict};
use crate::id::ConversationId;
use crate::protocol::{Role, User};
use crate::store::{
    Account, AppendMessage, Change, CommitId, Committed, Event, Followed, Happened, Life, Position,
    PutAccount, Query, Rejected, Store, Verdict,
};

/// A maker of stores that several engines share.
pub trait SharedFixture: Fixture {
    /// Opens another handle of the store, as another process would.
    fn another(&mut self, store: &Self::Store) -> impl Future<Output = Self::Store>;

    /// Begins another epoch, as after a failover that has lost the end of the history. The handles
    /// stay open.
    fn begin_epoch(&mut self, store: &Self::Store) -> impl Future<Output = ()>;
}

/// The name of a commit of the first handle or of the second one.
fn id(handle: u8, number: u64) -> CommitId {
    CommitId { life: Life([handle; 16]), number }
}

/// Commits at a handle, and checks the answer as for any other commit.
async fn commit_at<F: Fixture>(
    bench: &mut Bench<F>,
    store: &F::Store,
    id: CommitId,
    changes: Vec<Change>,
) -> Vec<Verdict> {
    let verdicts = store.commit_as(id, changes).await.expect("commit: the store is available");
    bench.note(&verdicts);
    verdicts
}

/// The whole history after a position, in answers of any length.
async fn history<S: Store>(store: &S, after: Position, last: Position) -> Vec<Happened> {
    let (mut heard, mut all) = (after, Vec::new());
    while heard < last {
        let Followed { happened, .. } = store.follow(heard).await.expect("follow: the store is available");
        assert!(!happened.is_empty(), "an answer has events if there are any");
        heard = happened.last().map_or(heard, |last| last.position);
        all.extend(happened);
    }
    all
}

async fn message<F: Fixture>(bench: &mut Bench<F>, to: &ConversationId) -> AppendMessage {
    bench.message("driver", to).await
}

/// An engine learns from the directory that others change the store too.
pub async fn the_directory_says_that_the_store_is_shared<F: SharedFixture>(bench: &mut Bench<F>) {
    assert!(bench.directory().await.shared);
}

/// Two handles append to one conversation by turns. Numbers and positions have no holes.
pub async fn two_handles_make_one_history<F: SharedFixture>(bench: &mut Bench<F>) {
    let to = bench.create("driver", &["control"]).await;
    let other = bench.another().await;
    let begin = bench.accepted();
    for turn in 1..=6 {
        let change = Change::AppendMessage(message(bench, &to).await);
        let verdicts = if turn % 2 == 0 {
            bench.commit(vec![change]).await
        } else {
            commit_at(bench, &other, id(2, turn), vec![change]).await
        };
        let committed = verdicts[0].as_ref().expect("a message is accepted");
        assert_eq!((appended(committed).seq, committed.position.0), (turn + 1, begin.0 + turn));
    }
}

/// A load at one handle sees each commit of the other that has returned.
pub async fn a_load_sees_the_commits_of_another_handle<F: SharedFixture>(bench: &mut Bench<F>) {
    let to = bench.create("driver", &["control"]).await;
    let other = bench.another().await;
    let change = Change::AppendMessage(message(bench, &to).await);
    commit_at(bench, &other, id(2, 1), vec![change]).await;
    assert_eq!(bench.messages(&to).await.len(), 2);
    let at_other = other.load(Query::Conversation(to)).await.expect("load: the store is available");
    assert_eq!(at_other.position, bench.accepted());
}

/// The same `client_message_id` at both handles at once is stored once. The second is a duplicate.
pub async fn a_request_at_two_handles_at_once_is_stored_once<F: SharedFixture>(bench: &mut Bench<F>) {
    let to = bench.create("driver", &["control"]).await;
    let other = bench.another().await;
    for round in 0..10 {
        let named = |draft| {
            let client_message_id = Some(format!("once {round}").as_str().into());
            vec![Change::AppendMessage(AppendMessage { client_message_id, ..draft })]
        };
        let (here, there) = (named(message(bench, &to).await), named(message(bench, &to).await));
        let (here, there) =
            join(bench.store().commit_as(id(1, round), here), other.commit_as(id(2, round), there)).await;
        let verdicts = [here, there].map(|verdicts| verdicts.expect("the store is available").remove(0));
        let accepted = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
        let repeated =
            verdicts.iter().filter(|verdict| matches!(verdict, Err(Rejected::Duplicate(_)))).count();
        assert_eq!((accepted, repeated), (1, 1), "one is stored, the other is a repeat");
        bench.note(&verdicts);
    }
}

/// A change decided on a version that the other handle has raised is a conflict.
pub async fn a_version_raised_at_another_handle_conflicts<F: SharedFixture>(bench: &mut Bench<F>) {
    let to = bench.create("driver", &["control"]).await;
    let other = bench.another().await;
    let late = Change::AppendMessage(message(bench, &to).await);
    bench.put(Account::new(User::new("new", Role::BusDriver))).await;
    let membership = bench.membership("new", &to).await;
    let raised = commit_at(bench, &other, id(2, 1), vec![Change::Enrol(membership)]).await;
    assert!(raised[0].is_ok());
    assert!(is_conflict(&bench.commit(vec![late]).await[0]));
}

/// An account decided on one that the other handle has replaced is a conflict.
pub async fn an_account_replaced_at_another_handle_conflicts<F: SharedFixture>(bench: &mut Bench<F>) {
    let account = || Account::new(User::new("driver", Role::BusDriver));
    let position = bench.put(account()).await.position;
    let other = bench.another().await;
    let replaces = Some(position);
    let out = PutAccount { account: Account { active: false, ..account() }, replaces };
    assert!(commit_at(bench, &other, id(2, 1), vec![Change::PutAccount(out)]).await[0].is_ok());
    let late = PutAccount { account: account(), replaces };
    assert!(is_conflict(&bench.commit(vec![Change::PutAccount(late)]).await[0]));
}

/// Every handle gives every event, from any position, in order, once, with the commit that made it.
pub async fn the_history_has_every_event_once<F: SharedFixture>(bench: &mut Bench<F>) {
    let to = bench.create("driver", &["control"]).await;
    let other = bench.another().await;
    let begin = bench.accepted();
    let mut made = Vec::new();
    for number in 0..3 {
        for (handle, store) in [(1, None), (2, Some(&other))] {
            let changes = vec![
                Change::AppendMessage(message(bench, &to).await),
                Change::AppendMessage(message(bench, &to).await),
            ];
            let store = store.unwrap_or(bench.store());
            let verdicts =
                store.commit_as(id(handle, number), changes).await.expect("the store is available");
            bench.note(&verdicts);
            made.extend(verdicts.into_iter().flatten().map(|committed| (committed, id(handle, number))));
        }
    }
    let last = bench.accepted();
    for from in begin.0..=last.0 {
        for store in [bench.store(), &other] {
            let heard = history(store, Position(from), last).await;
            let heard = heard.into_iter().map(|Happened { position, event, by }| {
                (Committed { position, event: Some(event.unsealed()) }, by)
            });
            let expected = made.iter().filter(|(committed, _)| committed.position.0 > from);
            let expected = expected.cloned().map(|(committed, by)| {
                (Committed { event: committed.event.map(Event::unsealed), ..committed }, Some(by))
            });
            assert!(heard.eq(expected), "the history after {from}");
        }
    }
}

/// The history waits until there is something new.
pub async fn the_history_waits_for_the_next_event<F: SharedFixture>(bench: &mut Bench<F>) {
    let to = bench.create("driver", &["control"]).await;
    let other = bench.another().await;
    let mut next = Box::pin(other.follow(bench.accepted()));
    assert!(poll_immediate(&mut next).await.is_none(), "nothing has happened");
    let change = Change::AppendMessage(message(bench, &to).await);
    let verdicts = bench.store().commit_as(id(1, 1), vec![change]).await.expect("the store is available");
    bench.note(&verdicts);
    let Followed { happened, .. } = next.await.expect("follow: the store is available");
    assert_eq!(happened.first().map(|first| first.position), Some(bench.accepted()));
}

/// A batch that is refused leaves nothing in the history.
pub async fn a_refused_change_is_not_in_the_history<F: SharedFixture>(bench: &mut Bench<F>) {
    let to = bench.create("driver", &["control"]).await;
    let other = bench.another().await;
    let begin = bench.accepted();
    let known = bench.conversation(&to).await;
    let refused = bench.permit_on_version("driver", &known, known.version + 1);
    let refused = Change::AppendMessage(bench.message_under(refused));
    assert!(is_conflict(&commit_at(bench, &other, id(2, 1), vec![refused]).await[0]));
    let change = Change::AppendMessage(message(bench, &to).await);
    commit_at(bench, &other, id(2, 2), vec![change]).await;
    let heard = history(bench.store(), begin, bench.accepted()).await;
    assert_eq!(heard.iter().map(|happened| happened.by).collect::<Vec<_>>(), [Some(id(2, 2))]);
}

/// Once another epoch has begun, an older handle shows it in its history, and answers nothing else.
pub async fn a_handle_does_not_outlive_its_epoch<F: SharedFixture>(bench: &mut Bench<F>) {
    let to = bench.create("driver", &["control"]).await;
    let epoch = bench.directory().await.epoch;
    let other = bench.another().await;
    let change = Change::AppendMessage(message(bench, &to).await);
    let heard = bench.accepted();
    bench.begin_epoch().await;
    let followed = other.follow(heard).await.expect("follow: the store is available");
    assert_ne!(followed.epoch, epoch);
    assert!(other.load(Query::Conversation(to)).await.is_err());
    assert!(other.commit_as(id(2, 1), vec![change]).await.is_err());
    let next = bench.another().await;
    assert!(next.load(Query::Directory).await.is_ok(), "a handle of the new epoch answers");
}
