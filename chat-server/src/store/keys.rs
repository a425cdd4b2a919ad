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
//! | `u` user | account, its position and rights position, JSON | per account put |
//! | `s` user | – : an active user in control or in a team | per account put |
//! | `c` conversation | title, room, creator, time, teams, version | created, member changed |
//! | `m` conversation `ff` seq u64 | a run of messages from this number | per run |
//! | `d` user `ff` client message id | location of the record; not in sled | per such message |
//! | `w` conversation | work, emergency, newest text, open orders, JSON | change, entry, order |
//! | `x` user `ff` conversation | – : an emergency of the user that is not over | created, ended |
//! | `o` conversation `ff` seq u64 | the order of this message, JSON | order, its entries |
//! | `t` due i64 seq u64 conversation | – : an order that waits for an answer | order, its end |
//! | `p` conversation `ff` user | the user's standing, one byte | created, member changed |
//! | `a` owner `ff` block u32 conversation | – | created, member changed, each new block |
//! | `q` owner `ff` class rank u64 conversation | the assignee, if any | change of the work |
//! | `r` user `ff` conversation | read position, u64 | per rise |
//!
//! A run holds each message with its content, or with its location in the journal if the content is
//! longer than 2 KiB. Keys `d` are in the file [`originals`](super::index).
//!
//! Keys `a` list the conversations of an owner by activity: `t` and a team of the conversation, or
//! `u` and a user who takes part by name. The block is that of the position of the newest message
//! of a user.
//! Newer blocks come first.
//!
//! Keys `q` list conversations by their work, for control alone: `t` and a team of the
//! conversation, `u` and a user who takes part by name while in control, or `a` and the assignee.
//! The class is `o` for open work and `r` for resolved work, and the rank is that of the work.
//!
//! The newest message of a conversation is the last one under its last `m` key. A new message
//! rewrites nothing, unless it changes one of them. Without a key `w` the conversation waits since
//! its creation. Blocks go by the newest message of a user: entries move nothing.

use chat_core::id::{ClientMessageId, ConversationId, TeamId, UserId};
use chat_core::store::{OrderPlace, Position, WorkPlace};
use chat_core::time::Timestamp;

/// The version of this catalogue and of the values.
pub(crate) const VERSION: u32 = 8;

/// The key of the version.
pub(super) const INDEX_VERSION: &[u8] = b"!version";
/// The key of the journal's end that the index has reached.
pub(super) const END: &[u8] = b"!end";
/// The key of the epoch.
pub(super) const EPOCH: &[u8] = b"!epoch";
/// Prefix of the marks of active users in control or in a team.
pub(super) const STAFF: &[u8] = b"s";
/// Prefix of accounts.
pub(super) const ACCOUNTS: &[u8] = b"u";

/// Prefix of messages.
pub(super) const MESSAGES: &[u8] = b"m";

/// The end of a part with another part behind it.
const STOP: u8 = 0xff;

/// Positions in a block, as a power of two.
const BLOCK_BITS: u32 = 16;

/// A block of positions, counted down: newer blocks are smaller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Block(u32);

impl Block {
    /// The block of this position.
    pub(super) fn of(position: Position) -> Self {
        Self(!u32::try_from(position.0 >> BLOCK_BITS).unwrap_or(u32::MAX))
    }

    /// The first position of the block.
    pub(super) fn first(self) -> Position {
        Position(u64::from(!self.0) << BLOCK_BITS)
    }
}

/// The owner of a list of conversations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    /// A user who takes part by name.
    User(UserId),
    /// A team.
    Team(TeamId),
}

/// The key of an account.
pub(super) fn account(user: &UserId) -> Vec<u8> {
    key(b'u', &[], user.as_str())
}

/// The key of the mark of an active user in control or in a team.
pub(super) fn staff(user: &UserId) -> Vec<u8> {
    key(b's', &[], user.as_str())
}

/// The key of a conversation.
pub(super) fn conversation(id: &ConversationId) -> Vec<u8> {
    key(b'c', &[], id.as_str())
}

