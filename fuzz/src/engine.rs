//! The engine with a store that answers late, out of order or not at all, under any sequence of
//! operations.
//!
//! The operations are those of chat-core's own test of the promises P1 to P8.

use core_test_support::ops::Op;
use core_test_support::run::watch;

/// Operations of one input. Longer inputs find nothing new.
const OPS_MOST: usize = 200;

/// Runs one input: four bytes per operation.
///
/// # Panics
///
/// A promise is broken.
pub fn run(bytes: &[u8]) {
    let (chunks, _rest) = bytes.as_chunks::<4>();
    let ops: Vec<Op> = chunks.iter().take(OPS_MOST).map(|bytes| Op::decode(*bytes)).collect();
    let _whole = watch(&ops);
}
