//! Random operations.

use chat_core::testing::world::Answer;
use core_test_support::ops::Op;
use proptest::prelude::*;

/// Sequences of operations, most of them the ordinary ones.
pub(crate) fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 1..120)
}

fn op() -> impl Strategy<Value = Op> {
    let n = || 0..100_usize;
    let key = || prop::option::weighted(0.4, 0..6_u8);
    prop_oneof![
        8 => n().prop_map(Op::Connect),
        1 => (n(), n()).prop_map(|(user, role)| Op::ConnectWithRole { user, role }),
        1 => n().prop_map(Op::Crowd),
        3 => n().prop_map(Op::Disconnect),
        5 => (n(), key(), any::<bool>()).prop_map(|(conn, key, emergency)| Op::Create { conn, key, emergency }),
        25 => (n(), n(), key()).prop_map(|(conn, conversation, key)| Op::Send { conn, conversation, key }),
        6 => (n(), n(), n()).prop_map(|(conn, conversation, seq)| Op::Read { conn, conversation, seq }),
        5 => (n(), n(), any::<bool>())
            .prop_map(|(conn, conversation, is_typing)| Op::Type { conn, conversation, is_typing }),
        8 => (n(), n(), prop::option::of(0..8_u64), any::<bool>()).prop_map(
            |(conn, conversation, after, known_epoch)| Op::Join { conn, conversation, after, known_epoch }
        ),
        3 => (n(), n()).prop_map(|(conn, conversation)| Op::History { conn, conversation }),
        2 => (n(), any::<bool>()).prop_map(|(conn, brief)| Op::List { conn, brief }),
        3 => (n(), any::<bool>()).prop_map(|(conn, brief)| Op::NextPage { conn, brief }),
        2 => (n(), n(), any::<bool>())
            .prop_map(|(conn, conversation, brief)| Op::Row { conn, conversation, brief }),
        1 => n().prop_map(Op::Room),
        1 => (n(), n()).prop_map(|(conn, user)| Op::Refresh { conn, user }),
        2 => n().prop_map(Op::Garbage),
        1 => (n(), n()).prop_map(|(conn, conversation)| Op::Burst { conn, conversation }),
        2 => (n(), n()).prop_map(|(conversation, user)| Op::Enrol { conversation, user }),
        2 => (n(), n()).prop_map(|(conversation, user)| Op::Withdraw { conversation, user }),
        1 => n().prop_map(Op::Deactivate),
        1 => n().prop_map(Op::Activate),
        1 => n().prop_map(Op::Headroom),
        1 => n().prop_map(Op::Import),
        30 => (n(), answer()).prop_map(|(question, answer)| Op::Answer { question, answer }),
        8 => Just(Op::AnswerAll),
        4 => (0..12_000_u64).prop_map(Op::Advance),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![14 => Just(Answer::Good), 6 => Just(Answer::Late), 1 => Just(Answer::Lost), 1 => Just(Answer::DoneButLost)]
}
