//! The program as a process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chat_core::protocol::User;
use chat_core::time::Timestamp;
use chat_server::auth::{Expected, Secret, issue};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Client, until};

/// The secret of every server here.
pub const SECRET: &str = "the secret that all these tests share";

/// The path of the program under test.
pub fn executable() -> PathBuf {
    std::env::var_os("CARGO_BIN_EXE_chat-server").expect("cargo names the program that it has built").into()
}

/// The program, without any settings of this process's environment.
pub fn program() -> Command {
    without_settings(Command::new(executable()))
}

/// A command without the environment variables that are settings of the program.
pub fn without_settings(mut command: Command) -> Command {
    let is_setting = |name: &str| ["CHAT_", "OTEL_"].iter().any(|beginning| name.starts_with(beginning));
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
}

/// Completes a command that ends in the program: serve this data directory on a free port, with
/// piped output.
pub fn serving(command: Command, dir: &Path, flags: &[&str]) -> Command {
    serving_at(command, "127.0.0.1:0", dir, flags)
}

fn serving_at(mut command: Command, listen: &str, dir: &Path, flags: &[&str]) -> Command {
    command.args(["serve", "--listen", listen, "--data-dir"]).arg(dir.join("data")).args(flags);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Begins an empty store in this data directory, or keeps the one that is there.
pub fn init(data: &Path) {
    let output = program().args(["init", "--data-dir"]).arg(data).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// The system's time.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// A token, valid for an hour.
pub fn token(user: &User) -> String {
    token_for(user, Duration::from_hours(1))
}

/// A token, valid for this time.
pub fn token_for(user: &User, lifetime: Duration) -> String {
    token_of(user, now(), lifetime)
}

/// A token issued at this time, and valid for an hour from then on.
pub fn token_issued(user: &User, at: Timestamp) -> String {
    token_of(user, at, Duration::from_hours(1))
}

fn token_of(user: &User, at: Timestamp, lifetime: Duration) -> String {
    let secret = Secret::new(SECRET.as_bytes(), "the tests").unwrap();
    issue(&secret, user, at, lifetime, &Expected::default())
}

/// A running server; killed when dropped.
pub struct Server {
    process: Child,
    /// The thread that reads the log; the program never waits for a reader.
    log: Option<JoinHandle<()>>,
    /// The log up to now.
    logged: Arc<Mutex<Vec<u8>>>,
    /// The address for clients, from standard output.
    pub url: String,
    /// The address of the console, from standard output.
    pub console: String,
    dir: Option<TempDir>,
}

impl Server {
    /// Starts one with a new data directory.
    pub fn start() -> Self {
        Self::start_with(&["--messages-per-second", "0"])
    }

    /// Starts one with a new data directory and these flags.
    pub fn start_with(flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut server = Self::start_in(dir.path(), flags);
        server.dir = Some(dir);
        server
    }

    /// Starts one on a data directory.
    pub fn start_in(dir: &Path, flags: &[&str]) -> Self {
        Self::spawn(program(), dir, flags)
    }

    /// Starts one on a data directory, at `address:port`.
    pub fn start_at(listen: &str, dir: &Path, flags: &[&str]) -> Self {
        Self::start_by(program(), listen, dir, flags)
    }

    /// Starts one at `address:port`, by a command with the program at its end.
    pub fn start_by(mut command: Command, listen: &str, dir: &Path, flags: &[&str]) -> Self {
        command.env("CHAT_JWT_SECRET", SECRET);
        Self::run(serving_at(command, listen, dir, flags))
    }

    /// Starts one by a command with the program at its end, such as a tracer.
    pub fn spawn(mut command: Command, dir: &Path, flags: &[&str]) -> Self {
        command.env("CHAT_JWT_SECRET", SECRET);
        Self::spawn_without_secret(command, dir, flags)
    }

    /// The same, but the server has to find a secret by itself.
    pub fn spawn_without_secret(command: Command, dir: &Path, flags: &[&str]) -> Self {
        Self::run(serving(command, dir, flags))
    }

    fn run(mut serving: Command) -> Self {
        let mut process = serving.spawn().unwrap();
        let mut stderr = process.stderr.take().unwrap();
        let logged = Arc::new(Mutex::new(Vec::new()));
        let to = logged.clone();
        let log = std::thread::spawn(move || {
            let mut part = [0; 4_096];
            loop {
                match stderr.read(&mut part).unwrap() {
                    0 => return,
                    read => to.lock().unwrap().extend(&part[..read]),
                }
            }
        });
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let rest = String::from_utf8_lossy(stdout.buffer());
        let console = rest.trim_end().strip_prefix("console on ").unwrap_or_default().to_owned();
        let url =
            line.split_whitespace().find(|word| word.starts_with("ws://") || word.starts_with("wss://"));
        let url = url.unwrap_or_else(|| panic!("the server did not start: {line:?}")).to_owned();
        Self { process, log: Some(log), logged, url, console, dir: None }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// `address:port`.
    pub fn authority(&self) -> &str {
        self.url.split('/').nth(2).unwrap()
    }

    /// Connects as a user.
    pub async fn connect(&self, user: &User) -> Client {
        Client::connect(&format!("{}?token={}", self.url, token(user))).await
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Whether the process has ended.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Its log so far.
    pub fn log_up_to_now(&self) -> String {
        String::from_utf8_lossy(&self.logged.lock().unwrap()).into_owned()
    }

    /// Waits until its log has this text this many times.
    pub async fn until_logged(&self, text: &str, times: usize) {
        let is_logged = async || self.log_up_to_now().matches(text).count() >= times;
        until(&format!("{text:?} is logged {times} times"), is_logged).await;
    }

    /// Asks the server to stop, and waits for its end. Returns the exit status, the log, and the
    /// data directory if the server has its own.
    pub async fn stop(self) -> (ExitStatus, String, Option<TempDir>) {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Kills the server. The disk keeps all that was written, unlike after a power failure.
    pub async fn kill(self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// Waits for the end.
    pub async fn ended(mut self) -> (ExitStatus, String, Option<TempDir>) {
        let log = self.log.take().unwrap();
        tokio::task::spawn_blocking(|| log.join().unwrap()).await.unwrap();
        let status = self.process.wait().unwrap();
        (status, self.log_up_to_now(), self.dir.take())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
