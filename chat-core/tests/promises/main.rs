//! P1 to P7 under random sequences of operations, checked after each of them.
//!
//! The operations run against the engine in a world where the store's questions wait and are
//! answered in any order, or not at all. The world is watched by the oracle, which sees what the
//! clients see and what is durable, and nothing of the engine. The operations are the fuzzer's too:
//! it draws them from its own bytes.

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
