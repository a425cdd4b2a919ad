//! Reading: from a query to facts.
//!
//! Load threads (`loads`) run the query engine (`query`) on a snapshot of memtable and index.
//! `index_slot` holds the present index, `recent` the newest conversations of teams, and `follow`
//! reads the journal as it grows.
//!
//! Nothing here writes: neither journal nor index nor any other file.

pub(super) mod follow;
pub(super) mod index_slot;
pub(super) mod loads;
pub(super) mod query;
pub(super) mod recent;
