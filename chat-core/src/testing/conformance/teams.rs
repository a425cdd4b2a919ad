//! Cases: users take part by their teams.

use super::Fixture;
use super::bench::{Bench, control, is_conflict, mark, time};
use super::membership::{has_a_part, has_no_part};
use super::queries::Listing;
use crate::id::ConversationId;
use crate::protocol::{Role, User};
use crate::store::{Account, Change, CreateConversation};

fn driver(user: &str) -> Account {
    Account::new(User::new(user, Role::BusDriver))
}

fn inactive(account: Account) -> Account {
    Account { active: false, ..account }
}

/// A user who joins a team takes part in all of its conversations, those of before included, and in
/// no others.
pub async fn a_team_is_joined_with_all_that_was_before<F: Fixture>(bench: &mut Bench<F>) {
    let first = bench.create("driver", &["one"]).await;
    let other = bench.create("driver", &["other"]).await;
    bench.put(control("late", &[])).await;
    has_no_part(bench, "late", &first).await;
    bench.put(control("late", &["one"])).await;
    has_a_part(bench, "late", &first).await;
    has_no_part(bench, "late", &other).await;
    let second = bench.create("driver", &["one", "other"]).await;
    has_a_part(bench, "late", &second).await;
    assert_eq!(bench.conversation(&first).await.version, 1, "accounts leave the version");
}

/// Field staff in a team take part like anybody else in the team.
pub async fn any_role_may_be_in_a_team<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["route 7"]).await;
    for role in Role::ALL {
        let account = Account { user: User::new(role.as_str(), role), ..control("", &["route 7"]) };
        bench.put(account).await;
        has_a_part(bench, role.as_str(), &id).await;
    }
}

/// A user who leaves a team has no part in its conversations, and the whole of it again on return.
pub async fn who_leaves_a_team_may_return<F: Fixture>(bench: &mut Bench<F>) {
    let ids = [bench.create("driver", &["one"]).await, bench.create("driver", &["one", "two"]).await];
    let account = control("desk", &["one", "two"]);
    bench.put(account.clone()).await;
    bench.put(control("desk", &["two"])).await;
    has_no_part(bench, "desk", &ids[0]).await;
    has_a_part(bench, "desk", &ids[1]).await;
    bench.put(driver("desk")).await;
    for id in &ids {
        has_no_part(bench, "desk", id).await;
    }
    bench.put(account).await;
    for id in &ids {
        has_a_part(bench, "desk", id).await;
    }
}

/// An inactive user has no part in anything: by team, as a member or as the creator.
pub async fn an_inactive_user_takes_no_part<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    for account in [driver("driver"), control("control", &["control"])] {
        let user = account.user.id.to_string();
        bench.put(inactive(account.clone())).await;
        has_no_part(bench, &user, &id).await;
        bench.put(account).await;
        has_a_part(bench, &user, &id).await;
    }
}

/// A message or reading that was decided before a demotion or a deactivation is refused after it,
/// also within a batch.
pub async fn a_change_decided_before_a_demotion_conflicts<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    for lost in [driver("control"), inactive(control("control", &["control"]))] {
        bench.put(control("control", &["control"])).await;
        let known = bench.conversation(&id).await;
        let changes = |bench: &mut Bench<F>| {
            let mark = mark(bench.permit_on_version("control", &known, 1), 1);
            [Change::AppendMessage(bench.message_under(bench.permit_on_version("control", &known, 1))), mark]
        };
        for which in 0..2 {
            bench.put(control("control", &["control"])).await;
            let change = changes(bench).into_iter().nth(which).expect("a message and a reading");
            let verdicts = bench.commit(vec![bench.replacing(lost.clone()), change]).await;
            assert!(verdicts[0].is_ok() && is_conflict(&verdicts[1]), "in one batch: {verdicts:?}");
        }
        for change in changes(bench) {
            let verdicts = bench.commit(vec![change]).await;
            assert!(is_conflict(&verdicts[0]), "in the next batch: {verdicts:?}");
        }
        let after = bench.conversation(&id).await;
        assert_eq!((after.last_seq, after.version), (1, 1), "nothing of it is stored");
    }
    bench.put(control("control", &["control"])).await;
    bench.append("control", &id, 1).await;
}

/// A refusal because of a demotion leaves the messages of others in the batch alone.
pub async fn a_demotion_refuses_no_change_of_others<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "admin"]).await;
    let known = bench.conversation(&id).await;
    let demotion = bench.replacing(driver("control"));
    let mut append =
        |user: &str| Change::AppendMessage(bench.message_under(bench.permit_on_version(user, &known, 1)));
    let changes = vec![append("control"), demotion, append("control"), append("admin")];
    let verdicts = bench.commit(changes).await;
    assert!(verdicts[0].is_ok() && verdicts[1].is_ok(), "{verdicts:?}");
    assert!(is_conflict(&verdicts[2]), "{verdicts:?}");
    assert!(verdicts[3].is_ok(), "the admin takes part: {verdicts:?}");
    assert_eq!(bench.conversation(&id).await.last_seq, 3);
}

