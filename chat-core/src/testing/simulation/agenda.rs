//! The optional entries of a run. A run that breaks a promise is made shorter by leaving out
//! entries that the failure does not need.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use super::client::ClientId;
use crate::time::Monotonic;

/// The receiver of a trace's lines, each with its time.
pub type Trace = Box<dyn FnMut(Monotonic, &str)>;

/// An optional entry of a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Entry {
    /// A client takes part.
    Client(ClientId),
    /// A client does something of its own accord, for the how manieth time.
    Act(ClientId, u64),
    /// Something goes wrong by itself, or a chance of it comes true, for the how manieth time.
    Fault(u64),
}

/// The entries that a run leaves out, and its trace. The default leaves out nothing and has no
/// trace.
#[derive(Default)]
pub struct Plan {
    pub(super) left_out: Rc<BTreeSet<Entry>>,
    pub(super) happened: Rc<RefCell<Vec<Entry>>>,
    pub(super) trace: Option<Trace>,
    pub(super) faults: u64,
}

impl Plan {
    /// A plan with a trace.
    pub fn told(trace: Trace) -> Self {
        Self { trace: Some(trace), ..Self::default() }
    }

    /// Whether the plan leaves out nothing.
    pub fn is_whole(&self) -> bool {
        self.left_out.is_empty()
    }

    /// Whether this entry happens. If so, records it.
    pub(super) fn allows(&mut self, entry: Entry) -> bool {
        let is_allowed = !self.left_out.contains(&entry);
        if is_allowed {
            self.happened.borrow_mut().push(entry);
        }
        is_allowed
    }

    /// Whether the next fault is to happen.
    pub(super) fn allows_fault(&mut self) -> bool {
        self.faults += 1;
        self.allows(Entry::Fault(self.faults))
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("left_out", &self.left_out).finish_non_exhaustive()
    }
}
