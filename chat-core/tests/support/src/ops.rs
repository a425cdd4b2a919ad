//! Operations on a world, drawn from bytes by a test and by a fuzzer.

use chat_core::protocol::WorkList;
use chat_core::testing::world::Answer;
use serde_json::{Value, json};

use crate::run::Run;

/// One operation. Its numbers pick from the connections, conversations and questions of the moment.
#[derive(Clone, Debug)]
pub enum Op {
    Connect(usize),
    ConnectWithRole {
        user: usize,
        role: usize,
    },
    Crowd(usize),
    Disconnect(usize),
    /// A request from one of the open connections.
    Request(usize, Request),
    /// 40 messages from one of the open connections.
    Burst {
        conn: usize,
        conversation: usize,
    },
    Enrol {
        conversation: usize,
        user: usize,
    },
    Withdraw {
        conversation: usize,
        user: usize,
    },
    Deactivate(usize),
    Activate(usize),
    Headroom(usize),
    Import(usize),
    Answer {
        question: usize,
        answer: Answer,
    },
    AnswerAll,
    Advance(u64),
}

/// A request of a client. Its numbers pick as those of an [`Op`].
#[derive(Clone, Debug)]
pub enum Request {
    Create { key: Option<u8>, emergency: bool },
    Send { conversation: usize, key: Option<u8> },
    Read { conversation: usize, seq: usize },
    Type { conversation: usize, is_typing: bool },
    Join { conversation: usize, after: Option<u64>, known_epoch: bool },
    History { conversation: usize },
    List { brief: bool },
    NextPage { brief: bool },
    Row { conversation: usize, brief: bool },
    Room,
    Work { conversation: usize, action: usize, stale: bool, key: Option<u8> },
    WorkList { list: usize, brief: bool },
    EndEmergency { conversation: usize, withdraws: bool, stale: bool, key: Option<u8> },
    Order { conversation: usize, key: Option<u8> },
    AnswerOrder { conversation: usize, seq: usize, key: Option<u8> },
    WithdrawOrder { conversation: usize, seq: usize },
    OpenOrders,
    Note { conversation: usize, key: Option<u8> },
    Start { to: usize, key: Option<u8> },
    People { find: usize },
    Phrases { language: usize },
    Refresh { user: usize },
    Garbage,
}

const WORK: [&str; 5] = [
    "take_conversation",
    "resolve_conversation",
    "release_conversation",
    "transfer_conversation",
    "reopen_conversation",
];

impl Request {
    /// The event of the request.
    pub(crate) fn event(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create_support_conversation",
            Self::Send { .. } | Self::Order { .. } => "send_chat_message",
            Self::AnswerOrder { .. } => "answer_message",
            Self::WithdrawOrder { .. } => "withdraw_order",
            Self::OpenOrders => "get_open_orders",
            Self::Note { .. } => "add_note",
            Self::Read { .. } => "mark_message_read",
            Self::Type { .. } => "typing_indicator",
            Self::Join { .. } => "join_conversation",
            Self::History { .. } => "get_conversation_messages",
            Self::List { .. } | Self::NextPage { .. } | Self::Row { .. } | Self::WorkList { .. } => {
                "get_active_conversations"
            }
            Self::Start { .. } => "start_conversation",
            Self::People { .. } => "get_people",
            Self::Phrases { .. } => "get_phrases",
            Self::Room => "join_support_room",
            Self::Work { action, .. } => WORK[action % WORK.len()],
            Self::EndEmergency { withdraws: true, .. } => "withdraw_emergency",
            Self::EndEmergency { withdraws: false, .. } => "end_emergency",
            Self::Refresh { .. } => "refresh_token",
            Self::Garbage => "no_such_event",
        }
    }

    /// The `data` of the request at this moment of the run.
    pub(crate) fn data(&self, run: &Run) -> Value {
        let about = |conversation| run.conversation(conversation);
        match *self {
            Self::Create { key, emergency } => created(key, emergency, run),
            Self::Send { conversation, key } => json!({
                "conversation_id": about(conversation),
                "content": content("m", key, run),
                "client_message_id": name("m", key),
            }),
            Self::Order { conversation, key } => json!({
                "conversation_id": about(conversation),
                "content": content("o", key, run),
                "answers": ["Yes", "No"],
                "answer_within_ms": 10_000,
                "client_message_id": name("o", key),
            }),
            Self::AnswerOrder { conversation, seq, key } => json!({
                "conversation_id": about(conversation),
                "message_id": run.message(conversation, seq),
                "answer": seq % 2,
                "client_message_id": key.map(|key| format!("answer {seq} {key}")),
            }),
            Self::OpenOrders => json!({"limit": 5}),
            Self::Note { conversation, key } => json!({
                "conversation_id": about(conversation),
                "content": content("n", key, run),
                "client_message_id": name("n", key),
            }),
            Self::WithdrawOrder { conversation, seq } | Self::Read { conversation, seq } => {
                json!({"conversation_id": about(conversation), "message_id": run.message(conversation, seq)})
            }
            Self::Type { conversation, is_typing } => {
                json!({"conversation_id": about(conversation), "is_typing": is_typing})
            }
            Self::Join { conversation, after, known_epoch } => {
                let epoch = known_epoch.then_some("epoch_1");
                json!({"conversation_id": about(conversation), "after_seq": after, "epoch": epoch})
            }
            Self::History { conversation } => json!({"conversation_id": about(conversation)}),
            Self::List { brief } => listed(json!({"limit": 2}), brief),
            Self::NextPage { brief } => listed(json!({"cursor": run.next_page(), "limit": 2}), brief),
            Self::Row { conversation, brief } => {
                listed(json!({"conversation_id": about(conversation)}), brief)
            }
            Self::Work { conversation, stale, key, .. } => self.work(conversation, stale, key, run),
            Self::EndEmergency { conversation, withdraws, stale, key } => {
                let id = run.conversation(conversation);
                let version = run.emergency_version(&id) + u64::from(stale);
                let key = key.map(|key| format!("{}{key}{version}", self.event()));
                let mut data = json!({"conversation_id": id, "version": version, "client_message_id": key});
                if !withdraws {
                    data["reason"] = "solved".into();
                }
                data
            }
            Self::WorkList { list, brief } => {
                listed(json!({"work": WorkList::ALL[list % 4], "limit": 1 + list / 4 % 3}), brief)
            }
            Self::Start { to, key } => started(to, key, run),
            Self::Phrases { language } => {
                let language = ["de", "en-GB"].get(language);
                json!({"language": language})
            }
            Self::People { find } => json!({"find": "user", "limit": 1 + find % 7}),
            Self::Refresh { user } => json!({"token": run.user(user).id}),
            Self::Room | Self::Garbage => json!({}),
        }
    }

    /// A change of the work, usually on the newest version. The same key has the same version,
    /// which makes the request a repeat.
    fn work(&self, conversation: usize, stale: bool, key: Option<u8>, run: &Run) -> Value {
        let (event, id) = (self.event(), run.conversation(conversation));
        let version = run.work_version(&id) + u64::from(stale);
        let key = key.map(|key| format!("{event}{key}{version}"));
        let mut data = json!({"conversation_id": id, "version": version, "client_message_id": key});
        if event == "transfer_conversation" {
            data["to"] = run.user(5 - conversation % 3).id.to_string().into();
        }
        data
    }
}

