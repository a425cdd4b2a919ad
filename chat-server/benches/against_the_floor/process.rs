//! The servers as processes, and what the system knows of them.

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

/// How long the tokens are good: longer than any run.
const LIFETIME: Duration = Duration::from_hours(2);

/// How long a start may take: with everything to be built anew, on a slow disk.
const START_WITHIN: Duration = Duration::from_mins(10);

/// A running server; killed when dropped.
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
    is_chat: bool,
}

/// What a client is to the floor. The chat knows by its token.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// Hears what senders send.
    Listener,
    /// Sends, and others hear it.
    Sender,
    /// Sends, and nobody else hears it.
    Other,
}

impl Server {
    /// This program, as the floor.
    pub(crate) fn floor() -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--be-the-floor"]);
        Self::spawn(command, false)
    }

    /// The chat server over this directory, with its default settings but for the rates.
    ///
    /// Its log is beside the directory.
    pub(crate) fn chat(program: &Path, dir: &Path) -> io::Result<Self> {
        Self::chat_with(program, dir, &[])
    }

    /// The same with more flags.
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
        // The floor ends with its standard input, and so with this process, whatever that dies of.
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = process.stdout.take().expect("it was asked for");
        let mut server = Self { process, address: SocketAddr::from(([127, 0, 0, 1], 0)), is_chat };
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = tell.send(line);
        });
        let line = told.recv_timeout(START_WITHIN).unwrap_or_default();
        let address = line.trim().split("://").nth(1).and_then(|url| url.split('/').next());
        server.address = address
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| io::Error::other(format!("the server did not start: {line:?}")))?;
        Ok(server)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it is the chat, not the floor.
    pub(crate) fn is_chat(&self) -> bool {
        self.is_chat
    }

    /// The HTTP request that connects a user.
    pub(crate) fn opening(&self, user: &User, part: Part) -> Vec<u8> {
        let path = match (self.is_chat, part) {
            (true, _) => format!("/api/websocket/connect?token={}", token(user)),
            (false, Part::Listener) => "/listener".to_owned(),
            (false, Part::Sender) => "/sender".to_owned(),
            (false, Part::Other) => "/other".to_owned(),
        };
        crate::frame::opening(&path)
    }

    /// Processor time that it has used, in the kernel too.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let ticks = after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
        Ok(Duration::from_millis(ticks.sum::<u64>() * 1_000 / rustix::param::clock_ticks_per_second()))
    }

    /// Bytes of memory in use.
    pub(crate) fn resident(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kib.ok_or_else(|| io::Error::other("the server has ended"))? * 1024)
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        self.end(Signal::TERM)
    }

    /// Kills it, and waits until it is gone.
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
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn token(user: &User) -> String {
    let secret = Secret::new(SECRET.as_bytes(), "the benchmark").expect("it is long enough");
    issue(&secret, user, now(), LIFETIME, &Expected::default())
}

/// The system's time.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("it is not that late"))
}

/// Processor time that this thread has used.
pub(crate) fn own_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("it does not run backwards")
}

/// The name of the processor.
pub(crate) fn processor() -> io::Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let name =
        info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    Ok(name.unwrap_or("of an unnamed kind").to_owned())
}

/// Lets this process open as many files as the system allows it; gives that number.
pub(crate) fn raise_file_limit() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}
