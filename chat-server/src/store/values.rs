//! The values of the index. [`keys`](super::keys) has the keys.
//!
//! All values are small, because sled keeps values of more than 8 KB in files that are never
//! synced.

use std::array;
use std::ops::Range;
use std::sync::Arc;

use chat_core::conversation::{Conversation, Standing};
use chat_core::id::{MessageId, TeamId, UserId};
use chat_core::protocol::{MessageAnswer, MessageEmergency, MessageWork, RoomType};
use chat_core::store::Position;
use chat_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::write::journal::Location;

/// Longest content in the index. For longer content the index holds the location in the journal.
pub(super) const INLINE_MOST: usize = 2 << 10;

/// Longest text in a value or key beside content: an id, a name, a title.
///
/// The engine's own limits are far below. This limit keeps values small whatever an embedder sets.
pub(super) const TEXT_MOST: usize = 1 << 10;

/// Longest name of a team: enough for a UUID. An account names up to 32 teams twice.
pub(super) const TEAM_MOST: usize = 40;

/// The stored part of a conversation. Messages and members have keys of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct ConversationValue {
    pub(super) title: Arc<str>,
    pub(super) room_type: RoomType,
    pub(super) created_by: UserId,
    pub(super) created_at: Timestamp,
    pub(super) teams: Vec<TeamId>,
    pub(super) version: u64,
}

impl From<&Conversation> for ConversationValue {
    fn from(conversation: &Conversation) -> Self {
        Self {
            title: conversation.title.clone(),
            room_type: conversation.room_type,
            created_by: conversation.created_by.clone(),
            created_at: conversation.created_at,
            teams: conversation.participation.teams.clone(),
            version: conversation.version,
        }
    }
}

/// Bytes of a run of messages after which a new run begins. A leaf of sled holds 16 runs, and must
/// stay well below the size that sled moves to a file of its own.
pub(super) const RUN_MOST: usize = 4 << 10;

/// The stored part of a message.
///
/// Messages are stored in *runs*: consecutive messages of a conversation that entered the index
/// together, under the number of the first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MessageValue {
    pub(super) nonce: [u8; NONCE],
    /// The position of the message's record.
    pub(super) position: Position,
    pub(super) sent_at: Timestamp,
    pub(super) sender: UserId,
    /// The work that the message shows, if any.
    pub(super) work: Option<Box<MessageWork>>,
    /// The emergency that the message shows, if any.
    pub(super) emergency: Option<Box<MessageEmergency>>,
    /// The number of answers, if the message is an order. The content then ends with a line for
    /// each.
    pub(super) choices: Option<u32>,
    /// The order that the entry has changed, if any.
    pub(super) answer: Option<Box<MessageAnswer>>,
    pub(super) content: ContentValue,
}

/// The content of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum ContentValue {
    /// Stored here.
    Inline(Arc<str>),
    /// Stored in the journal: the number of bytes, and the record's location.
    Journal(u32, Location),
    /// Erased.
    Erased,
}

/// Bytes of the length before a message.
const LENGTH: usize = 2;

/// Characters of the unguessable part of a message's id.
const NONCE: usize = 16;
const PREFIX: &str = "msg_";
const INLINE: u8 = 0;
const JOURNAL: u8 = 1;
const ERASED: u8 = 2;
/// Added to the kind of content of a message that shows work. The work follows: a length of two
/// bytes, and JSON.
const WORK: u8 = 0x80;
/// The same for the emergency, which follows the work.
const EMERGENCY: u8 = 0x40;
/// The same for the number of answers, which follows the emergency.
const ORDER: u8 = 0x20;
/// The same for the changed order, which follows the number of answers.
const ANSWER: u8 = 0x10;

impl MessageValue {
    /// The unguessable part of an id, as stored.
    pub(super) fn nonce(id: &MessageId) -> Option<[u8; NONCE]> {
        id.as_str().strip_prefix(PREFIX)?.as_bytes().first_chunk().copied()
    }

