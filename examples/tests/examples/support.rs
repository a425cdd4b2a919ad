//! A real server that can be stopped, and programs with typed input.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use chat_client::websocket::TokioClock;
use chat_core::drive::Clock;
use chat_core::protocol::{Role, User};
use chat_server::auth::{Expected, Secret, issue};
use chat_server::config::{DataConfig, SecretText};
use chat_server::{Config, EngineError, Server};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Time limit of a line: far more than any needs, to fail only a hanging program.
const PATIENCE: Duration = Duration::from_mins(1);

const SECRET: &str = "the secret of these tests, 32 bytes long";

/// A server behind an address that stays when the server stops.
pub(crate) struct World {
    folder: TempDir,
    url: String,
    /// The server's address, while it runs.
    server: watch::Sender<Option<SocketAddr>>,
    running: Option<Running>,
}

/// The stop signal of the server, and its task.
type Running = (oneshot::Sender<()>, JoinHandle<Result<(), EngineError>>);

impl World {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/api/websocket/connect", listener.local_addr().unwrap());
        let server = watch::Sender::new(None);
        tokio::spawn(forward(listener, server.subscribe()));
        let mut world = Self { folder: tempfile::tempdir().unwrap(), url, server, running: None };
        world.go_on().await;
        world
    }

    /// Starts the server on its old data.
    pub(crate) async fn go_on(&mut self) {
        let server = Server::bind(&config(&self.folder)).await.unwrap();
        self.server.send_replace(Some(server.address()));
        let (stop, stopped) = oneshot::channel();
        self.running = Some((stop, tokio::spawn(server.run(async { stopped.await.unwrap() }))));
    }

    /// Cuts all connections, then stops the server.
    pub(crate) async fn stop(&mut self) {
        self.server.send_replace(None);
        let (stop, running) = self.running.take().unwrap();
        stop.send(()).unwrap();
        running.await.unwrap().unwrap();
    }

    pub(crate) fn driver(&self) -> Program {
        self.driver_with(SECRET)
    }

    /// Starts a driver with a token signed by this secret.
    pub(crate) fn driver_with(&self, secret: &str) -> Program {
        let user = user("driver_1", Role::BusDriver, "John", "Doe");
        let outbox = self.folder.path().join("outbox");
        let arguments = ["--server", &self.url, "--outbox", outbox.to_str().unwrap()];
        Program::start(env!("CARGO_BIN_EXE_driver"), &token(&user, secret), &arguments)
    }

    pub(crate) fn control_desk(&self) -> Program {
        let user = user("control_1", Role::ControlStaff, "Jane", "Smith");
        let token = token(&user, SECRET);
        Program::start(env!("CARGO_BIN_EXE_control_desk"), &token, &["--server", &self.url])
    }
}

fn config(folder: &TempDir) -> Config {
    let mut config = Config {
        listen: "127.0.0.1:0".to_owned(),
        data: DataConfig { data_dir: folder.path().join("data") },
        ..Config::default()
    };
    config.tokens.secret.jwt_secret = SecretText(Some(SECRET.into()));
    config
}

fn user(id: &str, role: Role, first_name: &str, last_name: &str) -> User {
    User { first_name: first_name.into(), last_name: last_name.into(), ..User::new(id, role) }
}

fn token(user: &User, secret: &str) -> String {
    let secret = Secret::new(secret.as_bytes(), "the test").unwrap();
    let expected = Expected { issuer: None, audience: None };
    issue(&secret, user, TokioClock::start().now().wall, Duration::from_hours(1), &expected)
}

/// Forwards connections to the server. While there is none, connections are dropped.
async fn forward(listener: TcpListener, server: watch::Receiver<Option<SocketAddr>>) {
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut server = server.clone();
        let Some(address) = *server.borrow_and_update() else { continue };
        tokio::spawn(async move {
            let mut far = TcpStream::connect(address).await.unwrap();
            tokio::select! {
                _ended = copy_bidirectional(&mut near, &mut far) => {}
                _stopped = server.changed() => {}
            }
        });
    }
}

/// A running program and its output so far. Killed on drop.
pub(crate) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    shown: String,
}

impl Program {
    fn start(program: &str, token: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).env("CHAT_TOKEN", token).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { stdin: child.stdin.take(), child, lines, shown: String::new() }
    }

    /// Returns the error output of a program that fails to start.
    pub(crate) async fn fails(program: &str, token: &str) -> String {
        let output = Command::new(program).env("CHAT_TOKEN", token).output().await.unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) async fn types(&mut self, line: &str) {
        self.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Closes the input.
    pub(crate) fn hears_no_more(&mut self) {
        self.stdin = None;
    }

    /// Waits for a line with this text, skipping the lines before.
    pub(crate) async fn shows(&mut self, part: &str) -> String {
        loop {
            let Ok(line) = timeout(PATIENCE, self.lines.next_line()).await else {
                panic!("no line has `{part}`:\n{}", self.shown)
            };
            let Some(line) = line.unwrap() else { panic!("it ended without `{part}`:\n{}", self.shown) };
            self.shown.push_str(&line);
            self.shown.push('\n');
            if line.contains(part) {
                return line;
            }
        }
    }

    pub(crate) fn has_not_shown(&self, part: &str) {
        assert!(!self.shown.contains(part), "`{part}` was not to be shown:\n{}", self.shown);
    }

    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for the program to succeed.
    pub(crate) async fn says_goodbye(mut self) {
        self.shows("-- bye").await;
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it does not end").unwrap();
        assert!(status.success(), "{status}:\n{}", self.shown);
    }
}
