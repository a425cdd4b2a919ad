//! P1 to P7 under random sequences of operations, checked after each of them.
//!
//! The operations run against the engine in a world where the store's questions wait and are answered in any order,
//! or not at all. The oracle sees what the clients see and what is durable, and nothing of the engine.

mod ops;
mod oracle;

use ops::{Op, ops};
use oracle::Oracle;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_promises_hold_after_each_operation(ops in ops()) {
        let mut run = ops::Run::new();
        let mut oracle = Oracle::default();
        for op in &ops {
            run.apply(op);
            oracle.check(&run);
            run.settle_if(op, |run| oracle.check(run));
        }
        run.settle(|run| oracle.check(run));
        oracle.check_end(&run);
    }

    #[test]
    fn the_same_inputs_give_the_same_frames(ops in ops()) {
        let frames = |ops: &[Op]| {
            let mut run = ops::Run::new();
            ops.iter().for_each(|op| run.apply(op));
            run.settle(|_| {});
            run.world.peers.values().map(|peer| peer.frames.clone()).collect::<Vec<_>>()
        };
        prop_assert_eq!(frames(&ops), frames(&ops));
    }
}
