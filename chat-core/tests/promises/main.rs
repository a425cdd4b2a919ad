//! P1 to P8 under random sequences of operations, checked after each operation.
//!
//! The operations run against the engine in a world whose store answers in any order, or not at
//! all. The oracle watches the world. The oracle sees the frames of the clients and the durable
//! content, and nothing of the engine. The fuzzer uses the same operations, drawn from its own
//! bytes.

use std::collections::BTreeSet;

use chat_core::protocol::EventType;
use core_test_support::ops::{Op, Request};
use core_test_support::run::watch;
use proptest::prelude::*;

/// Sequences of operations, most of them the ordinary ones.
fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(any::<[u8; 4]>().prop_map(Op::decode), 1..120)
}

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

/// The first control user's change of the work of the first conversation.
const fn work(action: usize) -> Op {
    Op::Request(1, Request::Work { conversation: 0, action, stale: false, key: None })
}

/// A request that no operation sends is checked by nothing here, and by no fuzzer.
#[test]
fn the_operations_send_every_request() {
    const CREATE: Op = Op::Request(0, Request::Create { key: None, emergency: false });
    const TAKE: Op = work(0);
    const RESOLVE: Op = work(1);
    // A driver with a conversation, and control. The conversation waits, is taken or is resolved.
    let setup = [Op::Connect(0), Op::Connect(3), Op::Connect(5), Op::AnswerAll, CREATE, Op::AnswerAll];
    let setups = [vec![], vec![TAKE, Op::AnswerAll], vec![TAKE, Op::AnswerAll, RESOLVE, Op::AnswerAll]];
    let emergency = Op::Request(0, Request::Create { key: None, emergency: true });
    let urgent = [&setup[..4], &[emergency, Op::AnswerAll]].concat();
    let order = Op::Request(1, Request::Order { conversation: 0, key: None });
    let ordered = [&setup[..], &[order, Op::AnswerAll]].concat();
    let setups = setups.map(|more| [&setup[..], &more].concat()).into_iter();
    let setups = setups.chain([urgent, ordered]).collect::<Vec<_>>();
    let mut granted = BTreeSet::new();
    let kinds = (0..=u8::MAX).flat_map(|kind| {
        let by_number = (0..=3).flat_map(move |number| [[kind, 0, 0, number], [kind, 1, 0, number]]);
        by_number.chain([[kind, 0, 100, 0]])
    });
    for (op, setup) in kinds.flat_map(|kind| setups.iter().map(move |setup| (kind, setup))) {
        let ops = setup.iter().cloned().chain([Op::decode(op)]);
        let answered = watch(&ops.collect::<Vec<_>>()).world.engine.stats().answered;
        granted.extend(answered.into_keys().filter_map(|(event, code)| event.filter(|_| code.is_none())));
    }
    let all: BTreeSet<_> = EventType::ALL.iter().copied().collect();
    assert_eq!(granted, all);
}
