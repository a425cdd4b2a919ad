//! Cases: pages of messages.

use super::Fixture;
use super::bench::{Bench, seqs};
use crate::id::ConversationId;
use crate::store::{Change, CreateConversation, MessagePage, Window};

const ALL_BYTES: usize = usize::MAX;

/// Asserts the content of a page: its seqs, and whether more messages follow.
fn assert_page(page: &MessagePage, expected: impl IntoIterator<Item = u64>, more: bool, case: &str) {
    assert_eq!(seqs(&page.messages), expected.into_iter().collect::<Vec<_>>(), "{case}: the page");
    assert_eq!(page.more, more, "{case}: whether there is more");
}

/// A conversation of ten messages, each of ten bytes.
async fn ten<F: Fixture>(bench: &mut Bench<F>) -> ConversationId {
    let creation = bench.creation("driver", &[]).await;
    let creation = CreateConversation { content: "0123456789".into(), ..creation };
    let id = creation.id.clone();
    bench.accept(Change::CreateConversation(creation)).await;
    for _ in 2..=10 {
        bench.say("driver", &id, "éé456789", 0).await;
    }
    id
}

/// A conversation that does not exist has no messages and `last_seq` 0.
pub async fn a_missing_conversation_has_no_messages<F: Fixture>(bench: &mut Bench<F>) {
    bench.create("driver", &[]).await;
    let missing = bench.creation("driver", &[]).await.id;
    for window in [Window::Newest { skip: 0 }, Window::Before(5), Window::After(0), Window::After(9)] {
        let page = bench.page(&missing, window, 10, ALL_BYTES).await;
        assert_eq!(page, MessagePage::default(), "{window:?} of a conversation that does not exist");
    }
}

/// The newest page ends at `limit`, oldest first, and says whether there are older ones.
pub async fn the_newest_are_cut_at_the_oldest_end<F: Fixture>(bench: &mut Bench<F>) {
    let id = ten(bench).await;
    let newest = Window::Newest { skip: 0 };
    for (limit, from, more) in [(1, 10, true), (3, 8, true), (9, 2, true), (10, 1, false), (11, 1, false)] {
        let page = bench.page(&id, newest, limit, ALL_BYTES).await;
        assert_page(&page, from..=10, more, &format!("the newest {limit}"));
        assert_eq!(page.last_seq, 10, "last_seq is that of the conversation");
    }
    assert_page(&bench.page(&id, newest, u32::MAX, ALL_BYTES).await, 1..=10, false, "no limit");
}

/// `skip` leaves out the newest; beyond the oldest there is nothing.
pub async fn what_skip_leaves_out_is_counted_from_the_newest<F: Fixture>(bench: &mut Bench<F>) {
    let id = ten(bench).await;
    for (skip, limit, expected, more) in [
        (1, 3, 7..=9, true),
        (7, 3, 1..=3, false),
        (6, 3, 2..=4, true),
        (8, 3, 1..=2, false),
        (9, 3, 1..=1, false),
    ] {
        let page = bench.page(&id, Window::Newest { skip }, limit, ALL_BYTES).await;
        assert_page(&page, expected, more, &format!("skip {skip}, limit {limit}"));
        assert_eq!(page.last_seq, 10, "last_seq does not depend on skip");
    }
    for skip in [10, 11, u64::MAX] {
        let page = bench.page(&id, Window::Newest { skip }, 3, ALL_BYTES).await;
        assert_page(&page, [], false, &format!("skip {skip} of 10"));
        assert_eq!(page.last_seq, 10, "last_seq is that of the conversation on an empty page too");
    }
}

/// `Before` gives the last ones before a number, wherever that is.
pub async fn before_gives_the_last_ones_before<F: Fixture>(bench: &mut Bench<F>) {
    let id = ten(bench).await;
    for (before, expected, more) in [
        (2, 1..=1, false),
        (4, 1..=3, false),
        (5, 2..=4, true),
        (10, 7..=9, true),
        (11, 8..=10, true),
        (12, 8..=10, true),
        (u64::MAX, 8..=10, true),
    ] {
        let page = bench.page(&id, Window::Before(before), 3, ALL_BYTES).await;
        assert_page(&page, expected, more, &format!("3 before {before}"));
    }
    for before in [0, 1] {
        let page = bench.page(&id, Window::Before(before), 3, ALL_BYTES).await;
        assert_page(&page, [], false, &format!("3 before {before}"));
        assert_eq!(page.last_seq, 10);
    }
}

