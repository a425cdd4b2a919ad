//! Cases: the conversations of one user.

use std::slice;

use super::Fixture;
use super::bench::{Bench, Listing, stored, time};
use crate::id::{ConversationId, UserId};
use crate::protocol::{Role, User};
use crate::store::{Account, Change, ConversationPage, UNREAD_MOST, UNREAD_WINDOW};

fn ids(page: &ConversationPage) -> Vec<ConversationId> {
    page.rows.iter().map(|row| row.conversation.id.clone()).collect()
}

/// Creates conversations of a driver and control with their newest messages at these times.
async fn at<F: Fixture>(bench: &mut Bench<F>, times: &[i64]) -> Vec<ConversationId> {
    let mut ids = Vec::new();
    for time in times {
        ids.push(bench.create_at("driver", &["control"], *time).await);
    }
    ids
}

/// A list is ordered by the newest message, and a message moves its conversation to the top.
pub async fn newest_activity_comes_first<F: Fixture>(bench: &mut Bench<F>) {
    let [a, b, c] = at(bench, &[20, 30, 10]).await.try_into().expect("three were asked for");
    let page = bench.listed(Listing::of("driver")).await;
    assert_eq!(ids(&page), [b.clone(), a.clone(), c.clone()], "newest activity first");
    bench.say("control", &c, "again", 40).await;
    let page = bench.listed(Listing::of("driver")).await;
    assert_eq!(ids(&page), [c.clone(), b.clone(), a.clone()], "a message moves its conversation to the top");
    bench.say("control", &a, "late", 5).await;
    let page = bench.listed(Listing::of("driver")).await;
    assert_eq!(ids(&page), [c, b, a], "the time of a message is its sent_at, not when it was asked for");
}

/// Conversations of the same time are ordered by id, over pages too.
pub async fn ties_are_ordered_by_id<F: Fixture>(bench: &mut Bench<F>) {
    let mut expected = at(bench, &[5, 5, 5, 5, 5]).await;
    expected.sort();
    assert_eq!(ids(&bench.listed(Listing::of("driver")).await), expected);
    for (skip, id) in (0..).zip(&expected) {
        let page = bench.listed(Listing { skip, limit: 1, ..Listing::of("driver") }).await;
        assert_eq!(ids(&page), slice::from_ref(id), "ties keep their order from page to page");
    }
}

/// A conversation is listed if it has a message after the cutoff, not at it.
pub async fn only_activity_after_the_cutoff_is_listed<F: Fixture>(bench: &mut Bench<F>) {
    let [a, b, c] = at(bench, &[10, 20, 30]).await.try_into().expect("three were asked for");
    for (since, expected) in
        [(9, vec![&c, &b, &a]), (10, vec![&c, &b]), (19, vec![&c, &b]), (29, vec![&c]), (30, vec![])]
    {
        let page = bench.listed(Listing { since, ..Listing::of("driver") }).await;
        assert_eq!(ids(&page).iter().collect::<Vec<_>>(), expected, "with a message after {since}");
        assert!(!page.more, "what is before the cutoff is not more");
    }
    let page = bench.listed(Listing { since: 10, limit: 2, ..Listing::of("driver") }).await;
    assert!(!page.more, "what is before the cutoff is not more");
}

/// Nobody sees a conversation in the list that is not its own (P5).
pub async fn only_conversations_of_the_user_are_listed<F: Fixture>(bench: &mut Bench<F>) {
    let own = bench.create_at("driver", &["control"], 1).await;
    bench.create_at("other", &["control"], 2).await;
    let page = bench.listed(Listing::of("driver")).await;
    assert_eq!((ids(&page), page.more), (vec![own], false));
    assert_eq!(bench.listed(Listing::of("control")).await.rows.len(), 2);
    assert_eq!(bench.listed(Listing::of("stranger")).await, ConversationPage::default());
}

/// `skip` leaves out the newest, `limit` ends the page, and `more` says whether rows follow it.
pub async fn pages_follow_skip_and_limit<F: Fixture>(bench: &mut Bench<F>) {
    let all: Vec<_> = at(bench, &[50, 40, 30, 20, 10]).await;
    for (skip, limit, expected, more) in [
        (0, 1, 0..1, true),
        (0, 4, 0..4, true),
        (0, 5, 0..5, false),
        (0, 6, 0..5, false),
        (2, 2, 2..4, true),
        (3, 2, 3..5, false),
        (4, 2, 4..5, false),
        (5, 2, 5..5, false),
        (6, 2, 5..5, false),
        (u64::MAX, u32::MAX, 5..5, false),
    ] {
        let page = bench.listed(Listing { skip, limit, ..Listing::of("control") }).await;
        assert_eq!(ids(&page), all[expected], "skip {skip}, limit {limit}");
        assert_eq!(page.more, more, "skip {skip}, limit {limit}: whether there is more");
    }
}