fn created(key: Option<u8>, emergency: bool, run: &Run) -> Value {
    let mut data =
        json!({"title": "Help", "content": content("c", key, run), "client_message_id": name("c", key)});
    if emergency {
        data["room_type"] = "emergency_support".into();
    }
    data
}

/// Control speaks to one user or two. Now and then one is in control too, which is refused.
fn started(to: usize, key: Option<u8>, run: &Run) -> Value {
    let to: Vec<_> = [to, to / 3].map(|user| run.user(user % 4).id.to_string()).into();
    json!({"to": to, "title": "Detour", "content": content("s", key, run), "client_message_id": name("s", key)})
}

fn listed(mut data: Value, brief: bool) -> Value {
    if brief {
        data["participants"] = "brief".into();
    }
    data
}

/// The same key has the same content, which makes the request a repeat.
fn content(prefix: &str, key: Option<u8>, run: &Run) -> String {
    key.map_or_else(|| format!("request {}", run.sent()), |key| format!("key {prefix}{key}"))
}

fn name(prefix: &str, key: Option<u8>) -> Option<String> {
    key.map(|key| format!("{prefix}{key}"))
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
            26..=152 => Self::Request(conn, request(kind, [b, c])),
            153 => Self::Burst { conn, conversation },
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

/// The request of a kind from 26 to 152.
fn request(kind: u8, [b, c]: [usize; 2]) -> Request {
    let conversation = b % 100;
    match kind {
        ..=35 => Request::Create { key: key(b), emergency: is_odd(c) },
        36..=85 => Request::Send { conversation, key: key(c) },
        86..=97 => Request::Read { conversation, seq: c % 100 },
        98..=107 => Request::Type { conversation, is_typing: is_odd(c) },
        108..=123 => {
            let after = (0..8).nth(c % 16);
            Request::Join { conversation, after, known_epoch: c >= 128 }
        }
        124 => Request::History { conversation },
        125 => Request::Note { conversation, key: key(c) },
        126 => Request::Order { conversation, key: key(c) },
        127 => Request::AnswerOrder { conversation, seq: c % 8, key: key(c / 8) },
        128 => Request::WithdrawOrder { conversation, seq: c % 8 },
        129 => Request::OpenOrders,
        130..=133 => Request::List { brief: is_odd(b) },
        134..=137 => Request::NextPage { brief: is_odd(b) },
        138..=140 => Request::Row { conversation, brief: is_odd(c) },
        141 => Request::WorkList { list: b, brief: is_odd(c) },
        142 => Request::Start { to: b, key: key(c) },
        143 => Request::Room,
        144 if is_odd(c) => Request::Phrases { language: b % 3 },
        144 => Request::People { find: b },
        145..=149 => {
            Request::Work { conversation, action: usize::from(kind - 145), stale: c >= 224, key: key(c) }
        }
        150 => Request::Refresh { user: b },
        151 => {
            Request::EndEmergency { conversation, withdraws: is_odd(b / 100), stale: c >= 224, key: key(c) }
        }
        152.. => Request::Garbage,
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