/// `After` gives the first ones after a number, and says whether there are newer ones.
pub async fn after_gives_the_first_ones_after<F: Fixture>(bench: &mut Bench<F>) {
    let id = ten(bench).await;
    for (after, expected, more) in
        [(0, 1..=3, true), (1, 2..=4, true), (6, 7..=9, true), (7, 8..=10, false), (9, 10..=10, false)]
    {
        let page = bench.page(&id, Window::After(after), 3, ALL_BYTES).await;
        assert_page(&page, expected, more, &format!("3 after {after}"));
    }
    for after in [10, 11, u64::MAX] {
        let page = bench.page(&id, Window::After(after), 3, ALL_BYTES).await;
        assert_page(&page, [], false, &format!("3 after {after}"));
        assert_eq!(page.last_seq, 10, "last_seq shows that {after} is beyond it");
    }
}

/// A page of the newest that would hold too many bytes ends before the older message.
pub async fn bytes_cut_the_newest_at_the_oldest_end<F: Fixture>(bench: &mut Bench<F>) {
    let id = ten(bench).await;
    for (bytes, from) in [(10, 10), (19, 10), (20, 9), (29, 9), (30, 8), (99, 2)] {
        let page = bench.page(&id, Window::Newest { skip: 0 }, 10, bytes).await;
        assert_page(&page, from..=10, true, &format!("{bytes} bytes of the newest"));
        let page = bench.page(&id, Window::Before(10), 10, bytes).await;
        let from = from.saturating_sub(1).max(1);
        assert_page(&page, from..=9, from > 1, &format!("{bytes} bytes before 10"));
    }
    let page = bench.page(&id, Window::Newest { skip: 0 }, 10, 100).await;
    assert_page(&page, 1..=10, false, "as many bytes as there are");
    assert_page(
        &bench.page(&id, Window::Newest { skip: 0 }, 2, 30).await,
        9..=10,
        true,
        "the limit is first",
    );
}

/// A page after a number that would hold too many bytes ends before the newer message.
pub async fn bytes_cut_what_is_after_at_the_newest_end<F: Fixture>(bench: &mut Bench<F>) {
    let id = ten(bench).await;
    for (bytes, to) in [(10, 3), (19, 3), (20, 4), (29, 4), (79, 9)] {
        let page = bench.page(&id, Window::After(2), 10, bytes).await;
        assert_page(&page, 3..=to, true, &format!("{bytes} bytes after 2"));
    }
    assert_page(
        &bench.page(&id, Window::After(2), 10, 80).await,
        3..=10,
        false,
        "as many bytes as there are",
    );
}

/// A page holds at least one message, however long, for else nobody would come past it.
pub async fn bytes_never_cut_the_first<F: Fixture>(bench: &mut Bench<F>) {
    let id = ten(bench).await;
    for bytes in [0, 1, 9] {
        assert_page(&bench.page(&id, Window::Newest { skip: 0 }, 10, bytes).await, [10], true, "the newest");
        assert_page(&bench.page(&id, Window::Newest { skip: 9 }, 10, bytes).await, [1], false, "skip 9");
        assert_page(&bench.page(&id, Window::Before(5), 10, bytes).await, [4], true, "before 5");
        assert_page(&bench.page(&id, Window::After(5), 10, bytes).await, [6], true, "after 5");
        assert_page(&bench.page(&id, Window::After(9), 10, bytes).await, [10], false, "after 9");
    }
}

/// Pages asked for one after another give each message once, in both directions.
pub async fn pages_join_without_holes<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.append("control", &id, 257).await;
    let all = bench.messages(&id).await;
    assert_eq!(seqs(&all), (1..=258).collect::<Vec<_>>());
    let mut forward = Vec::new();
    loop {
        let page = bench.page(&id, Window::After(forward.len() as u64), 50, ALL_BYTES).await;
        forward.extend(page.messages);
        if !page.more {
            break;
        }
    }
    assert_eq!(forward, all, "forward pages join");
    let mut backward = Vec::new();
    let mut before = u64::MAX;
    loop {
        let page = bench.page(&id, Window::Before(before), 50, ALL_BYTES).await;
        before = page.messages[0].seq.expect("a loaded message has its seq");
        backward.splice(0..0, page.messages);
        if !page.more {
            break;
        }
    }
    assert_eq!(backward, all, "backward pages join");
}