/// The key of the work on a conversation.
pub(super) fn work(id: &ConversationId) -> Vec<u8> {
    key(b'w', &[], id.as_str())
}

/// Prefix of the emergencies that are not over.
pub(super) const EMERGENCIES: &[u8] = b"x";

/// Prefix of the emergencies of a user that are not over.
pub(super) fn emergencies(creator: &UserId) -> Vec<u8> {
    key(b'x', &[creator.as_str()], "")
}

/// The key of an emergency that is not over.
pub(super) fn emergency(creator: &UserId, conversation: &ConversationId) -> Vec<u8> {
    key(b'x', &[creator.as_str()], conversation.as_str())
}

/// The conversation of a key of [`emergency`].
pub(super) fn emergency_conversation(key: &[u8]) -> Option<ConversationId> {
    let stop = key.iter().position(|byte| *byte == STOP)?;
    text(&key[stop + 1..])
}

/// The key of the order of a message.
pub(super) fn order(conversation: &ConversationId, seq: u64) -> Vec<u8> {
    let mut key = key(b'o', &[conversation.as_str()], "");
    key.extend(seq.to_be_bytes());
    key
}

/// Prefix of the orders that wait for an answer, the ones due first in front.
pub(super) const OPEN_ORDERS: &[u8] = b"t";

/// The key of an order that waits for an answer.
pub(super) fn open_order(OrderPlace { due, conversation, seq }: &OrderPlace) -> Vec<u8> {
    let mut key = OPEN_ORDERS.to_vec();
    key.extend(ordered(due.as_millis()));
    key.extend(seq.to_be_bytes());
    key.extend(conversation.as_str().as_bytes());
    key
}

/// The place in a key of [`open_order`].
pub(super) fn split_open_order(key: &[u8]) -> Option<OrderPlace> {
    let (due, rest) = key.strip_prefix(OPEN_ORDERS)?.split_first_chunk()?;
    let (seq, conversation) = rest.split_first_chunk()?;
    let due = Timestamp::from_millis((u64::from_be_bytes(*due) ^ (1 << 63)).cast_signed());
    Some(OrderPlace { due, seq: u64::from_be_bytes(*seq), conversation: text(conversation)? })
}

