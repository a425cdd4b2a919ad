//! Cases: how far the store's history has come.

use super::Fixture;
use super::bench::{Bench, control, mark};
use crate::store::{Change, Membership, Query};

/// Every change has a higher position than those before it, also within a batch and of whatever
/// kind.
pub async fn positions_rise_with_every_change<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let known = bench.conversation(&id).await;
    bench.put(control("y", &[])).await;
    let [x, y] = ["x", "y"].map(|user| bench.replacing(control(user, &["some team"])));
    let membership =
        |version, user: &str| Membership { conversation: id.clone(), version, user: user.into() };
    let batch = vec![
        x,
        Change::AppendMessage(bench.message_under(bench.permit_on_version("driver", &known, 1))),
        mark(bench.permit_on_version("control", &known, 1), 2),
        mark(bench.permit_on_version("control", &known, 1), 1),
        Change::Enrol(membership(1, "x")),
        Change::Enrol(membership(2, "x")),
        Change::Withdraw(membership(2, "control")),
        y,
        Change::CreateConversation(bench.creation("driver", &[]).await),
    ];
    // That positions rise is checked of every commit of every case.
    bench.accept_all(batch).await;
}

/// A load covers every commit that had returned when it began, whatever is asked.
pub async fn a_load_covers_every_commit_that_had_returned<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    for _ in 0..3 {
        bench.append("driver", &id, 2).await;
        for query in [Query::Directory, Query::Conversation(id.clone()), Query::Account("nobody".into())] {
            let position = bench.load(query).await.position;
            assert!(position >= bench.accepted(), "a load covers what was committed");
        }
        let later = bench.load(Query::Directory).await.position;
        bench.reopen().await;
        let reopened = bench.load(Query::Directory).await.position;
        assert!(reopened >= later, "positions outlive the process: {reopened:?} came after {later:?}");
    }
}

/// A batch of nothing is answered with nothing.
pub async fn an_empty_batch_changes_nothing<F: Fixture>(bench: &mut Bench<F>) {
    assert_eq!(bench.commit(vec![]).await, []);
    let id = bench.create("driver", &[]).await;
    let before = bench.conversation(&id).await;
    assert_eq!(bench.commit(vec![]).await, []);
    assert_eq!(bench.conversation(&id).await, before);
}

/// With no commit under way, a load claims the position of the last change and none beyond.
pub async fn a_load_claims_no_position_before_its_changes<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    for _ in 0..3 {
        // That no load is ahead is checked of every load of every case.
        bench.load(Query::Directory).await;
        bench.append("driver", &id, 2).await;
        bench.load(Query::Conversation(id.clone())).await;
    }
}
