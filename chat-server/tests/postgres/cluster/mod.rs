//! Two servers over a PostgreSQL with a synchronous standby, and their failures.

mod instance;

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use chat_server::shared::SharedStore;
use server_test_support::program::{program, without_settings};
use server_test_support::{Server, http, until};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub(crate) use instance::Instance;

/// A process of a server at an address that stays.
struct Node {
    listen: String,
    server: Option<Server>,
    /// The logs of its processes that have ended by themselves.
    logs: String,
}

/// A cluster with all its parts.
pub(crate) struct Cluster {
    // Before the folder, because their drop stops processes that use it.
    nodes: Vec<Node>,
    databases: [Instance; 2],
    primary: usize,
    dir: TempDir,
}

impl Cluster {
    /// Starts everything.
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let databases = ["left", "right"].map(|name| Instance::new(dir.path().join(name)));
        databases[0].begin();
        let mut cluster = Self { nodes: Vec::new(), databases, primary: 0, dir };
        cluster.primary().connect("postgres").await.batch_execute("CREATE DATABASE chat").await.unwrap();
        SharedStore::upgrade(&cluster.address()).await.unwrap();
        cluster.make_standby().await;
        cluster.nodes = (0..2)
            .map(|_| Node { listen: format!("127.0.0.1:{}", free_port()), server: None, logs: String::new() })
            .collect();
        cluster.start_nodes().await;
        cluster.ready().await;
        cluster
    }

    /// The primary.
    pub(crate) fn primary(&self) -> &Instance {
        &self.databases[self.primary]
    }

    fn standby(&self) -> &Instance {
        &self.databases[1 - self.primary]
    }

    /// The address of the database, wherever its primary is.
    fn address(&self) -> String {
        let [left, right] = self.databases.each_ref().map(|database| database.socket().display());
        format!("postgres:///chat?user=postgres&host={left}&host={right}")
    }

    /// The addresses of all servers.
    pub(crate) fn urls(&self) -> Vec<String> {
        let url = |node: &Node| format!("ws://{}/api/websocket/connect", node.listen);
        self.nodes.iter().map(url).collect()
    }

    /// Both running servers.
    pub(crate) fn nodes(&self) -> [&Server; 2] {
        [self.node(0), self.node(1)]
    }

    /// A running server.
    pub(crate) fn node(&self, node: usize) -> &Server {
        self.nodes[node].server.as_ref().expect("the node is running")
    }

    /// Starts the servers that are not running, as service managers do.
    pub(crate) async fn start_nodes(&mut self) {
        for place in 0..self.nodes.len() {
            let node = &mut self.nodes[place];
            if let Some(ended) = node.server.take_if(Server::has_ended) {
                node.logs += &ended.ended().await.1;
            }
            if node.server.is_none() {
                self.start_node(place);
            }
        }
    }

    /// The logs of all servers.
    pub(crate) fn logs(&self) -> String {
        let running = |node: &Node| node.server.as_ref().map(Server::log_up_to_now).unwrap_or_default();
        self.nodes.iter().map(|node| node.logs.clone() + &running(node)).collect()
    }

    fn start_node(&mut self, place: usize) {
        let (address, name) = (self.address(), format!("node {place}"));
        let flags = [
            "--messages-per-second",
            "0",
            "--drain-seconds",
            "1",
            "--node-name",
            &name,
            "--database-url",
            &address,
        ];
        let dir = self.dir.path().join(format!("node-{place}"));
        let node = &mut self.nodes[place];
        node.server = Some(Server::start_by(program_of(place), &node.listen, &dir, &flags));
    }

    /// Waits until each server is ready.
    pub(crate) async fn ready(&self) {
        until("both nodes are ready", async || self.are_ready().await).await;
    }

    /// Whether each server is ready.
    pub(crate) async fn are_ready(&self) -> bool {
        for place in 0..self.nodes.len() {
            if http::probe(self.node(place), "/readyz").await.0 != 200 {
                return false;
            }
        }
        true
    }

    /// Kills a server, and starts it again after a pause.
    pub(crate) async fn kill_node(&mut self, node: usize, pause: Duration) {
        self.nodes[node].server.take().expect("the node is running").kill().await;
        sleep(pause).await;
        self.start_node(node);
    }

    /// Stops a server in order, and starts it again.
    pub(crate) async fn restart_node(&mut self, node: usize) {
        let server = self.nodes[node].server.take().expect("the node is running");
        assert!(server.stop().await.0.success());
        self.start_node(node);
    }

    /// Kills the primary, and starts it again.
    pub(crate) fn kill_database(&self) -> Instant {
        self.primary().kill();
        self.primary().start();
        Instant::now()
    }

    /// Kills the primary, and promotes the standby. Returns the time at which the standby accepts
    /// writes.
    pub(crate) fn fail_over(&mut self) -> Instant {
        self.primary().kill();
        self.standby().promote();
        self.primary = 1 - self.primary;
        Instant::now()
    }

    /// Makes a synchronous standby of the other instance.
    pub(crate) async fn make_standby(&self) {
        self.standby().follow(self.primary());
        // Once promoted, it has no standby at first.
        self.standby().wait_for_standby(false).await;
        self.primary().wait_for_standby(true).await;
        until("a synchronous standby", async || self.primary().has_synchronous_standby().await).await;
    }

    /// Stops the standby's receiving: nothing is confirmed from now on.
    pub(crate) async fn cut_standby(&self) {
        self.standby().stop_receiving().await;
    }

    /// Lets the standby receive again.
    pub(crate) async fn reconnect_standby(&self) {
        self.standby().receive_from(self.primary()).await;
    }

    /// Stops the standby's receiving without telling the primary to wait: what is acknowledged from
    /// now on is lost with the primary.
    pub(crate) async fn give_up_standby(&self) {
        self.primary().wait_for_standby(false).await;
        self.standby().stop_receiving().await;
    }
}

/// The program of a server: of the second one that which `OTHER_PROGRAM` names, if it is set.
fn program_of(place: usize) -> Command {
    let other = std::env::var_os("OTHER_PROGRAM").filter(|_| place == 1);
    other.map_or_else(program, |path| without_settings(Command::new(path)))
}

/// A free port that no connection takes meanwhile. The system gives connections ports above 30,000.
pub(crate) fn free_port() -> u16 {
    let drawn = std::iter::repeat_with(|| 10_000 + getrandom::u32().unwrap() % 20_000);
    let mut ports = drawn.map(|port| u16::try_from(port).expect("it is below 30,000"));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("the iterator does not end")
}
