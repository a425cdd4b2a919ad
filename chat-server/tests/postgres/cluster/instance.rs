//! A PostgreSQL of a test: started, killed, promoted, made a standby.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio_postgres::{Client, NoTls};

/// Pause between two looks at processes.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// An instance in a folder of its own, reached by a socket there.
pub(crate) struct Instance {
    dir: PathBuf,
}

impl Instance {
    /// A folder for an instance.
    pub(crate) fn new(dir: PathBuf) -> Self {
        fs::create_dir(&dir).unwrap();
        assert!(Command::new("chown").arg("postgres:").arg(&dir).status().unwrap().success());
        Self { dir }
    }

    /// The folder of the socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.dir
    }

    /// A program of PostgreSQL, run as its user. It refuses to run as root.
    fn program(name: &str) -> Command {
        let folder = std::env::var("CHAT_TEST_POSTGRES_BIN").expect("tests/postgres/run names the programs");
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(Path::new(&folder).join(name)).current_dir("/");
        command.stdin(Stdio::null());
        command
    }

    fn run(mut command: Command) {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Begins an empty database and starts it.
    pub(crate) fn begin(&self) {
        self.init("listen_addresses = ''\n");
        self.start();
    }

    /// Begins one that also listens at an address, for everybody at another address, and starts it.
    pub(crate) fn begin_for(&self, address: &str, client: &str) {
        self.init(&format!("listen_addresses = '{address}'\n"));
        let file = self.data().join("pg_hba.conf");
        fs::write(&file, fs::read_to_string(&file).unwrap() + &format!("host all all {client}/32 trust\n"))
            .unwrap();
        self.start();
    }

    /// Writes the files of an empty database. Nothing is synced, because no machine ends in these
    /// tests.
    fn init(&self, more: &str) {
        let mut begin = Self::program("initdb");
        begin.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]);
        begin.arg(self.data());
        Self::run(begin);
        let settings = "fsync = off\nmax_connections = 100\nwal_keep_size = '64MB'\nwal_retrieve_retry_interval = '500ms'\n";
        let file = self.data().join("postgresql.conf");
        fs::write(&file, fs::read_to_string(&file).unwrap() + settings + more).unwrap();
    }

    /// Starts it. The end of killed processes may not be complete yet.
    pub(crate) fn start(&self) {
        let start = || {
            let mut start = Self::program("pg_ctl");
            start.arg("-D").arg(self.data()).arg("-l").arg(self.dir.join("log"));
            // Else the server would hold the pipes of this process open.
            start.stdout(Stdio::null()).stderr(Stdio::null());
            start.args(["-w", "-o"]).arg(format!("-k {}", self.dir.display())).arg("start");
            start.status().unwrap().success()
        };
        let tries = 100;
        let started = (0..tries).any(|_| start() || (sleep(LOOK_EVERY * 10), false).1);
        assert!(started, "{}", fs::read_to_string(self.dir.join("log")).unwrap());
    }

    /// Makes it a standby of another instance, and starts it.
    pub(crate) fn follow(&self, primary: &Self) {
        if self.data().exists() {
            fs::remove_dir_all(self.data()).unwrap();
        }
        let mut copy = Self::program("pg_basebackup");
        copy.arg("-h").arg(&primary.dir).args(["-U", "postgres", "-R", "-c", "fast", "-D"]).arg(self.data());
        Self::run(copy);
        self.start();
    }

    /// Makes the standby the primary, and waits until it accepts writes.
    pub(crate) fn promote(&self) {
        let mut promote = Self::program("pg_ctl");
        promote.arg("-D").arg(self.data()).args(["-w", "promote"]);
        Self::run(promote);
    }

    /// Kills it with all its processes: they end when they notice the end of the first one.
    pub(crate) fn kill(&self) {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let postmaster: i32 = file.lines().next().unwrap().parse().unwrap();
        let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap();
        let all: Vec<_> =
            children.split_whitespace().map(|pid| pid.parse().unwrap()).chain([postmaster]).collect();
        kill_process(Pid::from_raw(postmaster).unwrap(), Signal::KILL).unwrap();
        for pid in all {
            while test_kill_process(Pid::from_raw(pid).unwrap()).is_ok() {
                sleep(LOOK_EVERY);
            }
        }
    }

    /// The URL of a database, as the store takes it.
    pub(crate) async fn connect(&self, database: &str) -> Client {
        let url = format!("postgres:///{database}?user=postgres&host={}", self.dir.display());
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Lets commits wait for any standby, or for none.
    pub(crate) async fn wait_for_standby(&self, waits: bool) {
        let names = if waits { "*" } else { "" };
        let client = self.connect("postgres").await;
        client
            .batch_execute(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"))
            .await
            .unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    }

    /// Whether a standby keeps every commit.
    pub(crate) async fn has_synchronous_standby(&self) -> bool {
        let count = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        let row = self.connect("postgres").await.query_one(count, &[]).await.unwrap();
        row.get::<_, i64>(0) == 1
    }

    /// Whether a commit waits for the standby.
    pub(crate) async fn has_waiting_commit(&self) -> bool {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        let row = self.connect("postgres").await.query_one(count, &[]).await.unwrap();
        row.get::<_, i64>(0) > 0
    }

    /// Lets the standby receive from this primary again.
    pub(crate) async fn receive_from(&self, primary: &Self) {
        let client = self.connect("postgres").await;
        let from = format!("host={} user=postgres", primary.dir.display());
        client.batch_execute(&format!("ALTER SYSTEM SET primary_conninfo = '{from}'")).await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    }

    /// Stops the standby's receiving, for a failover that loses records.
    pub(crate) async fn stop_receiving(&self) {
        let client = self.connect("postgres").await;
        client.batch_execute("ALTER SYSTEM SET primary_conninfo = ''").await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        let receives = "SELECT count(*) FROM pg_stat_wal_receiver";
        while client.query_one(receives, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let mut stop = Self::program("pg_ctl");
        stop.arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]);
        // It may be dead already.
        drop(stop.output());
    }
}
