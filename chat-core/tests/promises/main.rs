//! P1 to P7 under random sequences of operations, checked after each operation.
//!
//! The operations run against the engine in a world whose store answers in any order, or not at
//! all. The oracle watches the world. The oracle sees the frames of the clients and the durable
//! content, and nothing of the engine. The fuzzer uses the same operations, drawn from its own
//! bytes.

mod strategy;

use core_test_support::ops::{Op, watch};
use proptest::prelude::*;
use strategy::ops;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_promises_hold_after_each_operation(ops in ops()) {
        watch(&ops);
    }

    #[test]
    fn the_same_inputs_give_the_same_frames(ops in ops()) {
        let frames = |ops: &[Op]| {
            watch(ops).world.peers.values().map(|peer| peer.frames.clone()).collect::<Vec<_>>()
        };
        prop_assert_eq!(frames(&ops), frames(&ops));
    }
}
