//! Cases: a process that ends without closing its store. Each kind of change is lost or kept for
//! itself, so each has a crash of its own.

use super::Fixture;
use super::bench::{Bench, control};
use super::queries::Listing;
use crate::protocol::{Role, User};
use crate::store::{Account, AppendMessage, Change, CreateConversation, Window};

/// An account that a commit has returned survives a crash.
pub async fn an_account_survives_a_crash<F: Fixture>(bench: &mut Bench<F>) {
    let account = Account::new(User::new("control", Role::ControlStaff));
    bench.put(account).await;
    let stored = bench.stored_account("control").await.expect("it was put");
    if bench.crash().await {
        assert_eq!(bench.stored_account("control").await, Some(stored.clone()), "an acknowledged account");
        assert_eq!(bench.directory().await.staff, [stored]);
    }
}

/// A conversation that a commit has returned survives a crash, with its first message.
pub async fn a_conversation_survives_a_crash<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let (conversation, messages) = (bench.conversation(&id).await, bench.messages(&id).await);
    if bench.crash().await {
        assert_eq!(bench.find_conversation(&id).await, Some(conversation), "an acknowledged conversation");
        assert_eq!(bench.messages(&id).await, messages);
        assert_eq!(bench.listed(Listing::of("control")).await.rows.len(), 1, "the list of a participant");
    }
}

/// A message that a commit has returned survives a crash, and the numbers go on behind it.
pub async fn a_message_survives_a_crash<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    for _ in 0..3 {
        bench.append("driver", &id, 2).await;
        let messages = bench.messages(&id).await;
        if !bench.crash().await {
            return;
        }
        assert_eq!(bench.messages(&id).await, messages, "acknowledged messages");
    }
    bench.append("control", &id, 1).await;
    assert_eq!(bench.page(&id, Window::Newest { skip: 0 }, 1, usize::MAX).await.last_seq, 8);
}

/// A read position that a commit has returned survives a crash.
pub async fn a_read_position_survives_a_crash<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.append("driver", &id, 4).await;
    bench.read("control", &id, 3).await;
    if bench.crash().await {
        let rows = bench.listed(Listing::of("control")).await.rows;
        assert_eq!(rows.first().map(|row| row.read_up_to), Some(3), "an acknowledged read position");
    }
}

/// A change of members that a commit has returned survives a crash.
pub async fn a_membership_survives_a_crash<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.put(control("admin", &[])).await;
    let enrol = bench.membership("admin", &id).await;
    bench.accept(Change::Enrol(enrol)).await;
    let withdraw = bench.membership("control", &id).await;
    bench.accept(Change::Withdraw(withdraw)).await;
    let conversation = bench.conversation(&id).await;
    if bench.crash().await {
        assert_eq!(bench.find_conversation(&id).await, Some(conversation), "the acknowledged members");
        assert_eq!(bench.listed(Listing::of("admin")).await.rows.len(), 1);
        assert_eq!(bench.listed(Listing::of("control")).await.rows.len(), 0);
    }
}

/// A repeat after a crash is still a repeat.
pub async fn a_client_message_id_survives_a_crash<F: Fixture>(bench: &mut Bench<F>) {
    let creation = CreateConversation {
        client_message_id: Some("creation".into()),
        ..bench.creation("driver", &["control"]).await
    };
    let id = creation.id.clone();
    bench.accept(Change::CreateConversation(creation)).await;
    let draft = bench.message("driver", &id).await;
    let draft = AppendMessage { client_message_id: Some("message".into()), ..draft };
    bench.accept(Change::AppendMessage(draft)).await;
    let originals = (bench.original("driver", "creation").await, bench.original("driver", "message").await);
    if bench.crash().await {
        let kept = (bench.original("driver", "creation").await, bench.original("driver", "message").await);
        assert_eq!(kept, originals, "the originals of acknowledged requests");
        let again = bench.message("driver", &id).await;
        let again = AppendMessage { client_message_id: Some("message".into()), ..again };
        bench.duplicate(Change::AppendMessage(again)).await;
    }
}

/// Positions never fall, and the epoch stays, over a crash.
pub async fn positions_and_the_epoch_survive_a_crash<F: Fixture>(bench: &mut Bench<F>) {
    bench.create("driver", &["control"]).await;
    let epoch = bench.directory().await.epoch;
    if bench.crash().await {
        // That positions do not fall is checked of every load.
        assert_eq!(bench.directory().await.epoch, epoch, "the epoch is that of the store's creation");
        bench.create("driver", &[]).await;
    }
}