    /// The id of the message with this number.
    pub(super) fn id(&self, seq: u64) -> MessageId {
        let nonce = String::from_utf8_lossy(&self.nonce);
        MessageId::from(format!("{PREFIX}{nonce}{seq}"))
    }

    /// Whether the message is one of a user, and no entry.
    pub(super) fn is_text(&self) -> bool {
        self.work.as_ref().is_none_or(|work| work.action.is_none())
            && self.emergency.as_ref().is_none_or(|emergency| emergency.action.is_none())
            && self.answer.is_none()
    }

    /// Appends the message to a run.
    pub(super) fn encode(&self, run: &mut Vec<u8>) {
        let sender = self.sender.as_str().as_bytes();
        let length = u16::try_from(self.encoded_length() - LENGTH);
        run.reserve(self.encoded_length());
        run.extend(length.expect("a message is at most INLINE_MOST and TEXT_MOST long").to_be_bytes());
        run.extend(self.nonce);
        run.extend(self.position.0.to_be_bytes());
        run.extend(self.sent_at.as_millis().to_be_bytes());
        run.extend(u16::try_from(sender.len()).expect("an id is at most TEXT_MOST long").to_be_bytes());
        run.extend(sender);
        let shown: Vec<_> = self.shown().collect();
        run.push(shown.iter().fold(self.content.kind(), |kind, (flag, _)| kind | flag));
        for (_, json) in shown {
            run.extend(u16::try_from(json.len()).expect("ids are at most TEXT_MOST long").to_be_bytes());
            run.extend(json);
        }
        self.content.encode(run);
    }

    /// Bytes of the message in a run.
    pub(super) fn encoded_length(&self) -> usize {
        let shown: usize = self.shown().map(|(_, json)| 2 + json.len()).sum();
        LENGTH + NONCE + 8 + 8 + 2 + self.sender.as_str().len() + shown + self.content.stored_length()
    }

    /// The values that the message shows beside its content, each with its flag.
    fn shown(&self) -> impl Iterator<Item = (u8, Vec<u8>)> {
        let shown = [
            (WORK, self.work.as_ref().map(encode_json)),
            (EMERGENCY, self.emergency.as_ref().map(encode_json)),
            (ORDER, self.choices.as_ref().map(encode_json)),
            (ANSWER, self.answer.as_ref().map(encode_json)),
        ];
        shown.into_iter().filter_map(|(flag, json)| Some((flag, json?)))
    }

    /// The ranges of the messages in a run; `None` if malformed.
    pub(super) fn split(run: &[u8]) -> Option<Vec<Range<usize>>> {
        let (mut places, mut start) = (Vec::new(), 0);
        while start < run.len() {
            let length = run[start..].first_chunk().map(|length| u16::from_be_bytes(*length))?;
            let end = start + LENGTH + usize::from(length);
            places.push(start + LENGTH..end);
            start = end;
        }
        (start == run.len()).then_some(places)
    }

    /// The run without the content of the message at this place; `None` if there is none.
    pub(super) fn erase(run: &[u8], place: u64) -> Option<Vec<u8>> {
        let place = Self::split(run)?.get(usize::try_from(place).ok()?)?.clone();
        let message = Self::decode(&run[place.clone()])?;
        if message.content == ContentValue::Erased {
            return None;
        }
        let mut without = run[..place.start - LENGTH].to_vec();
        Self { content: ContentValue::Erased, ..message }.encode(&mut without);
        without.extend(&run[place.end..]);
        Some(without)
    }

    /// Decodes a message; `None` if malformed.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (nonce, rest) = bytes.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        let (sent_at, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (sender, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let (kind, rest) = rest.split_first()?;
        let (work, rest) = if kind & WORK == 0 { (None, rest) } else { split_json(rest)? };
        let (emergency, rest) = if kind & EMERGENCY == 0 { (None, rest) } else { split_json(rest)? };
        let (choices, rest) = if kind & ORDER == 0 { (None, rest) } else { split_json(rest)? };
        let (answer, content) = if kind & ANSWER == 0 { (None, rest) } else { split_json(rest)? };
        Some(Self {
            nonce: *nonce,
            position: Position(u64::from_be_bytes(*position)),
            sent_at: Timestamp::from_millis(i64::from_be_bytes(*sent_at)),
            sender: str::from_utf8(sender).ok()?.into(),
            work,
            emergency,
            choices: choices.map(|choices| *choices),
            answer,
            content: ContentValue::decode(kind & !(WORK | EMERGENCY | ORDER | ANSWER), content)?,
        })
    }
}

