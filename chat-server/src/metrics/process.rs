//! Metrics of the process.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The standard process metrics of Prometheus, as far as the system provides them.
pub(crate) struct Process {
    pub(crate) cpu: Duration,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) open_files: Option<usize>,
    pub(crate) open_files_most: Option<u64>,
    /// Seconds since 1970.
    pub(crate) started: Option<f64>,
}

impl Process {
    pub(crate) fn read() -> Self {
        let cpu = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default();
        let pages = fs::read_to_string("/proc/self/statm").ok();
        let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
        let page_bytes = rustix::param::page_size() as u64;
        let open_files = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
        Self {
            cpu,
            resident_bytes: pages.map(|pages| pages * page_bytes),
            open_files,
            open_files_most: getrlimit(Resource::Nofile).current,
            started: started(),
        }
    }
}

/// The time of the directory that the kernel made for the process at its start.
fn started() -> Option<f64> {
    let made = fs::metadata("/proc/self").ok()?.modified().ok()?;
    Some(made.duration_since(UNIX_EPOCH).ok()?.as_secs_f64())
}
