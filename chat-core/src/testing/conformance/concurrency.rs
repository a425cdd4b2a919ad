//! Cases: loads beside a commit.

use futures::future::{Either, select};

use super::Fixture;
use super::bench::Bench;
use crate::id::ConversationId;
use crate::store::{Change, Facts, Loaded, Membership, Query, Store, Verdict, Window};

/// The number of batches, because a store with threads shows a fault only now and then.
const ROUNDS: usize = 20;

/// The number of messages in each batch.
const BATCH: u64 = 50;

/// A load beside a commit sees the whole batch or nothing of it, and never claims a position whose
/// changes it lacks.
///
/// A batch becomes durable as a whole. A load that sees a part of it shows messages that a crash
/// may still take back.
pub async fn a_load_beside_a_commit_sees_all_or_nothing<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    for round in 0..ROUNDS {
        let before = bench.messages(&id).await.len() as u64;
        let known = bench.conversation(&id).await;
        let mut append = || bench.message_under(bench.permit_on_version("driver", &known, known.version));
        let mut changes: Vec<_> = (0..BATCH).map(|_| Change::AppendMessage(append())).collect();
        let (conversation, version) = (id.clone(), known.version);
        let user = format!("control_{round}").as_str().into();
        changes.push(Change::Enrol(Membership { conversation, version, user }));
        let (seen, verdicts) = beside(bench, changes, &id).await;
        let last = verdicts.iter().flatten().map(|committed| committed.position).max();
        assert!(verdicts.iter().all(Result::is_ok), "the whole batch is accepted");
        for Loaded { position, facts } in seen {
            let (has_none, has_all) = match facts {
                Facts::Messages(page) => {
                    let seq = page.messages.len() as u64;
                    (seq == before, seq == before + BATCH)
                }
                Facts::Conversation(Some(now)) => {
                    let seen = (now.last_seq, now.version - known.version);
                    (seen == (before, 0), seen == (before + BATCH, 1))
                }
                other => panic!("another question was answered: {other:?}"),
            };
            assert!(has_none || has_all, "a load sees the whole batch or nothing of it");
            assert!(has_all || Some(position) < last, "a load lacks nothing up to its position");
        }
    }
}

/// Loads again and again until a commit has returned: the messages and the conversation in turn.
async fn beside<F: Fixture>(
    bench: &mut Bench<F>,
    changes: Vec<Change>,
    id: &ConversationId,
) -> (Vec<Loaded>, Vec<Verdict>) {
    let (conversation, window) = (id.clone(), Window::After(0));
    let page =
        Query::Messages { conversation, window, limit: u32::MAX, bytes: usize::MAX, with_positions: false };
    let mut queries = [page, Query::Conversation(id.clone())].into_iter().cycle();
    let mut seen = Vec::new();
    let store = bench.store();
    let mut commit = Box::pin(store.commit(changes));
    let verdicts = loop {
        let load = Box::pin(store.load(queries.next().expect("a cycle has no end")));
        match select(commit, load).await {
            Either::Left((verdicts, _)) => break verdicts.expect("commit: the store is available"),
            Either::Right((loaded, pending)) => {
                commit = pending;
                seen.push(loaded.expect("load: the store is available"));
            }
        }
    };
    bench.note(&verdicts);
    (seen, verdicts)
}
