//! A group of changes whose transaction does not go as it should.

use chat_core::store::{Query, Rejected, Store};
use chat_server::shared::SharedStore;

use super::database::{connect, create, run};
use super::following::{begin, message, permit, seq};

/// PostgreSQL answers the COMMIT of a failed transaction without an error.
#[test]
fn a_failed_statement_fails_its_group_although_its_commit_has_no_error() {
    run(async {
        let address = create().await;
        let store = SharedStore::open(&address).await.unwrap();
        let id = begin(&store).await;
        let beside = connect(&address).await;
        let fails = "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS \
            $$ BEGIN RAISE EXCEPTION 'no room'; END $$; \
            CREATE TRIGGER fails BEFORE UPDATE ON chat.conversation EXECUTE FUNCTION fails()";
        beside.batch_execute(fails).await.unwrap();
        let permitted = permit(&store, "driver", &id).await;
        let refused = store.commit(vec![message(permitted, "lost", Some("c1"))]).await.unwrap_err();
        assert!(refused.reason.contains("no room"), "{refused}");

        beside.batch_execute("DROP TRIGGER fails ON chat.conversation").await.unwrap();
        let permitted = permit(&store, "driver", &id).await;
        let again = store.commit(vec![message(permitted, "kept", Some("c1"))]).await.unwrap();
        assert_eq!(seq(&again[0]), 2, "nothing of the failed group is stored");
    });
}

/// PostgreSQL gives this warning after giving up the wait for its standby: the changes are visible,
/// and a failover may take them away.
#[test]
fn a_group_with_a_warning_has_an_unknown_outcome() {
    run(async {
        let address = create().await;
        let store = SharedStore::open(&address).await.unwrap();
        let id = begin(&store).await;
        let beside = connect(&address).await;
        let warns = "CREATE FUNCTION warns() RETURNS trigger LANGUAGE plpgsql AS \
            $$ BEGIN RAISE WARNING 'not at the standby' USING ERRCODE = '01000'; RETURN NULL; END $$; \
            CREATE CONSTRAINT TRIGGER warns AFTER INSERT ON chat.record \
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warns()";
        beside.batch_execute(warns).await.unwrap();
        let permitted = permit(&store, "driver", &id).await;
        let unknown = store.commit(vec![message(permitted, "told by the log", Some("c1"))]).await;
        assert!(unknown.unwrap_err().reason.contains("standby"));

        beside.batch_execute("DROP TRIGGER warns ON chat.record").await.unwrap();
        let permitted = permit(&store, "driver", &id).await;
        let again = store.commit(vec![message(permitted, "told by the log", Some("c1"))]).await.unwrap();
        assert!(matches!(again[0], Err(Rejected::Duplicate(_))), "the log has it: {again:?}");
        store.load(Query::Directory).await.unwrap();
    });
}

/// A server frozen between two statements holds the lane. The time limit of PostgreSQL is off here.
#[test]
fn a_frozen_holder_of_the_lane_is_ended_and_the_others_go_on() {
    run(async {
        let address = create().await;
        let store = SharedStore::open(&address).await.unwrap();
        let id = begin(&store).await;
        let frozen = connect(&address).await;
        frozen.batch_execute("BEGIN; SELECT 1 FROM chat.lane FOR UPDATE").await.unwrap();
        let permitted = permit(&store, "driver", &id).await;
        let committed = store.commit(vec![message(permitted, "goes on", None)]).await.unwrap();
        assert_eq!(seq(&committed[0]), 2);
        frozen.batch_execute("COMMIT").await.unwrap_err();
    });
}

/// Ending a waiting commit would show changes which a failover may take away.
#[test]
fn a_holder_of_the_lane_that_works_is_not_ended() {
    run(async {
        let address = create().await;
        let store = SharedStore::open(&address).await.unwrap();
        let id = begin(&store).await;
        let works = connect(&address).await;
        works.batch_execute("BEGIN; SELECT 1 FROM chat.lane FOR UPDATE").await.unwrap();
        let permitted = permit(&store, "driver", &id).await;
        let (worked, refused) = tokio::join!(
            works.batch_execute("SELECT pg_sleep(4)"),
            store.commit(vec![message(permitted, "waits in vain", None)])
        );
        worked.unwrap();
        assert!(refused.unwrap_err().reason.contains("lock timeout"));
        works.batch_execute("COMMIT").await.unwrap();
    });
}
