//! The limit on open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use crate::newcomers;

/// Files other than connections: the journal, the index, the listener, the runtime's own.
const OTHER_FILES: u64 = 256;

/// Raises the limit to the number of files needed, and warns if the system grants fewer. Returns
/// the number available for connections, newcomers included.
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
