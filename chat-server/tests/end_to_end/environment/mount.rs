//! A small file system of a test's own, in a mount namespace that nobody else sees.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use server_test_support::Server;
use server_test_support::program::without_settings;
use tempfile::TempDir;

/// A mounted file system; gone with this value.
pub struct Mount {
    /// Holds the namespace.
    holder: Child,
    dir: TempDir,
}

impl Mount {
    /// Mounts one of this size, as in `2m`.
    pub fn new(size: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let script = r#"mount -t tmpfs -o size="$0" tmpfs "$1" && echo mounted && cat"#;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, size]).arg(dir.path());
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "mounted\n", "to mount takes root: run this test as root, or leave it out");
        Self { holder, dir }
    }

    /// A command inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = without_settings(Command::new("nsenter"));
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id())).arg(program);
        command
    }

    /// Mounts it again with these options.
    pub fn remount(&self, options: &str) {
        let mut mount = self.command("mount");
        let status = mount.args(["-o", &format!("remount,{options}")]).arg(self.dir.path()).status().unwrap();
        assert!(status.success());
    }

    /// Starts a server on this disk, without a reserve.
    pub fn serve(&self) -> Server {
        let command = self.command(env!("CARGO_BIN_EXE_chat-server"));
        Server::spawn(command, self.inside(), &["--messages-per-second", "0", "--reserve-mib", "0"])
    }

    /// The path for processes within the mount namespace.
    pub fn inside(&self) -> &Path {
        self.dir.path()
    }

    /// Where it is, for this process.
    pub fn outside(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.dir.path().strip_prefix("/").unwrap())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
