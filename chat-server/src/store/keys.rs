//! The catalogue of the index: every key and its value.
//!
//! One tree, and a file for client message ids. A key is a letter with its parts. A part before
//! another one ends with `0xff`, a byte that UTF-8 never contains, which keeps ids of any content
//! and length apart. Numbers are big-endian. [`values`](super::values) describes the values. A
//! change here or there takes a new [`VERSION`]: an older index is then rebuilt from the journal.
//!
//! | key | value | written |
//! |---|---|---|
//! | `!version` | version of this catalogue, u32 | once |
//! | `!end` | the journal's end that the index has reached, JSON | per batch |
//! | `!epoch` | the epoch | once |
//! | `u` user | account, a JSON array | per account put |
//! | `n` user | – : an active control user | per account put |
//! | `e` user | – : enrolment is due | per account put |
//! | `c` conversation | title, room, creator, time, version, JSON | created, enrolled, withdrawn |
//! | `m` conversation `ff` seq u64 | a run of messages from this number | per run |
//! | `d` user `ff` client message id | location of the record; not in sled | per such message |
//! | `p` conversation `ff` user | – : a participant | created, enrolled, withdrawn |
//! | `b` user `ff` conversation | – : the same by user | as `p` |
//! | `a` user `ff` hour u32 conversation | – : the same by hour | as `p`, each new hour |
//! | `r` user `ff` conversation | read position, u64 | per rise |
//!
//! A run holds each message with its content, or with its location in the journal if the content is
//! longer than 2 KiB. Keys `d` are in the file [`originals`](super::index). Of keys `a`, newer hours
//! come first.
//!
//! The newest message of a conversation is the last one under its last `m` key. A new message
//! therefore rewrites nothing.

use chat_core::id::{ClientMessageId, ConversationId, UserId};
use chat_core::time::Timestamp;

/// The version of this catalogue and of the values.
pub(super) const VERSION: u32 = 4;

/// The key of the version.
pub(super) const INDEX_VERSION: &[u8] = b"!version";
/// The key of the journal's end that the index has reached.
pub(super) const END: &[u8] = b"!end";
/// The key of the epoch.
pub(super) const EPOCH: &[u8] = b"!epoch";
/// Prefix of the marks of active control users.
pub(super) const CONTROL: &[u8] = b"n";
/// Prefix of the marks of users with an enrolment due.
pub(super) const DUE: &[u8] = b"e";
/// Prefix of accounts.
pub(super) const ACCOUNTS: &[u8] = b"u";
/// Prefix of conversations.
pub(super) const CONVERSATIONS: &[u8] = b"c";

/// Prefix of messages.
pub(super) const MESSAGES: &[u8] = b"m";

/// The end of a part with another part behind it.
const STOP: u8 = 0xff;

const HOUR_MILLIS: i64 = 3_600_000;

/// The hour of an event, counted down: newer hours are smaller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Hour(u32);

impl Hour {
    /// The hour of this time.
    pub(super) fn of(time: Timestamp) -> Self {
        // Years 0 to 9999 are hours -17 million to 70 million.
        let hour = time.as_millis().div_euclid(HOUR_MILLIS) + (1 << 31);
        Self(!u32::try_from(hour).expect("a timestamp lies in the years 0 to 9999"))
    }
}

/// The key of an account.
pub(super) fn account(user: &UserId) -> Vec<u8> {
    key(b'u', &[], user.as_str())
}

/// The key of the mark of an active control user.
pub(super) fn control(user: &UserId) -> Vec<u8> {
    key(b'n', &[], user.as_str())
}

/// The key of the mark of a user whose enrolment is due.
pub(super) fn due(user: &UserId) -> Vec<u8> {
    key(b'e', &[], user.as_str())
}

/// The key of a conversation.
pub(super) fn conversation(id: &ConversationId) -> Vec<u8> {
    key(b'c', &[], id.as_str())
}

/// Prefix of a conversation's messages.
pub(super) fn messages(conversation: &ConversationId) -> Vec<u8> {
    key(b'm', &[conversation.as_str()], "")
}

