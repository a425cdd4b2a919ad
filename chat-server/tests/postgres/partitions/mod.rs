//! Partitions: a server in a network of its own loses the database, and then everybody, without a
//! word to either side. `PARTITION_SECONDS` sets the time of each. Needs root and `ip`.

mod router;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use chat_core::protocol::User;
use chat_core::time::Timestamp;
use chat_server::shared::SharedStore;
use serde_json::{Value, json};
use server_test_support::apps::Random;
use server_test_support::apps::settings::PATIENCE;
use server_test_support::{Client, Server, http, jane, program, until};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::cluster::{Instance, free_port};
use super::under_load::{acknowledgements, begin, check, report};
use router::{Cut, DATABASE, Router, SERVER};

/// Time without the database after which a server has turned all clients away.
const TURNED_AWAY_AFTER: Duration = Duration::from_secs(45);

/// A server beside the database, and one behind the router.
struct Divided {
    near: Server,
    far: Server,
    // After the servers, which use it to their end.
    database: Instance,
    router: Router,
    dir: TempDir,
}

impl Divided {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let router = Router::new();
        let database = Instance::new(dir.path().join("database"));
        database.begin_for(DATABASE, SERVER);
        database.connect("postgres").await.batch_execute("CREATE DATABASE chat").await.unwrap();
        let socket = format!("postgres:///chat?user=postgres&host={}", database.socket().display());
        SharedStore::upgrade(&socket).await.unwrap();
        let near = start(program::program(), dir.path(), "near", "127.0.0.1", &socket);
        let over_network = format!("postgres://postgres@{DATABASE}/chat");
        let far = start(router.behind(), dir.path(), "far", SERVER, &over_network);
        Self { near, far, database, router, dir }
    }

    async fn is_ready(&self) -> bool {
        http::probe(&self.far, "/readyz").await.0 == 200
    }

    /// An admitted connection to the far server, which may turn a user away soon after a cut: no
    /// connection to the database is left then.
    async fn listener(&self, user: &User) -> Client {
        loop {
            let mut client = self.far.connect(user).await;
            client.send_text(json!({"type": "get_active_conversations", "data": {}}).to_string()).await;
            while let Some(frame) = client.frame().await {
                if frame["success"] == true {
                    return client;
                }
            }
            assert_eq!(client.closed_with, Some(1013));
        }
    }

    /// Cuts the far server off. Meanwhile its listener is deactivated at the other server. Returns
    /// the begin and the end of the cut.
    async fn cut_off(&self, cut: Cut) -> [Instant; 2] {
        let user = User { id: format!("listener {cut:?}").into(), ..jane() };
        let mut listener = self.listener(&user).await;
        // Otherwise silence would show nothing.
        let mut heard = vec![first_message(&mut listener).await];
        let listening = tokio::spawn(async move {
            // A cut connection may never tell its end.
            drop(timeout(lasting() + PATIENCE, listener.collect(&mut heard)).await);
            (heard, listener.closed_with)
        });
        let from = Instant::now();
        self.router.cut(cut);
        if cut != Cut::Everything {
            until("the server behind the router is not ready", async || !self.is_ready().await).await;
        }
        self.deactivate(&user);
        let deactivated = program::now();
        sleep(lasting()).await;
        let to = Instant::now();
        self.router.heal(cut);
        until("the server behind the router is ready", async || self.is_ready().await).await;
        println!("{cut:?}: ready {:.1?} after the end of the cut", to.elapsed());
        check_listener(cut, listening, deactivated).await;
        [from, to]
    }

    fn deactivate(&self, user: &User) {
        let mut command = program::program();
        command.args(["users", "deactivate", user.id.as_str(), "--data-dir"]);
        assert!(command.arg(self.dir.path().join("near").join("data")).status().unwrap().success());
    }
}

fn start(command: Command, dir: &Path, name: &str, host: &str, database: &str) -> Server {
    let flags = ["--messages-per-second", "0", "--node-name", name, "--database-url", database];
    Server::start_by(command, &format!("{host}:{}", free_port()), &dir.join(name), &flags)
}

/// The time of each partition.
fn lasting() -> Duration {
    let seconds = std::env::var("PARTITION_SECONDS").map_or(60, |seconds| seconds.parse().expect("a number"));
    Duration::from_secs(seconds)
}

/// The first event of a message that a listener hears.
async fn first_message(listener: &mut Client) -> Value {
    loop {
        let frame = listener.frame().await.expect("the connection stays open until the cut");
        if frame.pointer("/message/sent_at").is_some() {
            return frame;
        }
    }
}

/// Asserts that a listener has heard nothing that was sent after its deactivation.
async fn check_listener(cut: Cut, listening: JoinHandle<(Vec<Value>, Option<u16>)>, deactivated: Timestamp) {
    let (heard, closed_with) = listening.await.unwrap();
    let sent_at = |event: &Value| -> Option<Timestamp> {
        serde_json::from_value(event.pointer("/message/sent_at")?.clone()).ok()
    };
    let times: Vec<_> = heard.iter().filter_map(sent_at).collect();
    assert!(times.iter().all(|at| *at <= deactivated), "{cut:?}: {deactivated:?}, but {times:?}");
    let code = if lasting() < TURNED_AWAY_AFTER { 4503 } else { 1013 };
    if cut != Cut::Everything {
        assert_eq!(closed_with, Some(code), "{cut:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and makes network namespaces"]
async fn nothing_is_lost_and_nobody_hears_after_a_deactivation_while_a_server_is_cut_off() {
    let mut random = Random::of_test("partitions", "NODES_SEED");
    let cluster = Divided::start().await;
    let servers = [&cluster.near, &cluster.far];
    let (stop, stopped) = watch::channel(false);
    let living = begin(servers[0], &servers.map(|server| server.url.clone()), &mut random, &stopped).await;
    let mut cuts = Vec::new();
    for cut in [Cut::Database, Cut::Answers, Cut::Everything] {
        sleep(random.millis(1_500..2_500)).await;
        cuts.push(cluster.cut_off(cut).await);
    }
    sleep(random.millis(500..1_500)).await;
    stop.send(true).unwrap();
    let apps = living.join_all().await;
    report(&apps, &[]);
    let acknowledged = acknowledgements(&apps);
    for [from, to] in &cuts {
        let during = acknowledged.iter().filter(|at| (from..=to).contains(at)).count();
        assert!(during > 0, "the other server acknowledges nothing during a cut");
    }
    check(apps, servers, &cluster.database).await;
    println!("{} partitions survived", cuts.len());
}
