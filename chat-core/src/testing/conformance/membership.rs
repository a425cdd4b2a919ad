//! Cases: members by name.

use super::Fixture;
use super::bench::{Bench, control, is_conflict};
use super::queries::Listing;
use crate::conversation::Standing;
use crate::id::ConversationId;
use crate::protocol::{Role, User};
use crate::store::{Account, Change, Committed, CreateConversation, Event, Membership};

/// The standing of a user in a conversation.
async fn standing<F: Fixture>(bench: &mut Bench<F>, user: &str, id: &ConversationId) -> Standing {
    bench.conversation(id).await.participation.members.standing(&user.into())
}

/// Withdraws a user, which must change something.
pub(super) async fn withdraw<F: Fixture>(bench: &mut Bench<F>, user: &str, id: &ConversationId) {
    let withdrawal = bench.membership(user, id).await;
    let version = withdrawal.version + 1;
    assert_membership(&bench.accept(Change::Withdraw(withdrawal)).await, Some(version));
}

/// Enrols a user, which must change something.
pub(super) async fn enrol<F: Fixture>(bench: &mut Bench<F>, user: &str, id: &ConversationId) {
    let enrolment = bench.membership(user, id).await;
    let version = enrolment.version + 1;
    assert_membership(&bench.accept(Change::Enrol(enrolment)).await, Some(version));
}

/// Asserts that a user lacks a conversation in its list and as a row, and says nothing in it.
pub(super) async fn has_no_part<F: Fixture>(bench: &mut Bench<F>, user: &str, id: &ConversationId) {
    let listed = bench.listed_ids(user).await;
    assert!(!listed.contains(id), "{user} does not take part, and its list has {id}");
    assert_eq!(bench.row(user, id).await.rows, [], "{user} does not take part, and gets a row");
    let known = bench.conversation(id).await;
    let append = bench.message_under(bench.permit_on_version(user, &known, known.version));
    let verdicts = bench.commit(vec![Change::AppendMessage(append)]).await;
    assert!(is_conflict(&verdicts[0]), "{user} does not take part, and sends: {verdicts:?}");
}

/// Asserts that a user has a conversation in its list and as a row, and sends messages to it.
pub(super) async fn has_a_part<F: Fixture>(bench: &mut Bench<F>, user: &str, id: &ConversationId) {
    let listed = bench.listed_ids(user).await;
    let count = listed.iter().filter(|listed| *listed == id).count();
    assert_eq!(count, 1, "{user} takes part, and its list is {listed:?}");
    assert_eq!(bench.row(user, id).await.rows.len(), 1, "{user} takes part, and gets no row");
    bench.append(user, id, 1).await;
}

fn assert_membership(committed: &Committed, expected: Option<u64>) {
    let version = committed.event.as_ref().map(|event| match event {
        Event::MemberAdded(changed) | Event::MemberWithdrawn(changed) => changed.version,
        other => panic!("a change of members gave {other:?}"),
    });
    assert_eq!(version, expected, "the event names the version after it, and no change has none");
}

/// An enrolled user takes part in all that there is, and the version rises by one.
pub async fn an_enrolled_user_takes_part<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &[]).await;
    bench.put(Account::new(User::new("regulator", Role::QueueRegulator))).await;
    has_no_part(bench, "regulator", &id).await;
    enrol(bench, "regulator", &id).await;
    let now = bench.conversation(&id).await;
    assert_eq!((now.version, now.last_seq), (2, 1));
    assert_eq!(standing(bench, "regulator", &id).await, Standing::Member);
    has_a_part(bench, "regulator", &id).await;
    bench.put(control("regulator", &[])).await;
    has_a_part(bench, "regulator", &id).await;
}

/// A withdrawn user has no part left, while the others go on.
pub async fn a_withdrawn_user_takes_part_no_more<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "admin"]).await;
    withdraw(bench, "control", &id).await;
    has_no_part(bench, "control", &id).await;
    has_a_part(bench, "admin", &id).await;
    withdraw(bench, "driver", &id).await;
    has_no_part(bench, "driver", &id).await;
    assert_eq!(bench.conversation(&id).await.created_by, "driver".into(), "the creator stays known");
}

/// A user of a team that was withdrawn by name stays out: in another role, or in more of the teams.
pub async fn a_withdrawal_outlasts_changes_of_the_account<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "admin"]).await;
    withdraw(bench, "control", &id).await;
    bench.put(control("control", &["control", "admin"])).await;
    has_no_part(bench, "control", &id).await;
    bench.put(Account::new(User::new("control", Role::BusDriver))).await;
    has_no_part(bench, "control", &id).await;
    bench.put(control("control", &["control"])).await;
    has_no_part(bench, "control", &id).await;
}

/// An enrolment lifts a withdrawal. A user of a team then takes part by the team, and no longer
/// without the team.
pub async fn an_enrolment_lifts_a_withdrawal<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    for user in ["control", "driver"] {
        withdraw(bench, user, &id).await;
        enrol(bench, user, &id).await;
        has_a_part(bench, user, &id).await;
    }
    assert_eq!(standing(bench, "control", &id).await, Standing::Unnamed);
    assert_eq!(standing(bench, "driver", &id).await, Standing::Member);
    bench.put(control("control", &["another"])).await;
    has_no_part(bench, "control", &id).await;
}

