//! A router between this machine and a server, that can drop packets.

use std::process::{Command, id};

use server_test_support::program::{executable, without_settings};

/// This machine's address for the database.
pub(super) const DATABASE: &str = "10.213.1.1";

/// The address of the server behind the router.
pub(super) const SERVER: &str = "10.213.2.2";

/// This machine's address for all but the database.
const CLIENTS: &str = "10.213.1.2";

/// The router's address for this machine.
const NEAR: &str = "10.213.1.9";

/// The router's address for the server.
const FAR: &str = "10.213.2.9";

/// The packets that are dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    /// Those between the server and the database.
    Database,
    /// Those from the database to the server, but not those to the database.
    Answers,
    /// All.
    Everything,
}

impl Cut {
    /// Selects the packets.
    fn rules(self) -> Vec<String> {
        match self {
            Self::Database => vec![format!("from {DATABASE}"), format!("to {DATABASE}")],
            Self::Answers => vec![format!("from {DATABASE}")],
            Self::Everything => vec!["from all".to_owned()],
        }
    }
}

/// The router and the server's network, each a network namespace. Both are removed on drop.
pub(super) struct Router {
    name: String,
    server: String,
    /// The name of this machine's end of the line to the router.
    line: String,
}

impl Router {
    /// Lays the lines. The lines stay up when packets are dropped, so nobody is told.
    pub(super) fn new() -> Self {
        let [router, server] = ["router", "server"].map(|part| format!("chat-{part}-{}", id()));
        let network = Self { name: router, server, line: format!("chat{}", id()) };
        let Self { name: router, server, line } = &network;
        for command in [
            format!("netns add {router}"),
            format!("netns add {server}"),
            format!("link add {line} type veth peer name near netns {router}"),
            format!("-n {router} link add far type veth peer name line netns {server}"),
            format!("addr add {DATABASE}/24 dev {line}"),
            format!("addr add {CLIENTS}/24 dev {line}"),
            format!("-n {router} addr add {NEAR}/24 dev near"),
            format!("-n {router} addr add {FAR}/24 dev far"),
            format!("-n {server} addr add {SERVER}/24 dev line"),
            format!("link set {line} up"),
            format!("-n {router} link set near up"),
            format!("-n {router} link set far up"),
            format!("-n {server} link set line up"),
            format!("-n {server} link set lo up"),
            format!("route add {SERVER} via {NEAR} src {CLIENTS}"),
            format!("-n {server} route add default via {FAR}"),
            format!("netns exec {router} sysctl -qw net.ipv4.ip_forward=1"),
        ] {
            ip(&command);
        }
        network
    }

    /// The program, run behind the router.
    pub(super) fn behind(&self) -> Command {
        let mut command = without_settings(Command::new("ip"));
        command.args(["netns", "exec", &self.server]).arg(executable());
        command
    }

    /// Drops packets from now on.
    pub(super) fn cut(&self, cut: Cut) {
        self.change("add", cut);
    }

    /// Lets the packets through again.
    pub(super) fn heal(&self, cut: Cut) {
        self.change("del", cut);
    }

    fn change(&self, change: &str, cut: Cut) {
        for rule in cut.rules() {
            ip(&format!("-n {} rule {change} {rule} pref 10 blackhole", self.name));
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        for command in [
            format!("link del {}", self.line),
            format!("netns del {}", self.name),
            format!("netns del {}", self.server),
        ] {
            // A test that failed early has not made all of them.
            drop(Command::new("ip").args(command.split(' ')).output());
        }
    }
}

fn ip(command: &str) {
    let output = Command::new("ip").args(command.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {command}: {output:?}");
}