/// The bytes of a number, with the first bit turned over, so that negative numbers come first.
fn ordered(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes()
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

/// Prefix of the users with a standing in a conversation.
pub(super) fn members(conversation: &ConversationId) -> Vec<u8> {
    key(b'p', &[conversation.as_str()], "")
}

/// The key of a user's standing in a conversation.
pub(super) fn member(conversation: &ConversationId, user: &UserId) -> Vec<u8> {
    key(b'p', &[conversation.as_str()], user.as_str())
}

/// Prefix of an owner's conversations by activity.
pub(super) fn activities(owner: &Owner) -> Vec<u8> {
    let (tag, id) = match owner {
        Owner::User(user) => (b'u', user.as_str()),
        Owner::Team(team) => (b't', team.as_str()),
    };
    let mut key = key(b'a', &[id], "");
    key.insert(1, tag);
    key
}

/// Prefix of an owner's conversations with their newest message in this block. Older blocks
/// follow.
pub(super) fn activities_in(owner: &Owner, block: Block) -> Vec<u8> {
    let mut key = activities(owner);
    key.extend(block.0.to_be_bytes());
    key
}

/// The key of an owner's conversation by activity.
pub(super) fn activity(owner: &Owner, block: Block, conversation: &ConversationId) -> Vec<u8> {
    let mut key = activities_in(owner, block);
    key.extend(conversation.as_str().as_bytes());
    key
}

/// Block and conversation of a key of [`activity`], without the prefix of [`activities`].
pub(super) fn split_activity(rest: &[u8]) -> Option<(Block, ConversationId)> {
    let (block, conversation) = rest.split_first_chunk()?;
    Some((Block(u32::from_be_bytes(*block)), text(conversation)?))
}

/// The owner of a list of conversations by work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WorkOwner<'a> {
    /// A team.
    Team(&'a TeamId),
    /// A user who takes part by name while in control.
    User(&'a UserId),
    /// The assignee.
    Assignee(&'a UserId),
}

/// Prefix of an owner's conversations with open or resolved work, by rank.
pub(super) fn works(owner: WorkOwner<'_>, is_open: bool) -> Vec<u8> {
    let (tag, id) = match owner {
        WorkOwner::Team(team) => (b't', team.as_str()),
        WorkOwner::User(user) => (b'u', user.as_str()),
        WorkOwner::Assignee(user) => (b'a', user.as_str()),
    };
    let mut key = key(b'q', &[id], "");
    key.insert(1, tag);
    key.push(if is_open { b'o' } else { b'r' });
    key
}

/// Prefix of an owner's conversations with work of this rank. Higher ranks follow.
pub(super) fn works_at(owner: WorkOwner<'_>, is_open: bool, rank: i64) -> Vec<u8> {
    let mut key = works(owner, is_open);
    key.extend(ordered(rank));
    key
}

/// The key of an owner's conversation by work.
pub(super) fn work_at(owner: WorkOwner<'_>, is_open: bool, WorkPlace { rank, id }: &WorkPlace) -> Vec<u8> {
    let mut key = works_at(owner, is_open, *rank);
    key.extend(id.as_str().as_bytes());
    key
}

/// The place in a key of [`work_at`], without the prefix of [`works`].
pub(super) fn split_work(rest: &[u8]) -> Option<WorkPlace> {
    let (rank, id) = rest.split_first_chunk()?;
    Some(WorkPlace { rank: (u64::from_be_bytes(*rank) ^ (1 << 63)).cast_signed(), id: text(id)? })
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
    fn blocks_count_down() {
        let block = |position| Block::of(Position(position));
        assert!(block(65_536) < block(65_535));
        assert_eq!(block(0), block(65_535));
        assert!(block(u64::MAX) < block(0));
        assert_eq!(block(200_000).first(), Position(196_608));
    }

    #[test]
    fn works_are_ordered_by_rank_and_id() {
        let team = TeamId::from("blue");
        let owner = WorkOwner::Team(&team);
        let places = [(i64::MIN, "b"), (-1, "a"), (0, "a"), (0, "b"), (7, "a"), (i64::MAX, "")];
        let places = places.map(|(rank, id)| WorkPlace { rank, id: id.into() });
        let keys = places.each_ref().map(|place| work_at(owner, true, place));
        assert!(keys.is_sorted());
        let prefix = works(owner, true);
        let split = keys.each_ref().map(|key| split_work(&key[prefix.len()..]));
        assert_eq!(split, places.map(Some));
        assert!(!work_at(owner, false, &WorkPlace { rank: 0, id: "a".into() }).starts_with(&prefix));
    }

    #[test]
    fn open_orders_are_ordered_by_their_end_and_place() {
        let places = [(-1, 9, "b"), (0, 2, "ab"), (0, 300, "a"), (0, 300, "ab"), (7, 1, "")];
        let places = places.map(|(due, seq, id)| OrderPlace {
            due: Timestamp::from_millis(due),
            seq,
            conversation: id.into(),
        });
        assert!(places.is_sorted());
        let keys = places.each_ref().map(open_order);
        assert!(keys.is_sorted());
        assert_eq!(keys.each_ref().map(|key| split_open_order(key)), places.map(Some));
    }

    #[test]
    fn ids_of_any_content_stay_apart() {
        let user = |id: &str| UserId::from(id);
        let conversation = |id: &str| ConversationId::from(id);
        let read = |a: &str, b: &str| read_position(&user(a), &conversation(b));
        assert_ne!(read("a", "bc"), read("ab", "c"));
        assert!(!message(&conversation("ab"), 1).starts_with(&messages(&conversation("a"))));
        let owner = Owner::User(user("a\u{0}ÿ"));
        let key = activity(&owner, Block(7), &conversation("ÿ"));
        let rest = key.strip_prefix(&activities(&owner)[..]).unwrap();
        assert_eq!(split_activity(rest), Some((Block(7), conversation("ÿ"))));
        assert_ne!(activities(&Owner::User(user("x"))), activities(&Owner::Team("x".into())));
    }
}