/// Each conversation of the list, page by page, each behind the last row of the one before.
async fn walk<F: Fixture>(bench: &mut Bench<F>, since: i64, limit: u32) -> Vec<ConversationId> {
    let mut walked = Vec::new();
    let mut page = bench.listed(Listing { since, limit, ..Listing::of("driver") }).await;
    loop {
        walked.extend(ids(&page));
        let Some(last) = page.rows.last().filter(|_| page.more) else { return walked };
        page = bench.listed(Listing { since, after: Some(last), limit, ..Listing::of("driver") }).await;
        assert!(!page.rows.is_empty(), "there was more, and nothing comes");
    }
}

/// Pages of any length, each behind the last row of the one before, give each conversation once and
/// in order.
pub async fn pages_behind_a_place_join_without_holes<F: Fixture>(bench: &mut Bench<F>) {
    let hour = 3_600_000;
    at(bench, &[5, 5, 5, hour, hour + 7, 3 * hour, 3 * hour, 90 * hour]).await;
    let all = ids(&bench.listed(Listing::of("driver")).await);
    for limit in [1, 2, 3, 7, 8, 9] {
        assert_eq!(walk(bench, -1, limit).await, all, "pages of {limit}");
    }
    assert_eq!(walk(bench, hour, 2).await, all[..4], "the cutoff holds behind a place too");
    let rows = bench.listed(Listing::of("driver")).await.rows;
    for (skip, expected) in [(0, 3..8), (2, 5..8), (4, 7..8), (5, 8..8), (9, 8..8)] {
        let page = bench.listed(Listing { after: Some(&rows[2]), skip, ..Listing::of("driver") }).await;
        assert_eq!(ids(&page), all[expected], "{skip} left out behind a place");
    }
}

/// A place stays one when its conversation has moved: nothing comes twice, and nothing that did not
/// move is missing.
pub async fn a_place_holds_while_conversations_move<F: Fixture>(bench: &mut Bench<F>) {
    let all: [_; 5] = at(bench, &[50, 40, 30, 20, 10]).await.try_into().expect("five were asked for");
    let first = bench.listed(Listing { limit: 2, ..Listing::of("driver") }).await;
    assert_eq!(ids(&first), all[..2]);
    for (moved, expected) in [(1, &[2, 3, 4][..]), (3, &[2, 4]), (0, &[2, 4])] {
        bench.say("control", &all[moved], "again", 60).await;
        let page = bench.listed(Listing { after: first.rows.last(), ..Listing::of("driver") }).await;
        let expected: Vec<_> = expected.iter().map(|place| all[*place].clone()).collect();
        assert_eq!(ids(&page), expected, "behind the second, when number {moved} has moved");
    }
    let withdrawn = bench.membership("driver", &all[1]).await;
    bench.accept(Change::Withdraw(withdrawn)).await;
    let page = bench.listed(Listing { after: first.rows.last(), ..Listing::of("driver") }).await;
    assert_eq!(
        ids(&page),
        [&all[2], &all[4]].map(Clone::clone),
        "a place outlives the part in its conversation"
    );
}

/// A single row equals the row of the list, whatever its activity, and only participants get one
/// (P5).
pub async fn one_row_is_found_by_its_conversation<F: Fixture>(bench: &mut Bench<F>) {
    let [old, new] = at(bench, &[10, 400_000_000]).await.try_into().expect("two were asked for");
    let user = User::new("control", Role::ControlStaff);
    bench.accept(Change::PutAccount(Account::new(user))).await;
    bench.say("control", &old, "again", 20).await;
    bench.read("driver", &old, 1).await;
    let list = bench.listed(Listing::of("driver")).await;
    for (id, row) in [(&new, &list.rows[0]), (&old, &list.rows[1])] {
        let page = bench.row("driver", id).await;
        assert_eq!(page.rows, slice::from_ref(row), "the row of the list");
        assert_eq!((&page.users, page.more), (&list.users, false), "with its participants, and no more");
    }
    assert_eq!(bench.row("stranger", &new).await, ConversationPage::default());
    assert_eq!(bench.row("driver", &"conv_unknown".into()).await, ConversationPage::default());
}

