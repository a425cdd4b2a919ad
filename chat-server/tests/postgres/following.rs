//! Two handles on one history.

use chat_core::id::{ConversationId, NONCE_BYTES, Nonce};
use chat_core::permission::may_create;
use chat_core::permission::{MayTakePart, may_take_part};
use chat_core::protocol::{Role, RoomType, User};
use chat_core::store::{
    Account, AppendMessage, Change, CommitId, CreateConversation, Event, Facts, Followed, Life, Position,
    PutAccount, Query, Rejected, Store, Verdict,
};
use chat_core::time::Timestamp;
use chat_server::shared::SharedStore;

use super::database::{connect, create, run};

const NAMED: CommitId = CommitId { life: Life([7; 16]), number: 3 };

fn nonce(number: u8) -> Nonce {
    Nonce([number; NONCE_BYTES])
}

async fn account(store: &SharedStore, user: &str) -> chat_core::store::StoredAccount {
    match store.load(Query::Account(user.into())).await.unwrap().facts {
        Facts::Account(Some(account)) => account,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn permit(store: &SharedStore, user: &str, id: &ConversationId) -> MayTakePart {
    let Facts::Conversation(Some(known)) = store.load(Query::Conversation(id.clone())).await.unwrap().facts
    else {
        panic!("the conversation exists");
    };
    may_take_part(&account(store, user).await, Some(&known)).unwrap()
}

pub(crate) fn message(permit: MayTakePart, content: &str, client_message_id: Option<&str>) -> Change {
    let client_message_id = client_message_id.map(Into::into);
    let at = Timestamp::from_millis(1_705_314_600_000);
    Change::AppendMessage(AppendMessage {
        is_press: false,
        order: None,
        permit,
        nonce: nonce(9),
        content: content.into(),
        client_message_id,
        at,
    })
}

/// Makes a driver and the driver's conversation.
pub(crate) async fn begin(store: &SharedStore) -> ConversationId {
    let put = PutAccount { account: Account::new(User::new("driver", Role::BusDriver)), replaces: None };
    store.commit(vec![Change::PutAccount(put)]).await.unwrap()[0].as_ref().unwrap();
    let id = ConversationId::from("conv_1");
    let create = CreateConversation {
        permit: may_create(&account(store, "driver").await).unwrap(),
        id: id.clone(),
        title: "Support: late".into(),
        room_type: RoomType::DriverSupport,
        teams: Vec::new(),
        to: Vec::new(),
        nonce: nonce(1),
        content: "late".into(),
        client_message_id: None,
        at: Timestamp::from_millis(1_705_314_600_000),
    };
    store.commit(vec![Change::CreateConversation(create)]).await.unwrap()[0].as_ref().unwrap();
    id
}

pub(crate) fn seq(verdict: &Verdict) -> u64 {
    match &verdict.as_ref().unwrap().event {
        Some(Event::MessageAppended(appended)) => appended.seq,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_handle_hears_all_records_once_in_order_with_their_origin() {
    run(async {
        let address = create().await;
        let (a, b) = (SharedStore::open(&address).await.unwrap(), SharedStore::open(&address).await.unwrap());
        let id = begin(&a).await;
        let by_a = a.commit_as(NAMED, vec![message(permit(&a, "driver", &id).await, "by a", None)]).await;
        let by_b = b.commit(vec![message(permit(&b, "driver", &id).await, "by b", None)]).await;
        assert_eq!((seq(&by_a.unwrap()[0]), seq(&by_b.unwrap()[0])), (2, 3));
        for store in [&a, &b] {
            let mut after = Position(1);
            let mut heard = Vec::new();
            while heard.len() < 4 {
                let Followed { happened, .. } = store.follow(after).await.unwrap();
                after = happened.last().unwrap().position;
                heard.extend(happened);
            }
            let positions: Vec<_> = heard.iter().map(|one| one.position.0).collect();
            assert_eq!(positions, [2, 3, 4, 5]);
            assert_eq!(heard.iter().map(|one| one.by).collect::<Vec<_>>(), [None, None, Some(NAMED), None]);
        }
    });
}

#[test]
fn what_one_handle_commits_wakes_the_other() {
    run(async {
        let address = create().await;
        let (a, b) = (SharedStore::open(&address).await.unwrap(), SharedStore::open(&address).await.unwrap());
        let id = begin(&a).await;
        let following = b.follow(Position(3));
        let permit = permit(&a, "driver", &id).await;
        let (followed, committed) = tokio::join!(following, a.commit(vec![message(permit, "news", None)]));
        committed.unwrap()[0].as_ref().unwrap();
        assert_eq!(followed.unwrap().happened[0].position, Position(4));
    });
}

#[test]
fn a_repeat_at_another_handle_is_a_duplicate_and_an_old_permit_a_conflict() {
    run(async {
        let address = create().await;
        let (a, b) = (SharedStore::open(&address).await.unwrap(), SharedStore::open(&address).await.unwrap());
        let id = begin(&a).await;
        let permits = (permit(&a, "driver", &id).await, permit(&b, "driver", &id).await);
        let both = tokio::join!(
            a.commit(vec![message(permits.0, "once", Some("c1"))]),
            b.commit(vec![message(permits.1, "once", Some("c1"))])
        );
        let verdicts = [both.0.unwrap().remove(0), both.1.unwrap().remove(0)];
        let made = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
        let refused =
            verdicts.iter().filter(|verdict| matches!(verdict, Err(Rejected::Duplicate(_)))).count();
        assert_eq!((made, refused), (1, 1));

        let before = permit(&b, "driver", &id).await;
        let stored = account(&a, "driver").await;
        let inactive = Account { active: false, ..stored.account };
        let put = PutAccount { account: inactive, replaces: Some(stored.position) };
        a.commit(vec![Change::PutAccount(put)]).await.unwrap()[0].as_ref().unwrap();
        let late = b.commit(vec![message(before, "after the deactivation", None)]).await.unwrap();
        assert_eq!(late[0], Err(Rejected::Conflict));
    });
}

#[test]
fn handles_that_commit_at_once_wait_for_each_other() {
    run(async {
        let address = create().await;
        let (a, b) = (SharedStore::open(&address).await.unwrap(), SharedStore::open(&address).await.unwrap());
        let id = begin(&a).await;
        let write = async |store: &SharedStore| {
            for _ in 0..40 {
                let permit = permit(store, "driver", &id).await;
                store.commit(vec![message(permit, "at once", None)]).await.unwrap()[0].as_ref().unwrap();
            }
        };
        tokio::join!(write(&a), write(&b));
        let Followed { happened, .. } = a.follow(Position(0)).await.unwrap();
        let positions: Vec<_> = happened.iter().map(|one| one.position.0).collect();
        assert_eq!(positions, (1..=83).collect::<Vec<_>>());
    });
}

/// A failover to a standby that lacks records gives their positions again.
#[test]
fn a_lost_tail_begins_another_epoch_even_if_its_positions_are_given_again() {
    run(async {
        let address = create().await;
        let store = SharedStore::open(&address).await.unwrap();
        let id = begin(&store).await;
        let Followed { epoch, .. } = store.follow(Position(1)).await.unwrap();
        for text in ["told", "told too"] {
            let permit = permit(&store, "driver", &id).await;
            store.commit(vec![message(permit, text, None)]).await.unwrap()[0].as_ref().unwrap();
        }
        let other = connect(&address).await;
        other
            .batch_execute(
                "DELETE FROM chat.record WHERE position > 4; \
                 UPDATE chat.conversation SET last_seq = 2, last_text_seq = 2, position = 4; \
                 INSERT INTO chat.record (position, previous, hash, payload) \
                   SELECT 5, hash, sha256('another'), '{\"epoch_begun\":{\"epoch\":\"x\"}}' FROM chat.record WHERE position = 4",
            )
            .await
            .unwrap();
        store.load(Query::Directory).await.unwrap_err();
        store.commit(Vec::new()).await.unwrap_err();
        let followed = store.follow(Position(5)).await.unwrap();
        assert_ne!(followed.epoch, epoch);
        assert_eq!(followed.happened, []);
        store.load(Query::Directory).await.unwrap_err();

        let again = SharedStore::open(&address).await.unwrap();
        let Facts::Directory(directory) = again.load(Query::Directory).await.unwrap().facts else { panic!() };
        assert_eq!(directory.epoch, followed.epoch);
    });
}
