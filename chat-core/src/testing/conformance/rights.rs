//! Cases: a change is refused if the account that it was decided on has changed since.

use super::Fixture;
use super::accounts::permit_by_rights;
use super::bench::{Bench, control, is_conflict, mark};
use crate::id::ConversationId;
use crate::protocol::{Role, User};
use crate::store::{Account, Change, Position, PutAccount};

fn driver() -> Account {
    Account::new(User::new("driver", Role::BusDriver))
}

fn renamed() -> Account {
    Account { user: User { first_name: "Dee".into(), ..driver().user }, ..driver() }
}

/// Gives the driver the same rights as before, after none.
async fn deactivate_and_activate<F: Fixture>(bench: &mut Bench<F>) {
    bench.put(Account { active: false, ..driver() }).await;
    bench.put(driver()).await;
}

/// A message of the driver, decided on these rights.
async fn message<F: Fixture>(bench: &mut Bench<F>, id: &ConversationId, rights: Position) -> Change {
    let known = bench.conversation(id).await;
    Change::AppendMessage(bench.message_under(permit_by_rights("driver", &known, 1, rights)))
}

/// An account has the position of its last change, and that of the last change of its activity,
/// role or teams.
pub async fn an_account_has_the_positions_of_its_changes<F: Fixture>(bench: &mut Bench<F>) {
    let team = |account: Account| Account { teams: vec!["route 7".into()], ..account };
    for (account, changes_rights) in [
        (driver(), true),
        (renamed(), false),
        (team(renamed()), true),
        (team(driver()), false),
        (Account { active: false, ..team(driver()) }, true),
        (Account { role_imported: true, active: false, ..team(driver()) }, false),
        (control("driver", &["route 7"]), true),
        (control("driver", &["route 7", "route 8"]), true),
    ] {
        let before = bench.rights("driver");
        let position = bench.put(account.clone()).await.position;
        let stored = bench.stored_account("driver").await.expect("it was put");
        assert_eq!((&stored.account, stored.position), (&account, position), "the position of the change");
        let expected = if changes_rights { position } else { before };
        assert_eq!(stored.rights, expected, "the rights position of {account:?}");
        let staff = bench.directory().await.staff;
        assert!(!account.is_staff() || staff == [stored], "the directory has the same: {staff:?}");
    }
}

/// An account that was decided on another one than the user's present one is a conflict.
pub async fn an_account_that_replaces_another_conflicts<F: Fixture>(bench: &mut Bench<F>) {
    let first = bench.put(driver()).await.position;
    let out = Account { active: false, ..driver() };
    let second = bench.put(out.clone()).await.position;
    for replaces in [None, Some(Position(0)), Some(first), Some(Position(second.0 + 1))] {
        let put = Change::PutAccount(PutAccount { account: renamed(), replaces });
        let verdicts = bench.commit(vec![put]).await;
        assert!(is_conflict(&verdicts[0]), "{second:?} is not {replaces:?}, yet: {verdicts:?}");
    }
    assert_eq!(bench.account("driver").await, Some(out), "the deactivation stands");
    let unknown = Account::new(User::new("unknown", Role::BusDriver));
    let put = Change::PutAccount(PutAccount { account: unknown, replaces: Some(second) });
    assert!(is_conflict(&bench.commit(vec![put]).await[0]), "the user has no account");
    assert_eq!(bench.account("unknown").await, None, "a conflict puts nothing");
}

/// Of two changes of an account that were decided on the same one, the second is a conflict, and so
/// is whatever the user does later in the batch.
pub async fn of_two_changes_of_an_account_the_first_stands<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let both = [renamed(), Account { active: false, ..driver() }].map(|account| bench.replacing(account));
    let mut changes = Vec::from(both);
    let rights = bench.rights("driver");
    changes.push(message(bench, &id, rights).await);
    changes.push(mark(bench.permit("control", &id).await, 1));
    let verdicts = bench.commit(changes).await;
    assert!(verdicts[0].is_ok() && is_conflict(&verdicts[1]), "{verdicts:?}");
    assert!(is_conflict(&verdicts[2]), "later changes of the user are refused too: {verdicts:?}");
    assert!(verdicts[3].is_ok(), "changes of others are not: {verdicts:?}");
    assert_eq!(bench.account("driver").await, Some(renamed()));
}

/// A message, a reading or a creation that was decided on other rights is a conflict, also if the
/// user has the same rights again.
pub async fn a_change_on_other_rights_conflicts<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let before = bench.rights("driver");
    let creation = bench.creation("driver", &[]).await;
    deactivate_and_activate(bench).await;
    let now = bench.rights("driver");
    assert!(is_conflict(&bench.commit(vec![Change::CreateConversation(creation)]).await[0]), "a creation");
    let known = bench.conversation(&id).await;
    for rights in [Position(0), before, Position(now.0 - 1), Position(now.0 + 1)] {
        let message = message(bench, &id, rights).await;
        for change in [message, mark(permit_by_rights("driver", &known, 1, rights), 1)] {
            let asked = format!("{change:?}");
            let verdicts = bench.commit(vec![change]).await;
            assert!(is_conflict(&verdicts[0]), "the rights are of {now:?}, yet {asked} gave {verdicts:?}");
        }
    }
    assert_eq!(bench.conversation(&id).await, known, "a conflict changes nothing");
    bench.append("driver", &id, 1).await;
}

/// A change of nothing but names, also earlier in the batch, leaves decisions on the rights alone.
pub async fn a_change_of_names_leaves_the_rights<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let rights = bench.rights("driver");
    let changes = vec![bench.replacing(renamed()), message(bench, &id, rights).await];
    bench.accept_all(changes).await;
    let again = message(bench, &id, rights).await;
    bench.accept(again).await;
    assert_eq!(bench.conversation(&id).await.last_seq, 3);
}

/// After a refusal because of its rights, a user's later changes in the batch are refused too, so
/// that no request overtakes another of the same user.
pub async fn a_user_refused_once_is_refused_in_the_whole_batch<F: Fixture>(bench: &mut Bench<F>) {
    let [id, other] =
        [bench.create("driver", &["control"]).await, bench.create("driver", &["control"]).await];
    let before = bench.rights("driver");
    deactivate_and_activate(bench).await;
    let now = bench.rights("driver");
    let changes = vec![
        message(bench, &id, now).await,
        message(bench, &id, before).await,
        message(bench, &id, now).await,
        message(bench, &other, now).await,
        Change::AppendMessage(bench.message("control", &id).await),
    ];
    let verdicts = bench.commit(changes).await;
    let conflicts: Vec<_> = verdicts.iter().map(is_conflict).collect();
    assert_eq!(conflicts, [false, true, true, true, false], "{verdicts:?}");
    bench.append("driver", &id, 1).await;
}
