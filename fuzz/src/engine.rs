//! The engine with a store that answers late, out of order or not at all, under any sequence of
//! operations.
//!
//! The operations are those of chat-core's own test of the promises P1 to P7, drawn here by the
//! fuzzer.

use arbitrary::Unstructured;
use chat_core::testing::world::Answer;
use core_test_support::ops::{self, Op};

/// Operations of one input. Longer inputs find nothing new.
const OPS_MOST: usize = 200;

/// Runs one input: four bytes per operation.
///
/// # Panics
///
/// A promise is broken.
pub fn run(bytes: &[u8]) {
    let ops: Vec<Op> = bytes.chunks_exact(4).take(OPS_MOST).filter_map(|bytes| op(bytes).ok()).collect();
    let _whole = ops::watch(&ops);
}

/// Decodes four bytes. The ordinary operations have the most values of the first byte, like their
/// weight in the test.
fn op(bytes: &[u8]) -> arbitrary::Result<Op> {
    let mut bytes = Unstructured::new(bytes);
    let kind: u8 = bytes.arbitrary()?;
    let mut pick = || bytes.arbitrary::<u8>().map(usize::from);
    Ok(match kind {
        0..=12 => Op::Connect(pick()?),
        13 => Op::Crowd(pick()?),
        14..=15 => Op::ConnectWithRole { user: pick()?, role: pick()? },
        16..=21 => Op::Disconnect(pick()?),
        22..=31 => Op::Create { conn: pick()?, key: key(pick()?), emergency: pick()? % 2 == 1 },
        32..=79 => Op::Send { conn: pick()?, conversation: pick()?, key: key(pick()?) },
        80..=91 => Op::Read { conn: pick()?, conversation: pick()?, seq: pick()? },
        92..=101 => Op::Type { conn: pick()?, conversation: pick()?, is_typing: pick()? % 2 == 1 },
        102..=117 => {
            let (conn, conversation, after) = (pick()?, pick()?, pick()?);
            let known_epoch = after >= 128;
            Op::Join { conn, conversation, after: (0..8).nth(after % 128), known_epoch }
        }
        118..=123 => Op::History { conn: pick()?, conversation: pick()? },
        124..=125 => Op::List { conn: pick()?, brief: pick()? % 2 == 1 },
        126..=127 => Op::NextPage { conn: pick()?, brief: pick()? % 2 == 1 },
        128 => Op::Room(pick()?),
        129 => Op::Refresh { conn: pick()?, user: pick()? },
        130..=131 => Op::Garbage(pick()?),
        132..=133 => Op::Row { conn: pick()?, conversation: pick()?, brief: pick()? % 2 == 1 },
        134..=135 => Op::Burst { conn: pick()?, conversation: pick()? },
        136..=138 => Op::Enrol { conversation: pick()?, user: pick()? },
        139 => Op::Headroom(pick()?),
        140..=142 => Op::Withdraw { conversation: pick()?, user: pick()? },
        143 => Op::Activate(pick()?),
        144..=145 => Op::Deactivate(pick()?),
        146..=147 => Op::Import(pick()?),
        148..=231 => Op::Answer { question: pick()?, answer: answer(pick()?) },
        232..=245 => Op::AnswerAll,
        246..=255 => Op::Advance(bytes.int_in_range(0..=11_999)?),
    })
}

/// Few keys, to use them repeatedly.
fn key(pick: usize) -> Option<u8> {
    (0..6).nth(pick % 16)
}

fn answer(pick: usize) -> Answer {
    match pick % 22 {
        0..=13 => Answer::Good,
        14..=19 => Answer::Late,
        20 => Answer::Lost,
        _ => Answer::DoneButLost,
    }
}
