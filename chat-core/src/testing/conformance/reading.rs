//! Cases: read positions.

use super::Fixture;
use super::bench::{Bench, is_marked, mark};
use super::queries::Listing;
use crate::id::ConversationId;
use crate::protocol::{CONTROL, Reading};
use crate::store::{Change, Window};

async fn read_up_to<F: Fixture>(bench: &mut Bench<F>, user: &str, conversation: &ConversationId) -> u64 {
    let rows = bench.listed(Listing::of(user)).await.rows;
    let row = rows.iter().find(|row| row.conversation.id == *conversation);
    row.expect("the user's conversation is listed").read_up_to
}

/// A read position never falls, and the verdict says whether it rose.
pub async fn a_read_position_never_falls<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.append("driver", &id, 9).await;
    assert_eq!(read_up_to(bench, "control", &id).await, 0, "at first nothing is read");
    for (up_to, rises, then) in [(1, true, 1), (5, true, 5), (5, false, 5), (2, false, 5), (10, true, 10)] {
        assert_eq!(bench.read("control", &id, up_to).await, rises, "whether {up_to} rose");
        assert_eq!(read_up_to(bench, "control", &id).await, then, "the position after {up_to}");
    }
    let known = bench.conversation(&id).await;
    let marks = [4, 7, 6, 8].map(|up_to| mark(bench.permit_on_version("driver", &known, 1), up_to));
    let committed = bench.accept_all(marks.into()).await;
    assert_eq!(
        committed.iter().map(is_marked).collect::<Vec<_>>(),
        [true, true, false, true],
        "each sees the earlier ones of the batch"
    );
    assert_eq!(read_up_to(bench, "driver", &id).await, 8);
}

/// A read position is of one user in one conversation.
pub async fn read_positions_are_of_one_user_and_conversation<F: Fixture>(bench: &mut Bench<F>) {
    let (id, other) =
        (bench.create("driver", &["control"]).await, bench.create("driver", &["control"]).await);
    bench.append("driver", &id, 3).await;
    bench.read("control", &id, 3).await;
    assert_eq!(read_up_to(bench, "driver", &id).await, 0, "another user has read nothing");
    assert_eq!(read_up_to(bench, "control", &other).await, 0, "nothing is read in another conversation");
    assert_eq!(read_up_to(bench, "control", &id).await, 3);
}

/// Sending a message marks nothing as read.
pub async fn sending_does_not_mark_read<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.append("control", &id, 2).await;
    assert_eq!(read_up_to(bench, "control", &id).await, 0);
    assert_eq!(read_up_to(bench, "driver", &id).await, 0);
}

/// A read position never falls, not even by being withdrawn and enrolled again.
pub async fn a_read_position_outlives_a_membership<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.append("driver", &id, 5).await;
    bench.read("control", &id, 4).await;
    let withdraw = bench.membership("control", &id).await;
    bench.accept(Change::Withdraw(withdraw)).await;
    let enrol = bench.membership("control", &id).await;
    bench.accept(Change::Enrol(enrol)).await;
    assert_eq!(read_up_to(bench, "control", &id).await, 4, "a read position never falls");
    assert!(!bench.read("control", &id, 3).await, "an older one does not rise");
}

/// The positions of the members and of control, in a list and on a page.
async fn positions<F: Fixture>(bench: &mut Bench<F>, conversation: &ConversationId) -> Vec<(String, u64)> {
    let rows = bench.listed(Listing::of("driver")).await.rows;
    let row = rows.into_iter().find(|row| row.conversation.id == *conversation);
    let listed = row.expect("the user's conversation is listed").positions;
    let page = bench.page(conversation, Window::After(0), 1, usize::MAX).await;
    assert_eq!(page.positions, listed, "a page has the positions of the list");
    listed.into_iter().map(|Reading { user_id, read_up_to }| (user_id.to_string(), read_up_to)).collect()
}

/// Lists and pages have the read positions of the members, and one of control as a whole: the
/// highest number that somebody had read while in control.
pub async fn control_reads_as_a_whole<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "another control"]).await;
    bench.append("driver", &id, 9).await;
    assert_eq!(positions(bench, &id).await, [], "who has read nothing is left out");
    bench.read("driver", &id, 2).await;
    bench.read("control", &id, 5).await;
    bench.read("another control", &id, 3).await;
    let of = |control, driver| [(CONTROL.to_owned(), control), ("driver".to_owned(), driver)];
    assert_eq!(positions(bench, &id).await, of(5, 2), "the one in control who has read furthest counts");
    bench.read("another control", &id, 7).await;
    assert_eq!(positions(bench, &id).await, of(7, 2));
    let known = bench.conversation(&id).await;
    let marks = ["control", "another control"].map(|user| bench.permit_on_version(user, &known, 1));
    let marks = marks.into_iter().zip([9, 8]).map(|(permit, up_to)| mark(permit, up_to));
    bench.accept_all(marks.collect()).await;
    assert_eq!(positions(bench, &id).await, of(9, 2), "each sees the earlier ones of the batch");
}