/// A page ends before the row with which it would hold too many participants, but never before the
/// first.
pub async fn participants_cut_the_page_but_never_the_first_row<F: Fixture>(bench: &mut Bench<F>) {
    let three = bench.create_at("driver", &["b", "c"], 30).await;
    let two = bench.create_at("driver", &["b"], 20).await;
    let one = bench.create_at("driver", &[], 10).await;
    let all = [three, two, one];
    for (participants, rows) in [(0, 1), (1, 1), (3, 1), (4, 1), (5, 2), (6, 3), (7, 3)] {
        let page = bench.listed(Listing { participants, ..Listing::of("driver") }).await;
        assert_eq!(ids(&page), all[..rows], "at most {participants} participants");
        assert_eq!(page.more, rows < 3, "at most {participants} participants: whether there is more");
    }
    let page = bench.listed(Listing { skip: 1, participants: 2, ..Listing::of("driver") }).await;
    assert_eq!(ids(&page), all[1..2], "rows that are left out do not count");
}

/// A row holds the conversation as it is and its newest message.
pub async fn a_row_shows_the_newest_message<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.append("driver", &id, 3).await;
    let draft = bench.message("control", &id).await;
    let expected = stored(&draft, 5, time(0));
    bench.accept(Change::AppendMessage(draft)).await;
    let rows = bench.listed(Listing::of("driver")).await.rows;
    assert_eq!(rows[0].last_message, expected, "a row shows the newest message");
    assert_eq!(rows[0].conversation, bench.conversation(&id).await, "a row shows the conversation as it is");
}

/// `users` describes exactly the participants of the rows that the directory knows, active or not.
pub async fn known_participants_are_described<F: Fixture>(bench: &mut Bench<F>) {
    bench.create_at("driver", &["control", "unknown"], 20).await;
    bench.create_at("driver", &["elsewhere"], 10).await;
    for (id, role, active) in [
        ("driver", Role::BusDriver, true),
        ("control", Role::ControlAdmin, false),
        ("elsewhere", Role::ControlStaff, true),
        ("stranger", Role::ControlStaff, true),
    ] {
        let user = User { first_name: id.into(), ..User::new(id, role) };
        bench.accept(Change::PutAccount(Account { active, ..Account::new(user) })).await;
    }
    let page = bench.listed(Listing { limit: 1, ..Listing::of("driver") }).await;
    let named: Vec<_> = page.users.keys().map(UserId::as_str).collect();
    assert_eq!(named, ["control", "driver"], "the known participants of the rows");
    for (id, user) in &page.users {
        let account = bench.account(id.as_str()).await.expect("it was put");
        assert_eq!(*user, account.user, "a user is described as the directory knows it");
    }
}

async fn unread<F: Fixture>(bench: &mut Bench<F>, user: &str) -> u32 {
    bench.listed(Listing::of(user)).await.rows[0].unread_count
}

/// Unread are messages of others after the read position.
pub async fn unread_are_messages_of_others_after_the_read_position<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.append("control", &id, 2).await;
    bench.append("driver", &id, 3).await;
    bench.append("control", &id, 1).await;
    assert_eq!(unread(bench, "driver").await, 3, "own messages are not unread");
    assert_eq!(unread(bench, "control").await, 4, "own messages are not unread");
    for (up_to, expected) in [(1, 3), (2, 2), (4, 1), (6, 1), (7, 0)] {
        bench.read("driver", &id, up_to).await;
        assert_eq!(unread(bench, "driver").await, expected, "unread of 7 after {up_to}");
    }
    assert_eq!(unread(bench, "control").await, 4, "what one reads another has not read");
    bench.append("control", &id, 1).await;
    assert_eq!(unread(bench, "driver").await, 1, "what is new is unread");
}

/// Unread messages are counted up to [`UNREAD_MOST`].
pub async fn unread_are_counted_up_to_the_most<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.append("control", &id, UNREAD_MOST as usize - 1).await;
    assert_eq!(unread(bench, "driver").await, UNREAD_MOST - 1);
    bench.append("control", &id, 1).await;
    assert_eq!(unread(bench, "driver").await, UNREAD_MOST);
    bench.append("control", &id, 5).await;
    assert_eq!(unread(bench, "driver").await, UNREAD_MOST, "not counted further");
    bench.read("driver", &id, 10).await;
    assert_eq!(unread(bench, "driver").await, UNREAD_MOST - 4, "counted from the read position");
}

/// Only the [`UNREAD_WINDOW`] messages after the read position are looked at, own ones included.
pub async fn unread_are_counted_within_the_window<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let window = usize::try_from(UNREAD_WINDOW).expect("a small number");
    bench.append("driver", &id, window - 2).await;
    bench.append("control", &id, 1).await;
    assert_eq!(bench.conversation(&id).await.last_seq, UNREAD_WINDOW);
    assert_eq!(unread(bench, "driver").await, 1, "the last of the window counts");
    bench.append("control", &id, 4).await;
    assert_eq!(unread(bench, "driver").await, 1, "what is beyond the window does not");
    bench.read("driver", &id, 2).await;
    assert_eq!(unread(bench, "driver").await, 3, "the window moves with the read position");
}
