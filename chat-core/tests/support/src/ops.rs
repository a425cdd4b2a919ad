//! Operations on a world, drawn from bytes by a test and by a fuzzer.

use chat_core::testing::world::Answer;

/// One operation. Its numbers pick from the connections, conversations and questions of the moment.
#[derive(Clone, Debug)]
pub enum Op {
    Connect(usize),
    ConnectWithRole { user: usize, role: usize },
    Crowd(usize),
    Disconnect(usize),
    Create { conn: usize, key: Option<u8>, emergency: bool },
    Send { conn: usize, conversation: usize, key: Option<u8> },
    Read { conn: usize, conversation: usize, seq: usize },
    Type { conn: usize, conversation: usize, is_typing: bool },
    Join { conn: usize, conversation: usize, after: Option<u64>, known_epoch: bool },
    History { conn: usize, conversation: usize },
    List { conn: usize, brief: bool },
    NextPage { conn: usize, brief: bool },
    Row { conn: usize, conversation: usize, brief: bool },
    Room(usize),
    Refresh { conn: usize, user: usize },
    Garbage(usize),
    Burst { conn: usize, conversation: usize },
    Enrol { conversation: usize, user: usize },
    Withdraw { conversation: usize, user: usize },
    Deactivate(usize),
    Activate(usize),
    Headroom(usize),
    Import(usize),
    Answer { question: usize, answer: Answer },
    AnswerAll,
    Advance(u64),
}

impl Op {
    /// Decodes four bytes. The ordinary operations have the most values of the first byte.
    pub fn decode([kind, first, second, third]: [u8; 4]) -> Self {
        let [a, b, c] = [first, second, third].map(usize::from);
        let (conn, conversation) = (a, b % 100);
        match kind {
            0..=15 => Self::Connect(a),
            16..=17 => Self::Crowd(a),
            18..=19 => Self::ConnectWithRole { user: a, role: b },
            20..=25 => Self::Disconnect(conn),
            26..=35 => Self::Create { conn, key: key(b), emergency: is_odd(c) },
            36..=85 => Self::Send { conn, conversation, key: key(c) },
            86..=97 => Self::Read { conn, conversation, seq: c % 100 },
            98..=107 => Self::Type { conn, conversation, is_typing: is_odd(c) },
            108..=123 => {
                let after = (0..8).nth(c % 16);
                Self::Join { conn, conversation, after, known_epoch: c >= 128 }
            }
            124..=129 => Self::History { conn, conversation },
            130..=133 => Self::List { conn, brief: is_odd(b) },
            134..=139 => Self::NextPage { conn, brief: is_odd(b) },
            140..=143 => Self::Row { conn, conversation, brief: is_odd(c) },
            144..=145 => Self::Room(conn),
            146..=147 => Self::Refresh { conn, user: b },
            148..=151 => Self::Garbage(conn),
            152..=153 => Self::Burst { conn, conversation },
            154..=157 => Self::Enrol { conversation: a, user: b },
            158..=161 => Self::Withdraw { conversation: a, user: b },
            162..=163 => Self::Deactivate(a),
            164..=165 => Self::Activate(a),
            166..=167 => Self::Headroom(a),
            168..=169 => Self::Import(a),
            170..=229 => Self::Answer { question: a, answer: answer(b) },
            230..=245 => Self::AnswerAll,
            246..=255 => Self::Advance(u64::from(u16::from_be_bytes([first, second])) % 12_000),
        }
    }
}

fn is_odd(number: usize) -> bool {
    number % 2 == 1
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
