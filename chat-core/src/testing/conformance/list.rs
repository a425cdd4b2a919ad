//! Cases: the conversations of one user.

use std::slice;

use super::Fixture;
use super::bench::{Bench, stored, time};
use super::queries::Listing;
use crate::id::{ConversationId, UserId};
use crate::protocol::{Message, Role, User};
use crate::store::{Account, Change, ConversationPage, Position, UNREAD_MOST, UNREAD_WINDOW};

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

/// A list is ordered by the arrival of the newest message, and a message moves its conversation to
/// the top.
pub async fn newest_activity_comes_first<F: Fixture>(bench: &mut Bench<F>) {
    let [a, b, c] = at(bench, &[10, 20, 30]).await.try_into().expect("three were asked for");
    for user in ["driver", "control"] {
        assert_eq!(bench.listed_ids(user).await, [&c, &b, &a].map(Clone::clone), "newest activity first");
    }
    bench.say("control", &a, "again", 40).await;
    bench.read("driver", &b, 1).await;
    let enrol = bench.membership("stranger", &b).await;
    bench.accept(Change::Enrol(enrol)).await;
    for user in ["driver", "control"] {
        let expected = [&a, &c, &b].map(Clone::clone);
        assert_eq!(bench.listed_ids(user).await, expected, "only a message moves its conversation");
    }
}

/// The order of a list is that of arrival, whatever the clock says.
pub async fn a_clock_does_not_disturb_the_order<F: Fixture>(bench: &mut Bench<F>) {
    let mut expected = at(bench, &[90, 5, 5, 40, 5]).await;
    expected.reverse();
    assert_eq!(bench.listed_ids("driver").await, expected);
    for (skip, id) in (0..).zip(&expected) {
        let page = bench.listed(Listing { skip, limit: 1, ..Listing::of("driver") }).await;
        assert_eq!(ids(&page), slice::from_ref(id), "the order is kept from page to page");
    }
}

