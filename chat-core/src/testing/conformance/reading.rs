//! Cases: read positions.

use super::Fixture;
use super::bench::{Bench, is_marked, mark};
use super::queries::Listing;
use crate::id::ConversationId;
use crate::store::Change;

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
