//! P1 to P7 under random sequences of operations, checked after each operation.
//!
//! The operations run against the engine in a world whose store answers in any order, or not at
//! all. The oracle watches the world. The oracle sees the frames of the clients and the durable
//! content, and nothing of the engine. The fuzzer uses the same operations, drawn from its own
//! bytes.

mod strategy;

use chat_core::protocol::EventType;
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

/// A request that no operation sends is checked by nothing here, and by no fuzzer.
#[test]
fn the_operations_send_every_request() {
    let (conn, conversation) = (0, 0);
    let requests = [
        Op::Create { conn, key: None, emergency: false },
        Op::Send { conn, conversation, key: None },
        Op::Read { conn, conversation, seq: 0 },
        Op::Type { conn, conversation, is_typing: true },
        Op::Join { conn, conversation, after: None, known_epoch: false },
        Op::History { conn, conversation },
        Op::List { conn, brief: false },
        Op::Room(1),
        Op::Refresh { conn, user: 0 },
    ];
    // A driver, and control.
    let users = [Op::Connect(0), Op::Connect(3), Op::AnswerAll];
    let ops = users.into_iter().chain(requests.into_iter().flat_map(|op| [op, Op::AnswerAll]));
    let granted = watch(&ops.collect::<Vec<_>>()).world.engine.stats().answered;
    for event in EventType::ALL {
        assert!(granted.contains_key(&(Some(*event), None)), "no operation sends {}", event.as_str());
    }
}
