//! Cases: a change decided on outdated facts is refused.

use super::Fixture;
use super::bench::{Bench, appended, is_conflict, mark};
use crate::conversation::Conversation;
use crate::store::{AppendMessage, Change, Membership};

/// Every kind of change of an existing conversation, decided on this version of it.
fn every_change<F: Fixture>(bench: &mut Bench<F>, known: &Conversation, version: u64) -> [Change; 4] {
    let membership = |user: &str| Membership { conversation: known.id.clone(), version, user: user.into() };
    [
        Change::AppendMessage(bench.message_under(bench.permit_on_version("driver", known, version))),
        mark(bench.permit_on_version("driver", known, version), 1),
        Change::Enrol(membership("newcomer")),
        Change::Withdraw(membership("control")),
    ]
}

/// A change of a conversation that does not exist is a conflict.
pub async fn a_missing_conversation_conflicts<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let missing =
        Conversation { id: bench.creation("driver", &[]).await.id, ..bench.conversation(&id).await };
    for change in every_change(bench, &missing, 1) {
        let asked = format!("{change:?}");
        let verdict = bench.commit(vec![change]).await.remove(0);
        assert!(is_conflict(&verdict), "the conversation does not exist, yet {asked} gave {verdict:?}");
    }
    assert_eq!(bench.find_conversation(&missing.id).await, None, "a conflict creates nothing");
    assert_eq!(bench.messages(&missing.id).await, [], "a conflict stores no message");
    assert_eq!(bench.listed_ids("newcomer").await, [], "a conflict enrols nobody");
}

/// A change that names another version, older or newer, is a conflict.
pub async fn another_version_conflicts<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let enrol = bench.membership("second", &id).await;
    bench.accept(Change::Enrol(enrol)).await;
    let known = bench.conversation(&id).await;
    for version in [0, 1, 3, u64::MAX] {
        for change in every_change(bench, &known, version) {
            let asked = format!("{change:?}");
            let verdict = bench.commit(vec![change]).await.remove(0);
            assert!(is_conflict(&verdict), "the version is 2, yet {asked} gave {verdict:?}");
        }
    }
    assert_eq!(bench.conversation(&id).await, known, "a conflict changes nothing");
}

/// After a conflict the later changes of that conversation in the batch are refused, and of no
/// other.
pub async fn a_conflict_refuses_later_changes_of_the_conversation_only<F: Fixture>(bench: &mut Bench<F>) {
    let (id, other) = (bench.create("driver", &["control"]).await, bench.create("driver", &[]).await);
    let (known, unrelated) = (bench.conversation(&id).await, bench.conversation(&other).await);
    let mut changes = vec![
        Change::AppendMessage(bench.message_under(bench.permit_on_version("driver", &known, 1))),
        Change::AppendMessage(bench.message_under(bench.permit_on_version("driver", &known, 9))),
    ];
    changes.extend(every_change(bench, &known, 1));
    changes
        .push(Change::AppendMessage(bench.message_under(bench.permit_on_version("driver", &unrelated, 1))));
    let creation = bench.creation("driver", &[]).await;
    changes.push(Change::CreateConversation(creation));
    let verdicts = bench.commit(changes).await;
    assert!(verdicts[0].is_ok(), "what came before the conflict stands: {:?}", verdicts[0]);
    for verdict in &verdicts[1..=5] {
        assert!(is_conflict(verdict), "later changes of the conversation are refused, not {verdict:?}");
    }
    assert!(verdicts[6].is_ok(), "other conversations go on: {:?}", verdicts[6]);
    assert!(verdicts[7].is_ok(), "other conversations go on: {:?}", verdicts[7]);
    let after = bench.conversation(&id).await;
    assert_eq!((after.last_seq, after.version), (2, 1), "of the conversation only the first change was made");
    assert_eq!(after.participation, known.participation, "refused changes of members are not made");
}

/// The next batch is judged afresh.
pub async fn a_conflict_ends_with_its_batch<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let known = bench.conversation(&id).await;
    let stale = bench.message_under(bench.permit_on_version("driver", &known, 2));
    assert!(is_conflict(&bench.commit(vec![Change::AppendMessage(stale)]).await[0]));
    bench.append("driver", &id, 1).await;
    assert_eq!(bench.conversation(&id).await.last_seq, 2, "the same, decided again, is accepted");
}

/// A change of members earlier in the batch raises the version that later changes are held against.
pub async fn a_change_of_members_voids_later_decisions<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let known = bench.conversation(&id).await;
    let enrol = bench.membership("newcomer", &id).await;
    let stale = bench.message_under(bench.permit_on_version("control", &known, 1));
    let verdicts = bench.commit(vec![Change::Enrol(enrol), Change::AppendMessage(stale)]).await;
    assert!(
        verdicts[0].is_ok() && is_conflict(&verdicts[1]),
        "a later change sees the new version: {verdicts:?}"
    );
    let known = bench.conversation(&id).await;
    let withdraw = bench.membership("control", &id).await;
    let stale = bench.message_under(bench.permit_on_version("control", &known, 2));
    let verdicts = bench.commit(vec![Change::Withdraw(withdraw), Change::AppendMessage(stale)]).await;
    assert!(
        verdicts[0].is_ok() && is_conflict(&verdicts[1]),
        "who was withdrawn sends no more: {verdicts:?}"
    );
    let known = bench.conversation(&id).await;
    let withdraw = bench.membership("newcomer", &id).await;
    let fresh = bench.message_under(bench.permit_on_version("driver", &known, 4));
    let verdicts = bench.commit(vec![Change::Withdraw(withdraw), Change::AppendMessage(fresh)]).await;
    assert!(
        verdicts.iter().all(Result::is_ok),
        "the version that the batch itself made is accepted: {verdicts:?}"
    );
}

/// A change of members that changes nothing leaves the version, so that later decisions stand.
pub async fn a_change_of_nothing_voids_no_later_decision<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let enrol = bench.membership("control", &id).await;
    let withdraw = bench.membership("stranger", &id).await;
    let append = bench.message("driver", &id).await;
    let changes = vec![Change::Enrol(enrol), Change::Withdraw(withdraw), Change::AppendMessage(append)];
    let receipts = bench.accept_all(changes).await;
    assert_eq!(appended(&receipts[2]).seq, 2);
}

/// A change that met a conflict was not made: its `client_message_id` is free for another try.
pub async fn a_conflict_does_not_use_up_the_client_message_id<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let known = bench.conversation(&id).await;
    let stale = bench.message_under(bench.permit_on_version("driver", &known, 7));
    let stale = AppendMessage { client_message_id: Some("once".into()), ..stale };
    assert!(is_conflict(&bench.commit(vec![Change::AppendMessage(stale)]).await[0]));
    assert_eq!(bench.original("driver", "once").await, None, "a conflict is no original");
    let fresh = bench.message("driver", &id).await;
    bench
        .accept(Change::AppendMessage(AppendMessage { client_message_id: Some("once".into()), ..fresh }))
        .await;
    assert_eq!(bench.conversation(&id).await.last_seq, 2);
}