/// A part given by name to control of other teams ends with the control role.
pub async fn a_part_given_to_control_ends_with_the_role<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.put(control("other", &["another"])).await;
    has_no_part(bench, "other", &id).await;
    enrol(bench, "other", &id).await;
    assert_eq!(standing(bench, "other", &id).await, Standing::ControlMember);
    bench.put(control("other", &[])).await;
    has_a_part(bench, "other", &id).await;
    bench.put(Account::new(User::new("other", Role::BusDriver))).await;
    has_no_part(bench, "other", &id).await;
}

/// To enrol a participant is accepted and changes nothing, whether by team or by name, active or
/// without an account.
pub async fn to_enrol_a_participant_changes_nothing<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "inactive"]).await;
    bench.put(Account { active: false, ..control("inactive", &["inactive"]) }).await;
    enrol(bench, "nobody", &id).await;
    let before = bench.conversation(&id).await;
    for user in ["control", "driver", "inactive", "nobody"] {
        let enrol = bench.membership(user, &id).await;
        assert_membership(&bench.accept(Change::Enrol(enrol)).await, None);
    }
    assert_eq!(bench.conversation(&id).await, before, "the version included");
}

/// Withdrawing a stranger is accepted and changes nothing.
pub async fn to_withdraw_a_stranger_changes_nothing<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.put(control("other", &["another"])).await;
    let before = bench.conversation(&id).await;
    for user in ["stranger", "other"] {
        let withdraw = bench.membership(user, &id).await;
        assert_membership(&bench.accept(Change::Withdraw(withdraw)).await, None);
    }
    assert_eq!(bench.conversation(&id).await, before, "the version included");
    withdraw(bench, "control", &id).await;
    let again = bench.membership("control", &id).await;
    assert_membership(&bench.accept(Change::Withdraw(again)).await, None);
}

/// A withdrawal reaches inactive users, and members without an account: both stay out once they
/// come.
pub async fn a_withdrawal_reaches_who_is_not_there<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.put(Account { active: false, ..control("control", &["control"]) }).await;
    enrol(bench, "nobody", &id).await;
    withdraw(bench, "control", &id).await;
    withdraw(bench, "nobody", &id).await;
    bench.put(control("control", &["control"])).await;
    bench.put(Account::new(User::new("nobody", Role::BusDriver))).await;
    has_no_part(bench, "control", &id).await;
    has_no_part(bench, "nobody", &id).await;
}

/// A list shows a conversation once, however many reasons the user has to take part.
pub async fn several_reasons_give_one_row<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["a", "b"]).await;
    let other = bench.create("driver", &["b"]).await;
    bench.put(Account::new(User::new("both", Role::QueueRegulator))).await;
    enrol(bench, "both", &id).await;
    bench.put(control("both", &["a", "b"])).await;
    assert_eq!(bench.listed_ids("both").await, [other.clone(), id.clone()]);
    let page = bench.listed(Listing { limit: 1, ..Listing::of("both") }).await;
    assert!(page.more, "one of two rows");
    let page = bench.listed(Listing { skip: 1, limit: 1, ..Listing::of("both") }).await;
    assert_eq!((&page.rows[0].conversation.id, page.more), (&id, false), "skipped rows are counted once too");
    withdraw(bench, "both", &id).await;
    assert_eq!(bench.listed_ids("both").await, [other], "one withdrawal ends all of them");
}

/// A conversation with hundreds of members is read whole, and so are hundreds of conversations and
/// hundreds of users of teams.
pub async fn hundreds_of_members_and_conversations_are_read<F: Fixture>(bench: &mut Bench<F>) {
    let names: Vec<_> = (0..300).map(|number| format!("control_{number:03}")).collect();
    let accounts = names.iter().map(|name| bench.replacing(control(name, &["all"])));
    let accounts = accounts.collect();
    bench.accept_all(accounts).await;
    let many = bench.create("driver", &[]).await;
    for (version, name) in (1..).zip(&names) {
        let (conversation, user) = (many.clone(), name.as_str().into());
        bench.accept(Change::Enrol(Membership { conversation, version, user })).await;
    }
    let mut others = Vec::new();
    for _ in 0..150 {
        let creation = bench.creation("driver", &[]).await;
        others.push(creation.id.clone());
        let creation = CreateConversation { teams: vec!["all".into()], ..creation };
        bench.accept(Change::CreateConversation(creation)).await;
    }
    assert_eq!(bench.conversation(&many).await.participation.members.len(), 301, "every member");
    let list = bench.listed(Listing::of("control_007")).await;
    assert_eq!(list.rows.len(), 151, "every row of a list");
    let whole = list.rows.iter().find(|row| row.conversation.id == many).expect("a member has a row");
    assert_eq!(whole.conversation.participation.members.len(), 301, "every member in a list");
    assert_eq!(list.users.len(), 301, "every member is described");
    let staff = bench.staff().await.into_iter().map(|account| account.user.id.to_string());
    assert_eq!(staff.collect::<Vec<_>>(), names, "all staff");
}