/// The value at the begin of these bytes, and the rest.
fn split_json<T: DeserializeOwned>(bytes: &[u8]) -> Option<(Option<Box<T>>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (json, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((Some(decode_json(json)?), rest))
}

impl ContentValue {
    fn kind(&self) -> u8 {
        match self {
            Self::Inline(_) => INLINE,
            Self::Journal(..) => JOURNAL,
            Self::Erased => ERASED,
        }
    }

    fn encode(&self, run: &mut Vec<u8>) {
        match self {
            Self::Inline(text) => run.extend(text.as_bytes()),
            Self::Journal(length, location) => {
                run.extend(length.to_be_bytes());
                run.extend(encode_location(*location));
            }
            Self::Erased => {}
        }
    }

    fn decode(kind: u8, bytes: &[u8]) -> Option<Self> {
        match kind {
            INLINE => Some(Self::Inline(str::from_utf8(bytes).ok()?.into())),
            JOURNAL => {
                let (length, location) = bytes.split_first_chunk()?;
                Some(Self::Journal(u32::from_be_bytes(*length), decode_location(location.try_into().ok()?)))
            }
            ERASED => Some(Self::Erased),
            _ => None,
        }
    }

    /// Bytes of the content in a run.
    fn stored_length(&self) -> usize {
        match self {
            Self::Inline(text) => 1 + text.len(),
            Self::Journal(..) => 1 + 4 + LOCATION,
            Self::Erased => 1,
        }
    }

    /// Bytes of the content.
    pub(super) fn length(&self) -> usize {
        match self {
            Self::Inline(text) => text.len(),
            Self::Journal(length, _) => usize::try_from(*length).unwrap_or(usize::MAX),
            Self::Erased => 0,
        }
    }
}

/// Bytes of a location in the journal.
pub(super) const LOCATION: usize = 12;

/// Encodes a location in the journal.
pub(super) fn encode_location(location: Location) -> [u8; LOCATION] {
    let mut bytes = [0; LOCATION];
    bytes[..8].copy_from_slice(&location.segment.to_be_bytes());
    bytes[8..].copy_from_slice(&location.offset.to_be_bytes());
    bytes
}

/// Decodes a location in the journal.
pub(super) fn decode_location(bytes: [u8; LOCATION]) -> Location {
    let segment = u64::from_be_bytes(array::from_fn(|n| bytes[n]));
    Location { segment, offset: u32::from_be_bytes(array::from_fn(|n| bytes[8 + n])) }
}

/// Encodes a standing. Users without one have no entry.
pub(super) fn encode_standing(standing: Standing) -> Option<[u8; 1]> {
    match standing {
        Standing::Unnamed => None,
        Standing::Member => Some([1]),
        Standing::ControlMember => Some([2]),
        Standing::Withdrawn => Some([3]),
    }
}

/// Decodes a standing.
pub(super) fn decode_standing(bytes: &[u8]) -> Option<Standing> {
    match bytes {
        [1] => Some(Standing::Member),
        [2] => Some(Standing::ControlMember),
        [3] => Some(Standing::Withdrawn),
        _ => None,
    }
}

/// A rarely written value, as JSON.
pub(super) fn encode_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("a value of the index has string keys and no failing serializer")
}

/// Decodes a value from JSON.
pub(super) fn decode_json<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

/// Decodes a number.
pub(super) fn decode_number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// Whether all names of teams are short enough.
pub(super) fn fit_teams(teams: &[TeamId]) -> bool {
    teams.iter().all(|team| team.as_str().len() <= TEAM_MOST)
}

/// Whether an id, a name or a title is short enough.
pub(super) fn fits(text: &str) -> bool {
    text.len() <= TEXT_MOST
}