/// The key of a message.
pub(super) fn message(conversation: &ConversationId, seq: u64) -> Vec<u8> {
    let mut key = messages(conversation);
    key.extend(seq.to_be_bytes());
    key
}

/// The `seq` at the end of the key of a message.
pub(super) fn seq(message: &[u8]) -> Option<u64> {
    message.last_chunk().map(|seq| u64::from_be_bytes(*seq))
}

/// The key of a user's client message id.
pub(super) fn client_id(user: &UserId, id: &ClientMessageId) -> Vec<u8> {
    key(b'd', &[user.as_str()], id.as_str())
}

/// Prefix of a conversation's participants.
pub(super) fn participants(conversation: &ConversationId) -> Vec<u8> {
    key(b'p', &[conversation.as_str()], "")
}

/// The key of a participant.
pub(super) fn participant(conversation: &ConversationId, user: &UserId) -> Vec<u8> {
    key(b'p', &[conversation.as_str()], user.as_str())
}

/// Prefix of a user's conversations by id.
pub(super) fn memberships(user: &UserId) -> Vec<u8> {
    key(b'b', &[user.as_str()], "")
}

/// The key of a user's conversation by id.
pub(super) fn membership(user: &UserId, conversation: &ConversationId) -> Vec<u8> {
    key(b'b', &[user.as_str()], conversation.as_str())
}

/// Prefix of a user's conversations by activity.
pub(super) fn activities(user: &UserId) -> Vec<u8> {
    key(b'a', &[user.as_str()], "")
}

/// Prefix of a user's conversations with their last activity in this hour. Older hours follow.
pub(super) fn activities_in(user: &UserId, hour: Hour) -> Vec<u8> {
    let mut key = activities(user);
    key.extend(hour.0.to_be_bytes());
    key
}

/// The key of a user's conversation by activity.
pub(super) fn activity(user: &UserId, hour: Hour, conversation: &ConversationId) -> Vec<u8> {
    let mut key = activities_in(user, hour);
    key.extend(conversation.as_str().as_bytes());
    key
}

/// Hour and conversation of a key of [`activity`], without the prefix of [`activities`].
pub(super) fn split_activity(rest: &[u8]) -> Option<(Hour, ConversationId)> {
    let (hour, conversation) = rest.split_first_chunk()?;
    Some((Hour(u32::from_be_bytes(*hour)), text(conversation)?))
}

/// The key of a user's read position.
pub(super) fn read_position(user: &UserId, conversation: &ConversationId) -> Vec<u8> {
    key(b'r', &[user.as_str()], conversation.as_str())
}

/// An id at the end of a key.
pub(super) fn text<T: for<'a> From<&'a str>>(part: &[u8]) -> Option<T> {
    str::from_utf8(part).ok().map(T::from)
}

fn key(letter: u8, parts: &[&str], last: &str) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len() + 1).sum::<usize>() + last.len();
    let mut key = Vec::with_capacity(1 + length + 8);
    key.push(letter);
    for part in parts {
        key.extend(part.as_bytes());
        key.push(STOP);
    }
    key.extend(last.as_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_count_down() {
        let hour = |millis| Hour::of(Timestamp::from_millis(millis));
        assert!(hour(3_600_000) < hour(3_599_999));
        assert!(hour(0) < hour(-1));
        assert_eq!(hour(-1), hour(-3_600_000));
        assert!(hour(i64::MAX) < hour(i64::MIN));
    }

    #[test]
    fn ids_of_any_content_stay_apart() {
        let user = |id: &str| UserId::from(id);
        let conversation = |id: &str| ConversationId::from(id);
        assert_ne!(membership(&user("a"), &conversation("bc")), membership(&user("ab"), &conversation("c")),);
        assert!(!message(&conversation("ab"), 1).starts_with(&messages(&conversation("a"))));
        let key = activity(&user("a\u{0}ÿ"), Hour(7), &conversation("ÿ"));
        let rest = key.strip_prefix(&activities(&user("a\u{0}ÿ"))[..]).unwrap();
        assert_eq!(split_activity(rest), Some((Hour(7), conversation("ÿ"))));
    }
}
