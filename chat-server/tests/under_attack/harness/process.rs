//! The server's memory and open files, as the system counts them.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server_test_support::Server;
use tokio::time::sleep;

/// Patience for an awaited state. Reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of memory in use.
pub fn resident(server: &Server) -> u64 {
    status(server, "VmRSS:")
}

/// Most bytes of memory that were ever in use.
pub fn peak(server: &Server) -> u64 {
    status(server, "VmHWM:")
}

/// Open files, connections included.
pub fn open_files(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count()
}

/// Waits until the server has no more than so many files open.
pub async fn until_open_files(server: &Server, most: usize) {
    for _ in 0..PATIENCE.as_millis() / 50 {
        if open_files(server) <= most {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{} files are still open, and {most} should be", open_files(server));
}

/// Lets this process open as many files as the system allows it.
pub fn raise_own_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

fn status(server: &Server, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux tells it");
    let kib = line.trim().strip_suffix(" kB").expect("in KiB");
    kib.parse::<u64>().unwrap() * 1024
}
