//! The values of the index. [`keys`](super::keys) has the keys.
//!
//! All values are small, because sled keeps values of more than 8 KB in files that are never
//! synced.

use std::array;
use std::ops::Range;
use std::sync::Arc;

use chat_core::id::{MessageId, UserId};
use chat_core::protocol::{Role, RoomType, User};
use chat_core::store::{Account, Said, Source};
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

/// The stored part of a conversation. Messages and participants have keys of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct ConversationValue {
    pub(super) title: Arc<str>,
    pub(super) room_type: RoomType,
    pub(super) created_by: UserId,
    pub(super) created_at: Timestamp,
    pub(super) version: u64,
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
    pub(super) sent_at: Timestamp,
    pub(super) sender: UserId,
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

    /// Appends the message to a run.
    pub(super) fn encode(&self, run: &mut Vec<u8>) {
        let sender = self.sender.as_str().as_bytes();
        let length = u16::try_from(self.encoded_length() - LENGTH);
        run.reserve(self.encoded_length());
        run.extend(length.expect("a message is at most INLINE_MOST and TEXT_MOST long").to_be_bytes());
        run.extend(self.nonce);
        run.extend(self.sent_at.as_millis().to_be_bytes());
        run.extend(u16::try_from(sender.len()).expect("an id is at most TEXT_MOST long").to_be_bytes());
        run.extend(sender);
        match &self.content {
            ContentValue::Inline(text) => {
                run.push(INLINE);
                run.extend(text.as_bytes());
            }
            ContentValue::Journal(length, location) => {
                run.push(JOURNAL);
                run.extend(length.to_be_bytes());
                run.extend(encode_location(*location));
            }
            ContentValue::Erased => run.push(ERASED),
        }
    }

    /// Bytes of the message in a run.
    pub(super) fn encoded_length(&self) -> usize {
        LENGTH + NONCE + 8 + 2 + self.sender.as_str().len() + self.content.stored_length()
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
        let (sent_at, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (sender, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let (kind, content) = rest.split_first()?;
        Some(Self {
            nonce: *nonce,
            sent_at: Timestamp::from_millis(i64::from_be_bytes(*sent_at)),
            sender: str::from_utf8(sender).ok()?.into(),
            content: ContentValue::decode(*kind, content)?,
        })
    }
}

impl ContentValue {
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

/// An account as a JSON array without its id, which is in the key. The array is short because sled
/// stores up to 22 bytes without an allocation, and keeps the account of every connected user.
/// Times follow only if set.
pub(super) fn encode_account(account: &Account) -> Vec<u8> {
    let Account { user, active, enrolment_due, said, decided_at, role_imported } = account;
    let role = Role::ALL.iter().position(|role| *role == user.role);
    let marks = u8::from(*active) | u8::from(*enrolment_due) << 1 | u8::from(*role_imported) << 2;
    let plain = (role, marks, &user.email, &user.first_name, &user.last_name);
    if said.is_none() && decided_at.is_none() {
        return encode_json(&plain);
    }
    let (role, marks, email, first_name, last_name) = plain;
    let source = said.and_then(|said| Source::ALL.iter().position(|source| *source == said.source));
    let times = [said.map(|said| said.at), *decided_at].map(|time| time.map(Timestamp::as_millis));
    encode_json(&(role, marks, email, first_name, last_name, source, times))
}

/// Decodes the account of this id.
pub(super) fn decode_account(id: &UserId, bytes: &[u8]) -> Option<Account> {
    type Plain = (usize, u8, Arc<str>, Arc<str>, Arc<str>);
    type Timed = (usize, u8, Arc<str>, Arc<str>, Arc<str>, Option<usize>, [Option<i64>; 2]);
    let plain = |(role, marks, email, first_name, last_name): Plain| {
        (role, marks, email, first_name, last_name, None, [None; 2])
    };
    let read = decode_json::<Timed>(bytes).or_else(|| decode_json::<Plain>(bytes).map(plain));
    let (role, marks, email, first_name, last_name, source, times) = read?;
    let [said_at, decided_at] = times.map(|time| time.map(Timestamp::from_millis));
    let said = match (source, said_at) {
        (None, None) => None,
        (Some(source), Some(at)) => Some(Said { source: *Source::ALL.get(source)?, at }),
        _ => return None,
    };
    Some(Account {
        active: marks & 1 != 0,
        enrolment_due: marks & 2 != 0,
        role_imported: marks & 4 != 0,
        said,
        decided_at,
        user: User { id: id.clone(), email, role: *Role::ALL.get(role)?, first_name, last_name },
    })
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

/// Whether an id, a name or a title is short enough.
pub(super) fn fits(text: &str) -> bool {
    text.len() <= TEXT_MOST
}
