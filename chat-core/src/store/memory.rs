//! memory
/// Placeholder replaced by its own commit.
#[derive(Debug)]
pub struct MemoryStore;
