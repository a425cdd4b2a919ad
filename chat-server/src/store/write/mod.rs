//! Writing: from a commit to durable records and index entries.
//!
//! The commit thread (`writer`) judges a batch and writes one group to the `journal`. Synced groups
//! wait in the `memtable` until the index thread (`indexer`) writes them to the index. `note` holds
//! the small files that are replaced as a whole.
//!
//! Nothing here answers a query, opens a store or knows a tool. One exception: the index thread
//! calls the rebuilder of the lifecycle when the index fails.

pub(super) mod indexer;
pub mod journal;
pub(super) mod judge;
pub(super) mod memtable;
pub(super) mod note;
pub(super) mod writer;
