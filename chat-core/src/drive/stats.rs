//! Figures of a running drive.

use crate::engine::EngineStats;

/// Figures of a drive and its engine, from [`Handle::stats`](super::Handle::stats).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DriveStats {
    /// The figures of the engine.
    pub engine: EngineStats,
    /// Bytes that wait for slow readers, over all connections. A shared frame counts once.
    pub waiting_bytes: usize,
    /// Typing events shed since the start because their reader was slow.
    pub typing_shed: u64,
}
