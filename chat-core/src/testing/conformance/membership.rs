//! Cases: participants, and walks through the conversations step by step.

use super::Fixture;
use super::bench::{Bench, Listing, participants};
use crate::conversation::Conversation;
use crate::id::{ConversationId, UserId};
use crate::protocol::{Role, User};
use crate::store::{Account, Change, CreateConversation, Original, Receipt};

/// An enrolled user takes part in all that there is, and the version rises by one.
pub async fn an_enrolled_user_takes_part<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &[]).await;
    let enrol = bench.membership("control", &id).await;
    assert_membership(&bench.accept(Change::Enrol(enrol)).await, 2, true);
    let now = bench.conversation(&id).await;
    assert_eq!(now.participants, participants(&["driver", "control"]));
    assert_eq!((now.version, now.last_seq), (2, 1));
    assert_eq!(bench.memberships("control", None, 10).await, [now], "an enrolled user's memberships name it");
    assert_eq!(bench.listed(Listing::of("control")).await.rows.len(), 1, "an enrolled user's list shows it");
    bench.append("control", &id, 1).await;
}

/// A withdrawn user has no part left, while the others go on.
pub async fn a_withdrawn_user_takes_part_no_more<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "admin"]).await;
    let withdraw = bench.membership("control", &id).await;
    assert_membership(&bench.accept(Change::Withdraw(withdraw)).await, 2, true);
    let now = bench.conversation(&id).await;
    assert_eq!((now.version, &now.participants), (2, &participants(&["driver", "admin"])));
    assert_eq!(bench.memberships("control", None, 10).await, [], "a withdrawn user has no membership");
    assert_eq!(bench.listed(Listing::of("control")).await.rows, [], "a withdrawn user's list is without it");
    assert_eq!(bench.listed(Listing::of("admin")).await.rows.len(), 1, "the others keep it");
    let withdraw = bench.membership("driver", &id).await;
    assert_membership(&bench.accept(Change::Withdraw(withdraw)).await, 3, true);
    assert_eq!(bench.conversation(&id).await.created_by, "driver".into(), "who created it stays");
}

/// To enrol a participant is accepted and changes nothing.
pub async fn to_enrol_a_participant_changes_nothing<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let before = bench.conversation(&id).await;
    for user in ["control", "driver"] {
        let enrol = bench.membership(user, &id).await;
        assert_membership(&bench.accept(Change::Enrol(enrol)).await, 1, false);
    }
    assert_eq!(bench.conversation(&id).await, before, "the version included");
}

/// Withdrawing a stranger is accepted and changes nothing.
pub async fn to_withdraw_a_stranger_changes_nothing<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let before = bench.conversation(&id).await;
    let withdraw = bench.membership("stranger", &id).await;
    assert_membership(&bench.accept(Change::Withdraw(withdraw)).await, 1, false);
    assert_eq!(bench.conversation(&id).await, before, "the version included");
    let withdraw = bench.membership("control", &id).await;
    bench.accept(Change::Withdraw(withdraw)).await;
    let again = bench.membership("control", &id).await;
    assert_membership(&bench.accept(Change::Withdraw(again)).await, 2, false);
}

fn assert_membership(receipt: &Receipt, expected_version: u64, expected_change: bool) {
    match *receipt {
        Receipt::Membership { version, changed, .. } => {
            assert_eq!(version, expected_version, "the receipt names the version after it");
            assert_eq!(changed, expected_change, "the receipt says whether anything changed");
        }
        ref other => panic!("a change of members gave {other:?}"),
    }
}

/// Creates five conversations of a driver, of which control takes part in all but the third: by id.
async fn five<F: Fixture>(bench: &mut Bench<F>) -> Vec<ConversationId> {
    let mut ids = Vec::new();
    for number in 0..5 {
        let others: &[&str] = if number == 2 { &[] } else { &["control"] };
        ids.push(bench.create_at("driver", others, number).await);
    }
    ids
}

fn ids(conversations: &[Conversation]) -> Vec<ConversationId> {
    conversations.iter().map(|conversation| conversation.id.clone()).collect()
}

