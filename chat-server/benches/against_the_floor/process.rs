//! The servers as processes, and their processor time and memory as the kernel counts them.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chat_core::protocol::User;
use chat_core::time::Timestamp;
use chat_server::auth::{Expected, Secret, issue};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The secret that the server and the load share.
const SECRET: &str = "the secret that the benchmark and its server share";

/// The lifetime of tokens, longer than any run.
const TOKEN_LIFETIME: Duration = Duration::from_hours(2);

/// The longest time of a start, enough to rebuild the index on a slow disk.
const START_TIMEOUT: Duration = Duration::from_mins(10);

/// A running server. Killed on drop.
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
    is_chat: bool,
}

/// The kind of a client. The floor learns the kind from the path, and the chat from the token.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// A client that gets the messages of all senders.
    Listener,
    /// A client that sends messages to all listeners.
    Sender,
    /// A client that gets replies only.
    Other,
}

impl Server {
    /// Starts this program as the floor.
    pub(crate) fn floor() -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--be-the-floor"]);
        Self::spawn(command, false)
    }

    /// Starts the chat server with its default settings, except that messages have no rate limit.
    ///
    /// The log is written beside the data directory.
    pub(crate) fn chat(program: &Path, dir: &Path) -> io::Result<Self> {
        Self::chat_with(program, dir, &[])
    }

    /// Starts the chat server with more flags.
    pub(crate) fn chat_with(program: &Path, dir: &Path, flags: &[String]) -> io::Result<Self> {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CHAT_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--messages-per-second", "0"]);
        command.args(flags).arg("--data-dir").arg(dir).env("CHAT_JWT_SECRET", SECRET);
        command.stderr(File::options().create(true).append(true).open(dir.with_extension("log"))?);
        Self::spawn(command, true)
    }

    fn spawn(mut command: Command, is_chat: bool) -> io::Result<Self> {
        // The floor ends when its standard input ends, and so at the latest with this process.
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = process.stdout.take().expect("standard output is piped");
        let mut server = Self { process, address: SocketAddr::from(([127, 0, 0, 1], 0)), is_chat };
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = tell.send(line);
        });
        let line = told.recv_timeout(START_TIMEOUT).unwrap_or_default();
        let address = line.trim().split("://").nth(1).and_then(|url| url.split('/').next());
        server.address = address
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| io::Error::other(format!("the server did not start: {line:?}")))?;
        Ok(server)
    }

    /// Returns the address that the server listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether this is the chat and not the floor.
    pub(crate) fn is_chat(&self) -> bool {
        self.is_chat
    }

    /// Encodes the HTTP request that connects a user.
    pub(crate) fn opening(&self, user: &User, part: Part) -> Vec<u8> {
        let path = match (self.is_chat, part) {
            (true, _) => format!("/api/websocket/connect?token={}", token(user)),
            (false, Part::Listener) => "/listener".to_owned(),
            (false, Part::Sender) => "/sender".to_owned(),
            (false, Part::Other) => "/other".to_owned(),
        };
        crate::frame::opening(&path)
    }

    /// Returns the processor time that the server has used, including time in the kernel.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let ticks = after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
        Ok(Duration::from_millis(ticks.sum::<u64>() * 1_000 / rustix::param::clock_ticks_per_second()))
    }

    /// Returns the resident memory in bytes.
    pub(crate) fn resident(&self) -> io::Result<u64> {
        self.status("VmRSS:")
    }

    /// Returns the most resident memory since the start, in bytes.
    pub(crate) fn peak_resident(&self) -> io::Result<u64> {
        self.status("VmHWM:")
    }

    /// Returns a quantity of memory as the kernel names it, in bytes.
    fn status(&self, name: &str) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kib.ok_or_else(|| io::Error::other("the server has ended"))? * 1024)
    }

    /// Asks the server to stop, and waits for its end.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        self.end(Signal::TERM)
    }

    /// Kills the server, and waits for its end.
    pub(crate) fn kill(mut self) -> io::Result<()> {
        self.end(Signal::KILL)
    }

    fn end(&mut self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process has a number above zero"), signal)?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn token(user: &User) -> String {
    let secret = Secret::new(SECRET.as_bytes(), "the benchmark").expect("the secret is long enough");
    issue(&secret, user, now(), TOKEN_LIFETIME, &Expected::default())
}

/// Returns the system's time.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("the year is before 292 million"))
}

/// Returns the processor time that this thread has used.
pub(crate) fn own_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("the clock does not run backwards")
}

/// Returns the name of the processor.
pub(crate) fn processor() -> io::Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let name =
        info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    Ok(name.unwrap_or("of an unnamed kind").to_owned())
}

/// Raises the limit of open files to the most that the system allows. Returns the new limit.
pub(crate) fn raise_file_limit() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}
