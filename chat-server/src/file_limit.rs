//! The number of files that the system lets the server open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use crate::newcomers;

/// Files beside connections: the journal, the index, the listener, the runtime's own.
const OTHER_FILES: u64 = 256;

/// Asks the system for as many files as connections need; what it does not give is reported. Gives the number of files for
/// connections, newcomers included.
pub(crate) fn raise_file_limit(max_connections: u32) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let needed = u64::from(max_connections) + OTHER_FILES;
    let wanted = needed + newcomers::FILES as u64;
    let ceiling = limit.maximum.map_or(wanted, |maximum| wanted.min(maximum));
    let mut current = limit.current.unwrap_or(wanted);
    if current < wanted {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(ceiling), maximum: limit.maximum });
        current = if raised.is_ok() { ceiling } else { current };
    }
    if current < needed {
        warn!(
            "the system allows {current} open files, and {max_connections} connections need {needed}: raise its \
             limit (ulimit -n), or give --max-connections a smaller number"
        );
    }
    usize::try_from(current.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX)
}