/// Memberships come by id, from after the cursor, and are fewer than the limit only at the end.
pub async fn memberships_go_through_all_by_id<F: Fixture>(bench: &mut Bench<F>) {
    let created = five(bench).await;
    let mut expected = created.clone();
    expected.remove(2);
    expected.sort();
    assert_eq!(ids(&bench.memberships("control", None, 10).await), expected, "all, by id");
    assert_eq!(ids(&bench.memberships("control", None, 3).await), expected[..3], "the first three");
    assert_eq!(bench.memberships("control", None, 4).await.len(), 4, "exactly the limit");
    for (place, id) in expected.iter().enumerate() {
        let later = bench.memberships("control", Some(id), 10).await;
        assert_eq!(ids(&later), expected[place + 1..], "only those with a greater id than the cursor");
    }
    let not_a_member = &created[2];
    let later: Vec<_> = expected.iter().filter(|id| *id > not_a_member).cloned().collect();
    let from = bench.memberships("control", Some(not_a_member), 10).await;
    assert_eq!(ids(&from), later, "a cursor need not be a membership");
    assert_eq!(bench.memberships("stranger", None, 10).await, []);
    let full = bench.memberships("control", None, 1).await.remove(0);
    assert_eq!(full, bench.conversation(&expected[0]).await, "a membership is the whole conversation");
}

/// Active conversations come by id, from after the cursor, whoever takes part.
pub async fn active_conversations_go_through_all_by_id<F: Fixture>(bench: &mut Bench<F>) {
    let mut expected = five(bench).await;
    expected.sort();
    let mut seen = Vec::new();
    loop {
        let step = bench.active(-1, seen.last(), 2).await;
        let at_the_end = step.len() < 2;
        seen.extend(ids(&step));
        if at_the_end {
            break;
        }
    }
    assert_eq!(seen, expected, "step by step each comes once, by id");
    assert_eq!(bench.active(-1, expected.last(), 2).await, [], "after the last there is none");
    let first = bench.active(-1, None, 1).await.remove(0);
    assert_eq!(first, bench.conversation(&expected[0]).await, "a step gives whole conversations");
}

/// A conversation with hundreds of participants is read whole, and so are hundreds of memberships.
pub async fn hundreds_of_participants_and_memberships_are_read<F: Fixture>(bench: &mut Bench<F>) {
    let mut names: Vec<_> = (0..300).map(|number| format!("control_{number}")).collect();
    let put = names.iter().map(|name| Account::new(User::new(name.as_str(), Role::ControlStaff)));
    bench.accept_all(put.map(Change::PutAccount).collect()).await;
    let others: Vec<&str> = names.iter().map(String::as_str).collect();
    let creation =
        CreateConversation { client_message_id: Some("many".into()), ..bench.creation("driver", &others) };
    let mut created = vec![creation.id.clone()];
    let all = creation.participants.clone();
    bench.accept(Change::CreateConversation(creation)).await;
    let more: Vec<_> = (0..150).map(|_| bench.creation("driver", &["control_0"])).collect();
    created.extend(more.iter().map(|creation| creation.id.clone()));
    bench.accept_all(more.into_iter().map(Change::CreateConversation).collect()).await;
    created.sort();
    assert_eq!(ids(&bench.memberships("control_0", None, 1_000).await), created, "every membership");
    assert_eq!(ids(&bench.active(-1, None, 1_000).await), created, "every active conversation");
    let rows = bench.listed(Listing::of("control_7")).await;
    assert_eq!(rows.rows[0].conversation.participants, all, "every participant in a list");
    assert_eq!(rows.users.len(), 300, "every known participant is described");
    assert_eq!(bench.conversation(&rows.rows[0].conversation.id).await.participants, all);
    let Some(Original::Conversation { participants, .. }) = bench.original("driver", "many").await else {
        panic!("the original is a conversation")
    };
    assert_eq!(participants, all, "every participant of an original");
    assert_eq!(bench.listed(Listing::of("control_0")).await.rows.len(), created.len(), "every row of a list");
    names.sort();
    let control: Vec<_> =
        bench.directory().await.control.into_iter().map(|account| account.user.id).collect();
    assert_eq!(control, names.into_iter().map(UserId::from).collect::<Vec<_>>(), "every control user");
}

/// Active means a message after the cutoff, not at it.
pub async fn active_conversations_end_at_the_cutoff<F: Fixture>(bench: &mut Bench<F>) {
    let created = five(bench).await;
    for (since, expected) in [(0, &created[1..]), (3, &created[4..]), (4, &created[..0])] {
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(ids(&bench.active(since, None, 10).await), expected, "with a message after {since}");
    }
    bench.say("driver", &created[0], "awake again", 9).await;
    assert_eq!(
        ids(&bench.active(4, None, 10).await),
        [created[0].clone()],
        "a message makes it active again"
    );
}
