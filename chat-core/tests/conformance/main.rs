//! The conformance suite of stores: passed by the store in memory, failed by stores with a fault.

mod bad_stores;
mod credulous;
mod memory_store;
mod shared_store;
