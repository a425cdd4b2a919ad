//! Cases: messages are appended.

use super::Fixture;
use super::bench::{Bench, appended, seqs, stored, time};
use crate::id::{MessageId, NONCE_BYTES, Nonce};
use crate::store::{AppendMessage, Change, Window};

/// Texts that a careless encoding loses.
pub(super) const AWKWARD: &[&str] = &[
    "\0",
    "a\0b\u{1}\u{7f}",
    "line\nline\r\n\ttab",
    " leading and trailing ",
    r#""quotes" 'single' \backslash\ \u0041"#,
    "<script>alert(1)</script> & &amp; %00 ${x} '; DROP TABLE messages; --",
    "نص من اليمين إلى اليسار \u{202e}reversed\u{202c}",
    "👩‍👩‍👧‍👦 🇬🇷 e\u{301} é \u{feff} \u{fffd} \u{2028}",
    "{\"type\":\"new_message\"}",
    "\u{10ffff}\u{e000}",
];

/// Messages are numbered 1, 2, 3 … without holes, within a batch and over batches.
pub async fn messages_are_numbered_without_holes<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let known = bench.conversation(&id).await;
    let mut expected = bench.messages(&id).await;
    for batch in 0..3_u64 {
        let mut changes = Vec::new();
        for user in ["driver", "control"] {
            let draft = bench.message_under(bench.permit_on_version(user, &known, known.version));
            expected.push(stored(&draft, expected.len() as u64 + 1, time(0)));
            changes.push(Change::AppendMessage(draft));
        }
        let committed = bench.accept_all(changes).await;
        let given: Vec<_> = committed.iter().map(|committed| appended(committed).seq).collect();
        assert_eq!(given, [batch * 2 + 2, batch * 2 + 3], "each gets the next seq");
    }
    let mut stored = bench.messages(&id).await;
    // The cases of the work say what these messages show of it.
    stored.iter_mut().skip(1).for_each(|message| message.work = None);
    assert_eq!(stored, expected, "messages are stored as sent, in the order of the batch");
    assert_eq!(bench.conversation(&id).await.last_seq, 7, "last_seq is the number of the newest message");
}

/// A message of one conversation does not count in another.
pub async fn each_conversation_has_its_own_numbers<F: Fixture>(bench: &mut Bench<F>) {
    let (one, other) = (bench.create("driver", &[]).await, bench.create("driver", &[]).await);
    let mut changes = Vec::new();
    for id in [&one, &other, &one] {
        changes.push(Change::AppendMessage(bench.message("driver", id).await));
    }
    bench.accept_all(changes).await;
    assert_eq!(seqs(&bench.messages(&one).await), [1, 2, 3]);
    assert_eq!(seqs(&bench.messages(&other).await), [1, 2]);
    assert!(bench.messages(&other).await.iter().all(|message| message.conversation_id == other));
}

/// The version counts changes of members, not messages.
pub async fn a_message_does_not_change_the_version<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.append("driver", &id, 3).await;
    bench.read("control", &id, 2).await;
    let now = bench.conversation(&id).await;
    assert_eq!((now.version, now.last_seq), (1, 4), "messages and read positions leave the version");
}

/// `sent_at` is the later of the change's time and that of the message before it.
pub async fn sent_at_never_falls<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create_at("driver", &[], 100).await;
    for (batch, expected) in [([50, 200], [100, 200]), ([200, 199], [200, 200]), ([-9, 300], [200, 300])] {
        let mut changes = Vec::new();
        for at in batch {
            let draft = bench.message("driver", &id).await;
            changes.push(Change::AppendMessage(AppendMessage { at: time(at), ..draft }));
        }
        let committed = bench.accept_all(changes).await;
        let given: Vec<_> = committed.iter().map(|committed| appended(committed).sent_at).collect();
        assert_eq!(given, expected.map(time), "sent_at never falls, asked at {batch:?}");
    }
    let times: Vec<_> = bench.messages(&id).await.iter().map(|message| message.sent_at).collect();
    assert_eq!(times, [100, 100, 200, 200, 200, 200, 300].map(time), "history shows the same times");
    let now = bench.conversation(&id).await;
    assert_eq!(now.last_message_at, time(300), "last_message_at is that of the newest message");
    assert_eq!(now.created_at, time(100), "created_at stays");
}

