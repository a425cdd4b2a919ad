//! Databases for tests.

use std::env;
use std::future::Future;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use chat_server::shared::{SharedStore, Upgraded};
use tokio::runtime::Builder;
use tokio_postgres::{Client, NoTls};

/// Runs a future of the database's client to its end.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The address of a database of the server under test.
pub(crate) fn address(database: &str) -> String {
    let server = env::var("CHAT_TEST_POSTGRES").expect("chat-server/tests/postgres/run starts a PostgreSQL");
    format!("postgres:///{database}?user=postgres&host={server}")
}

/// A connection beside the store.
pub(crate) async fn connect(address: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await.unwrap();
    tokio::spawn(connection);
    // The plans of the store are checked, not those of a test.
    client.batch_execute("SET auto_explain.log_min_duration = -1").await.unwrap();
    client
}

/// Creates a database with the tables of the chat, and returns its address.
pub(crate) async fn create() -> String {
    let address = create_empty().await;
    assert_eq!(SharedStore::upgrade(&address).await.unwrap(), Upgraded::Created);
    assert_eq!(SharedStore::upgrade(&address).await.unwrap(), Upgraded::Nothing);
    let name = address.split(['/', '?']).nth(3).unwrap();
    let explained = format!("ALTER DATABASE {name} RESET auto_explain.log_min_duration");
    connect(&address).await.batch_execute(&explained).await.unwrap();
    address
}

/// The tables of the first layout.
const FIRST: &str = concat!(
    include_str!("../../src/shared/schema.sql"),
    "INSERT INTO chat.meta (layout, epoch) VALUES (1, 'old'); INSERT INTO chat.lane DEFAULT VALUES; ",
    "INSERT INTO chat.record (position, previous, hash, payload) VALUES ",
    r#"(1, decode(repeat('00', 32), 'hex'), sha256('1'), '{"epoch_begun":{"epoch":"old"}}');"#,
);

#[test]
fn tables_of_an_older_version_are_brought_to_this_one() {
    run(async {
        let address = create_empty().await;
        connect(&address).await.batch_execute(FIRST).await.unwrap();
        let refused = SharedStore::open(&address).await.unwrap_err().to_string();
        assert!(refused.contains("run `chat-server database upgrade`"), "{refused}");
        assert_eq!(SharedStore::upgrade(&address).await.unwrap(), Upgraded::From(1));
        assert_eq!(SharedStore::upgrade(&address).await.unwrap(), Upgraded::Nothing);
        SharedStore::open(&address).await.unwrap();
    });
}

/// Creates a database without tables, and returns its address.
pub(crate) async fn create_empty() -> String {
    static CREATED: AtomicU64 = AtomicU64::new(0);
    let name = format!("test_{}_{}", process::id(), CREATED.fetch_add(1, Ordering::Relaxed));
    let client = connect(&address("postgres")).await;
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    // An upgrade reads whole tables, which no statement of the store may.
    let unexplained = format!("ALTER DATABASE {name} SET auto_explain.log_min_duration = -1");
    client.batch_execute(&unexplained).await.unwrap();
    address(&name)
}