/// The position of a row is that of its newest message.
pub async fn a_row_has_the_position_of_its_newest_message<F: Fixture>(bench: &mut Bench<F>) {
    let creation = bench.creation("driver", &["control"]).await;
    let id = creation.id.clone();
    let created = bench.accept(Change::CreateConversation(creation)).await.position;
    assert_eq!(bench.row("driver", &id).await.rows[0].position, created, "the position of message 1");
    let draft = bench.message("control", &id).await;
    let appended = bench.accept(Change::AppendMessage(draft)).await.position;
    bench.read("driver", &id, 2).await;
    bench.create("driver", &[]).await;
    for user in ["driver", "control"] {
        let rows = bench.listed(Listing::of(user)).await.rows;
        let row = rows.iter().find(|row| row.conversation.id == id).expect("the user takes part");
        assert_eq!(row.position, appended, "the position of message 2");
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
    let mut all = at(bench, &[10, 20, 30, 40, 50]).await;
    all.reverse();
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

/// The conversations of the list, page by page, each below the last row of the page before.
async fn walk<F: Fixture>(bench: &mut Bench<F>, since: i64, limit: u32) -> Vec<ConversationId> {
    let mut walked = Vec::new();
    let mut page = bench.listed(Listing { since, limit, ..Listing::of("driver") }).await;
    loop {
        walked.extend(ids(&page));
        let Some(last) = page.rows.last().filter(|_| page.more) else { return walked };
        let below = Some(last.position);
        page = bench.listed(Listing { since, below, limit, ..Listing::of("driver") }).await;
        assert!(!page.rows.is_empty(), "there was more, and nothing comes");
    }
}

/// Pages of any length, each below the last row of the page before, give each conversation once and
/// in order.
pub async fn pages_below_a_position_join_without_holes<F: Fixture>(bench: &mut Bench<F>) {
    let hour = 3_600_000;
    at(bench, &[5, 5, 5, hour, hour + 7, 3 * hour, 3 * hour, 90 * hour]).await;
    let all = ids(&bench.listed(Listing::of("driver")).await);
    for limit in [1, 2, 3, 7, 8, 9] {
        assert_eq!(walk(bench, -1, limit).await, all, "pages of {limit}");
    }
    assert_eq!(walk(bench, hour, 2).await, all[..4], "the cutoff holds below a position too");
    let rows = bench.listed(Listing::of("driver")).await.rows;
    for (skip, expected) in [(0, 3..8), (2, 5..8), (4, 7..8), (5, 8..8), (9, 8..8)] {
        let page =
            bench.listed(Listing { below: Some(rows[2].position), skip, ..Listing::of("driver") }).await;
        assert_eq!(ids(&page), all[expected], "{skip} skipped below a position");
    }
    for (below, expected) in [(Position(0), 8..8), (rows[7].position, 8..8), (Position(u64::MAX), 0..8)] {
        let page = bench.listed(Listing { below: Some(below), ..Listing::of("driver") }).await;
        assert_eq!((ids(&page), page.more), (all[expected].to_vec(), false), "below {below:?}");
    }
}

/// A page below a position is the same when conversations have moved: nothing comes twice, and
/// nothing that did not move is missing.
pub async fn a_position_holds_while_conversations_move<F: Fixture>(bench: &mut Bench<F>) {
    let mut all = at(bench, &[10, 20, 30, 40, 50]).await;
    all.reverse();
    let first = bench.listed(Listing { limit: 2, ..Listing::of("driver") }).await;
    assert_eq!(ids(&first), all[..2]);
    let below = first.rows.last().map(|row| row.position);
    for (moved, expected) in [(1, &[2, 3, 4][..]), (3, &[2, 4]), (0, &[2, 4])] {
        bench.say("control", &all[moved], "again", 60).await;
        let page = bench.listed(Listing { below, ..Listing::of("driver") }).await;
        let expected: Vec<_> = expected.iter().map(|place| all[*place].clone()).collect();
        assert_eq!(ids(&page), expected, "below the second, when number {moved} has moved");
    }
    let withdrawn = bench.membership("driver", &all[1]).await;
    bench.accept(Change::Withdraw(withdrawn)).await;
    let page = bench.listed(Listing { below, ..Listing::of("driver") }).await;
    assert_eq!(ids(&page), [&all[2], &all[4]].map(Clone::clone), "a position outlives a part in its row");
}

/// A single row equals the row of the list, whatever its activity, and only participants get one
/// (P5).
pub async fn one_row_is_found_by_its_conversation<F: Fixture>(bench: &mut Bench<F>) {
    let [old, new] = at(bench, &[10, 400_000_000]).await.try_into().expect("two were asked for");
    for id in [&old, &new] {
        bench.say("control", id, "again", 20).await;
        bench.read("driver", id, 1).await;
    }
    for user in ["driver", "control"] {
        let list = bench.listed(Listing::of(user)).await;
        for (id, row) in [(&new, &list.rows[0]), (&old, &list.rows[1])] {
            let page = bench.row(user, id).await;
            assert_eq!(page.rows, slice::from_ref(row), "the row of the list");
            assert_eq!((&page.users, page.more), (&list.users, false), "with the same users, and no more");
        }
    }
    assert_eq!(bench.row("stranger", &new).await, ConversationPage::default());
    assert_eq!(bench.row("driver", &"conv_unknown".into()).await, ConversationPage::default());
}

/// A page ends before the row with which it would hold too many members, but never before the
/// first. Users of teams do not count.
pub async fn members_cut_the_page_but_never_the_first_row<F: Fixture>(bench: &mut Bench<F>) {
    let mut all = Vec::new();
    for members in [&[][..], &["b"], &["b", "c"]] {
        let id = bench.create("driver", &["control", "admin"]).await;
        for member in members {
            let enrol = bench.membership(member, &id).await;
            bench.accept(Change::Enrol(enrol)).await;
        }
        all.insert(0, id);
    }
    for (members, rows) in [(0, 1), (1, 1), (3, 1), (4, 1), (5, 2), (6, 3), (7, 3)] {
        for user in ["driver", "control"] {
            let page = bench.listed(Listing { members, ..Listing::of(user) }).await;
            assert_eq!(ids(&page), all[..rows], "at most {members} members");
            assert_eq!(page.more, rows < 3, "at most {members} members: whether there is more");
        }
    }
    let page = bench.listed(Listing { skip: 1, members: 2, ..Listing::of("driver") }).await;
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
    let shown = Message { work: None, ..rows[0].last_message.clone() };
    assert_eq!(shown, expected, "a row shows the newest message");
    assert_eq!(rows[0].conversation, bench.conversation(&id).await, "a row shows the conversation as it is");
}

/// `users` describes exactly the members and last senders of the rows that the directory knows,
/// active or not.
pub async fn known_members_and_last_senders_are_described<F: Fixture>(bench: &mut Bench<F>) {
    let elsewhere = bench.create("driver", &["control"]).await;
    let id = bench.create("driver", &["control", "silent"]).await;
    for (member, id) in
        [("other", &elsewhere), ("member", &id), ("inactive", &id), ("withdrawn", &id), ("unknown", &id)]
    {
        if member != "unknown" {
            let user = User { first_name: member.into(), ..User::new(member, Role::QueueRegulator) };
            bench.put(Account::new(user)).await;
        }
        let enrol = bench.membership(member, id).await;
        bench.accept(Change::Enrol(enrol)).await;
    }
    let withdraw = bench.membership("withdrawn", &id).await;
    bench.accept(Change::Withdraw(withdraw)).await;
    let out = Account { active: false, ..Account::new(User::new("inactive", Role::QueueRegulator)) };
    bench.put(out).await;
    bench.append("control", &id, 1).await;
    let page = bench.listed(Listing { limit: 1, ..Listing::of("driver") }).await;
    let named: Vec<_> = page.users.keys().map(UserId::as_str).filter(|id| *id != "withdrawn").collect();
    assert_eq!(named, ["control", "driver", "inactive", "member"], "the known members and last senders");
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

/// Only the newest [`UNREAD_WINDOW`] messages are looked at, own ones included.
pub async fn unread_are_counted_within_the_window<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let window = usize::try_from(UNREAD_WINDOW).expect("a small number");
    bench.append("control", &id, 2).await;
    bench.append("driver", &id, window - 2).await;
    assert_eq!(unread(bench, "driver").await, 2, "the oldest of the window count");
    bench.append("driver", &id, 1).await;
    assert_eq!(unread(bench, "driver").await, 1, "older messages than the window do not");
    bench.append("control", &id, 1).await;
    assert_eq!(unread(bench, "driver").await, 1, "the window ends with the newest message");
    bench.append("control", &id, 1).await;
    assert_eq!(unread(bench, "driver").await, 2, "the window ends with the newest message");
}