/// Contents are data: every character comes back, up to the longest that the protocol allows.
pub async fn contents_come_back_exactly<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &[]).await;
    let longest = "😀".repeat(4_000);
    let long_ascii = "x".repeat(4_000);
    let texts: Vec<&str> = AWKWARD.iter().copied().chain([&*longest, &*long_ascii, "x"]).collect();
    for text in &texts {
        bench.say("driver", &id, text, 0).await;
    }
    let messages = bench.messages(&id).await;
    for (message, text) in messages.iter().skip(1).zip(&texts) {
        assert_eq!(&*message.content, *text, "a content comes back exactly");
    }
    assert_eq!(messages.len(), texts.len() + 1);
    let newest = bench.page(&id, Window::Newest { skip: 1 }, 1, usize::MAX).await.messages;
    assert_eq!(&*newest[0].content, &*long_ascii, "a long content comes back exactly from a page");
}

/// A message id is of one conversation, whatever `seq` it claims.
pub async fn a_message_is_found_by_its_id_in_its_conversation_only<F: Fixture>(bench: &mut Bench<F>) {
    let (id, other) = (bench.create("driver", &[]).await, bench.create("driver", &[]).await);
    bench.append("driver", &id, 11).await;
    bench.append("driver", &other, 11).await;
    let messages = bench.messages(&id).await;
    for message in &messages {
        assert_eq!(bench.seq(&id, &message.id).await, message.seq, "a message is found by its id");
        assert_eq!(bench.seq(&other, &message.id).await, None, "it is not one of another conversation");
    }
    let foreign = Nonce([0xee; NONCE_BYTES]);
    for claimed in [0, 1, 12, 13, u64::MAX] {
        let id_of_none = MessageId::compose(foreign, claimed);
        assert_eq!(bench.seq(&id, &id_of_none).await, None, "{id_of_none} claims a seq that is not its own");
    }
    let second = messages[1].id.as_str();
    for odd in ["", "msg_", "msg_456", "conv_", "\0", &second[..second.len() - 1], &format!("{second}0")] {
        assert_eq!(bench.seq(&id, &odd.into()).await, None, "{odd:?} is the id of no message");
    }
    let padded = MessageId::from(format!("{}02", &second[..second.len() - 1]));
    assert_eq!(bench.seq(&id, &padded).await, None, "an id is compared whole: {padded} is none");
    let missing = bench.creation("driver", &[]).await.id;
    assert_eq!(bench.seq(&missing, &messages[0].id).await, None, "a missing conversation has no message");
}

/// A batch as large as the engine makes them is taken, in its order.
pub async fn a_full_batch_is_taken<F: Fixture>(bench: &mut Bench<F>) {
    let ids = [bench.create("driver", &["control"]).await, bench.create("driver", &["control"]).await];
    let known = [bench.conversation(&ids[0]).await, bench.conversation(&ids[1]).await];
    let mut changes = Vec::new();
    for number in 0..1_024_usize {
        let permit = bench.permit_on_version("driver", &known[number % 2], 1);
        let content = format!("number {number}").into();
        changes.push(Change::AppendMessage(AppendMessage { content, ..bench.message_under(permit) }));
    }
    bench.accept_all(changes).await;
    for (which, id) in ids.iter().enumerate() {
        let contents: Vec<_> =
            bench.messages(id).await.iter().skip(1).map(|m| m.content.to_string()).collect();
        let expected: Vec<_> = (0..512).map(|n| format!("number {}", 2 * n + which)).collect();
        assert_eq!(contents, expected, "all messages of the batch are there in its order");
        assert_eq!(bench.conversation(id).await.last_seq, 513);
    }
}
