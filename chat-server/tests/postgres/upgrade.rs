//! Tables of an older layout are brought to the present one.

use chat_core::protocol::{Work, WorkState};
use chat_core::store::{Facts, OrderPage, OrderQuery, Query, Store as _};
use chat_core::time::Timestamp;
use chat_server::shared::{DatabaseError, SharedStore, Upgraded};

use super::database::{connect, create_empty, run};

/// A driver and a control user, and two conversations: the driver wrote last in the first, twice,
/// and control in the other.
const ROWS: &str = r#"
INSERT INTO chat.meta (layout, epoch) VALUES (1, 'epoch_1');
INSERT INTO chat.lane DEFAULT VALUES;
INSERT INTO chat.account VALUES
  ('driver', '{"id":"driver","role":"BUS_DRIVER","active":true,"teams":[]}', false, 1, 1),
  ('jane', '{"id":"jane","role":"CONTROL_STAFF","active":true,"teams":["control"]}', true, 2, 2);
INSERT INTO chat.record (position, previous, hash, payload, conversation, seq, sent_at, author) VALUES
  (3, '', '', '', 'asked', 1, 1000, 'driver'), (4, '', '', '', 'asked', 2, 2000, 'jane'),
  (5, '', '', '', 'asked', 3, 3000, 'driver'), (6, '', '', '', 'asked', 4, 4000, 'driver'),
  (7, '', '', '', 'answered', 1, 5000, 'driver'), (8, '', '', '', 'answered', 2, 6000, 'jane');
INSERT INTO chat.conversation VALUES
  ('asked', 't', 'driver_support', 'driver', 1000, '{"teams":["control"],"members":[]}', 1, 4, 4000, 6),
  ('answered', 't', 'driver_support', 'driver', 5000, '{"teams":["control"],"members":[]}', 1, 2, 6000, 8);
INSERT INTO chat.activity VALUES ('asked', 'tcontrol', 0), ('answered', 'tcontrol', 0);
"#;

async fn work(store: &SharedStore, id: &str) -> Work {
    let Facts::Conversation(Some(found)) = store.load(Query::Conversation(id.into())).await.unwrap().facts
    else {
        panic!("no conversation {id}")
    };
    assert_eq!((found.last_text_seq, found.last_at), (found.last_seq, found.last_message_at));
    found.work
}

#[test]
fn conversations_of_layout_1_wait_if_field_staff_wrote_last() {
    run(async {
        let address = create_empty().await;
        let client = connect(&address).await;
        client.batch_execute(include_str!("../../src/shared/schema.sql")).await.unwrap();
        client.batch_execute(ROWS).await.unwrap();
        assert_eq!(SharedStore::upgrade(&address).await.unwrap(), Upgraded::From(1));
        assert_eq!(SharedStore::upgrade(&address).await.unwrap(), Upgraded::Nothing);
        let store = SharedStore::open(&address).await.unwrap();
        let (asked, answered) = (work(&store, "asked").await, work(&store, "answered").await);
        assert_eq!((asked.state, asked.version), (WorkState::Waiting, 0));
        assert_eq!(asked.waiting_since.map(Timestamp::as_millis), Some(3_000));
        assert_eq!((answered.state, answered.waiting_since), (WorkState::Resolved, None));
        assert_eq!(answered.since.as_millis(), 6_000);
        let orders = OrderQuery { user: None, after: None, limit: 9 };
        let facts = store.load(Query::OpenOrders(orders)).await.unwrap().facts;
        assert_eq!(facts, Facts::OpenOrders(OrderPage::default()), "no earlier message is an order");
        let ranks = "SELECT is_open, rank FROM chat.activity ORDER BY conversation";
        let ranks = client.query(ranks, &[]).await.unwrap();
        let ranks: Vec<(bool, i64)> = ranks.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(ranks, [(answered.is_open(), answered.rank()), (asked.is_open(), asked.rank())]);
    });
}

/// Two servers, one of which was killed some time ago.
const NODES: &str = "UPDATE chat.meta SET layout = 2; \
    INSERT INTO chat.node VALUES ('a', 'one:8080', '0.1.0', now() + interval '10 s', 1), \
    ('b', 'two:8080', '0.1.0', now() - interval '1 s', 1)";

#[test]
fn no_server_of_the_version_before_is_left_with_tables_that_it_does_not_know() {
    run(async {
        let address = create_empty().await;
        let client = connect(&address).await;
        client.batch_execute(include_str!("../../src/shared/schema.sql")).await.unwrap();
        client.batch_execute(ROWS).await.unwrap();
        client.batch_execute(include_str!("../../src/shared/schema_2.sql")).await.unwrap();
        client.batch_execute(NODES).await.unwrap();
        let refused = SharedStore::upgrade(&address).await.unwrap_err();
        assert!(matches!(&refused, DatabaseError::Served(servers) if *servers == ["one:8080"]), "{refused}");
        let words = refused.to_string();
        assert!(words.contains("stop all servers first") && words.contains("one:8080"), "{words}");
        let layout: i32 = client.query_one("SELECT layout FROM chat.meta", &[]).await.unwrap().get(0);
        assert_eq!(layout, 2);
        client.batch_execute("UPDATE chat.node SET until = now()").await.unwrap();
        assert_eq!(SharedStore::upgrade(&address).await.unwrap(), Upgraded::From(2));
        // Servers of this version go on.
        client.batch_execute("UPDATE chat.node SET until = now() + interval '10 s'").await.unwrap();
        assert_eq!(SharedStore::upgrade(&address).await.unwrap(), Upgraded::Nothing);
    });
}