/// Only active field staff create support conversations, whatever they were when it was decided.
pub async fn a_creation_by_control_or_an_inactive_user_conflicts<F: Fixture>(bench: &mut Bench<F>) {
    for (user, account) in
        [("promoted", control("promoted", &["control"])), ("inactive", inactive(driver("inactive")))]
    {
        let [early, late] = [bench.creation(user, &[]).await, bench.creation(user, &[]).await];
        let ids = [early.id.clone(), late.id.clone()];
        let verdicts = bench.commit(vec![bench.replacing(account), Change::CreateConversation(early)]).await;
        assert!(verdicts[0].is_ok() && is_conflict(&verdicts[1]), "in one batch: {verdicts:?}");
        let late = CreateConversation { permit: bench.may_create(user), ..late };
        let verdicts = bench.commit(vec![Change::CreateConversation(late)]).await;
        assert!(is_conflict(&verdicts[0]), "in the next batch: {verdicts:?}");
        for id in ids {
            assert_eq!(bench.find_conversation(&id).await, None, "a conflict creates nothing");
        }
    }
    let creation =
        CreateConversation { permit: bench.may_create("unknown"), ..bench.creation("driver", &[]).await };
    let verdicts = bench.commit(vec![Change::CreateConversation(creation)]).await;
    assert!(is_conflict(&verdicts[0]), "a user without an account: {verdicts:?}");
}

/// A creator who joins control takes part as before, for the conversation is the creator's own.
pub async fn a_creator_in_control_keeps_the_conversation<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.put(control("driver", &["another"])).await;
    has_a_part(bench, "driver", &id).await;
}

/// A list merges the conversations of all teams and those by name in the order of activity.
pub async fn a_list_merges_all_teams<F: Fixture>(bench: &mut Bench<F>) {
    let mut expected = Vec::new();
    for team in ["a", "b", "a", "c", "b", "d"] {
        expected.push(bench.create("driver", &[team]).await);
    }
    bench.put(driver("all")).await;
    let enrol = bench.membership("all", &expected[3]).await;
    bench.accept(Change::Enrol(enrol)).await;
    bench.put(control("all", &["a", "b"])).await;
    expected.remove(5);
    expected.reverse();
    assert_eq!(bench.listed_ids("all").await, expected, "newest activity first");
    bench.append("driver", &expected[3], 1).await;
    let moved = expected.remove(3);
    expected.insert(0, moved);
    assert_eq!(bench.listed_ids("all").await, expected, "a message moves its conversation to the top");
    for skip in 0..expected.len() {
        let page = bench.listed(Listing { skip: skip as u64, limit: 2, ..Listing::of("all") }).await;
        let ids: Vec<_> = page.rows.iter().map(|row| row.conversation.id.clone()).collect();
        assert_eq!(ids, expected[skip..].iter().take(2).cloned().collect::<Vec<_>>(), "{skip} skipped");
        assert_eq!(page.more, skip + 2 < expected.len(), "{skip} skipped: whether there is more");
    }
}

async fn unread<F: Fixture>(bench: &mut Bench<F>, user: &str, id: &ConversationId) -> u32 {
    let rows = bench.listed(Listing::of(user)).await.rows;
    let row = rows.iter().find(|row| row.conversation.id == *id);
    row.unwrap_or_else(|| panic!("{user} takes part")).unread_count
}

/// For a user of a team, unread messages are counted from the first joining, kept over leaving and
/// returning.
pub async fn unread_are_counted_from_the_first_joining<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create_at("driver", &["one", "two"], 0).await;
    for at in [10, 20, 30] {
        bench.say("driver", &id, "something", at).await;
    }
    let joined = |team: &str, at| control("late", &[]).in_teams(vec![team.into()], time(at));
    for (at, expected) in [(0, 4), (10, 3), (11, 2), (30, 1), (31, 0)] {
        bench.put(joined("one", at)).await;
        assert_eq!(unread(bench, "late", &id).await, expected, "joined at {at}");
        assert_eq!(bench.row("late", &id).await.rows[0].unread_count, expected, "joined at {at}: the row");
    }
    let away = joined("one", 20).in_teams(vec![], time(25));
    let back = away.in_teams(vec!["one".into()], time(50));
    bench.put(back.clone()).await;
    assert_eq!(unread(bench, "late", &id).await, 2, "from the first joining on");
    bench.put(back.in_teams(vec!["one".into(), "two".into()], time(60))).await;
    assert_eq!(unread(bench, "late", &id).await, 2, "from the first joining of any of the teams");
    bench.read("late", &id, 3).await;
    assert_eq!(unread(bench, "late", &id).await, 1, "what was read is not unread");
}

/// For a member by name, unread messages are counted from the beginning, whatever the teams.
pub async fn unread_of_a_member_are_counted_from_the_beginning<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create_at("driver", &["one"], 0).await;
    bench.append("driver", &id, 2).await;
    bench.put(driver("member")).await;
    let enrol = bench.membership("member", &id).await;
    bench.accept(Change::Enrol(enrol)).await;
    assert_eq!(unread(bench, "member", &id).await, 3);
    bench.put(control("member", &[]).in_teams(vec!["one".into()], time(90))).await;
    assert_eq!(unread(bench, "member", &id).await, 3, "still a member");
}
