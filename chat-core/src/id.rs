//! Ids of users, conversations and messages, and ids chosen by clients.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::LONGEST_CLAIM;
use crate::shared_text;
use crate::store::{OrderPlace, Position, WorkPlace};
use crate::time::Timestamp;

/// Defines a newtype over a shared string: cheap to clone, ordered, and distinct from every other
/// id.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(#[serde(deserialize_with = "shared_text::deserialize")] Arc<str>);

        impl $name {
            /// The id as a string.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<Arc<str>>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// The id of a user: the claim `sub` of the user's token.
    UserId
}
id! {
    /// The id of a conversation: `conv_…`, unguessable.
    ConversationId
}
id! {
    /// The id of a message: `msg_…`, unguessable, and containing its `seq` (see
    /// [`MessageId::compose`]).
    MessageId
}
id! {
    /// The name of a team: a set of users who answer for conversations together.
    ///
    /// At most [`BYTES_MOST`](Self::BYTES_MOST) bytes. The engine refuses longer names.
    TeamId
}

impl TeamId {
    /// The limit of a name's length, in bytes. Every store must take names of this length.
    pub const BYTES_MOST: usize = 40;
}

id! {
    /// An idempotency key chosen by the client: a repeated request with the same id is not carried
    /// out twice.
    ///
    /// At most 64 characters. The scope is the user, over all devices and conversations.
    ClientMessageId
}

id! {
    /// The end of a page of a list. Opaque to clients. That of a list of conversations has at most
    /// 64 characters.
    Cursor
}

impl Cursor {
    /// The cursor behind a conversation whose newest message stands at this position of the store.
    ///
    /// The first letter names the order of the list.
    pub fn compose(position: Position) -> Self {
        format!("p{}", position.0).into()
    }

    /// The position named by the cursor, or `None` if not made by [`compose`](Self::compose).
    pub fn position(&self) -> Option<Position> {
        let position = Position(self.0.strip_prefix('p')?.parse().ok()?);
        (Self::compose(position) == *self).then_some(position)
    }

    /// The cursor behind a conversation in a list by work.
    pub fn behind_work(WorkPlace { rank, id }: &WorkPlace) -> Self {
        format!("w{rank}.{id}").into()
    }

    /// The place named by the cursor, or `None` if not made by [`behind_work`](Self::behind_work).
    pub fn work_place(&self) -> Option<WorkPlace> {
        let (rank, id) = self.0.strip_prefix('w')?.split_once('.')?;
        let place = WorkPlace { rank: rank.parse().ok()?, id: id.into() };
        (Self::behind_work(&place) == *self).then_some(place)
    }

    /// The cursor behind an order in a list of open orders.
    pub fn behind_order(OrderPlace { due, conversation, seq }: &OrderPlace) -> Self {
        format!("o{}.{seq}.{conversation}", due.as_millis()).into()
    }

    /// The place named by the cursor, or `None` if not made by [`behind_order`](Self::behind_order).
    pub fn order_place(&self) -> Option<OrderPlace> {
        let mut parts = self.0.strip_prefix('o')?.splitn(3, '.');
        let due = Timestamp::from_millis(parts.next()?.parse().ok()?);
        let seq = parts.next()?.parse().ok()?;
        let place = OrderPlace { due, conversation: parts.next()?.into(), seq };
        (Self::behind_order(&place) == *self).then_some(place)
    }

    /// The cursor behind a user in a list of people.
    pub fn behind(user: &UserId) -> Self {
        format!("u{user}").into()
    }

    /// The user named by the cursor, or `None` if not made by [`behind`](Self::behind).
    pub fn user(&self) -> Option<UserId> {
        let user = self.0.strip_prefix('u').filter(|user| (1..=LONGEST_CLAIM).contains(&user.len()))?;
        Some(user.into())
    }
}

/// The number of random bytes in an id. 80 bits can't be guessed, and make 16 characters of base
/// 32.
pub const NONCE_BYTES: usize = 10;

/// The unguessable part of an id, derived from the engine's seed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce(pub [u8; NONCE_BYTES]);

/// Crockford's base 32 in lower case, without `i`, `l`, `o` and `u`, which are easily misread over
/// a radio.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The number of characters of a nonce.
const NONCE_DIGITS: usize = NONCE_BYTES * 8 / 5;

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; NONCE_DIGITS];
        for (eight, five) in digits.chunks_exact_mut(8).zip(self.0.chunks_exact(5)) {
            let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            let places = (0..8).rev().map(|i| (bits >> (5 * i) & 31) as usize);
            eight.iter_mut().zip(places).for_each(|(digit, place)| *digit = ALPHABET[place]);
        }
        f.write_str(str::from_utf8(&digits).expect("the alphabet is ASCII"))
    }
}

/// The beginning of the id of notes. No other conversation has such an id.
const NOTES: &str = "notes_";

impl ConversationId {
    /// The id of the conversation created with this nonce.
    pub fn compose(nonce: Nonce) -> Self {
        compose(format_args!("conv_{nonce}")).into()
    }

    /// The id of the conversation of notes beside this one.
    #[must_use]
    pub fn notes(&self) -> Self {
        format!("{NOTES}{}", self.0).into()
    }

    /// Whether the conversation consists of notes beside another one.
    pub fn is_notes(&self) -> bool {
        self.0.starts_with(NOTES)
    }

    /// The id of the conversation that the notes belong to, or of the conversation itself.
    pub fn main(&self) -> &str {
        self.0.strip_prefix(NOTES).unwrap_or(&self.0)
    }

    /// The same as an id.
    #[must_use]
    pub fn to_main(&self) -> Self {
        if self.is_notes() { self.main().into() } else { self.clone() }
    }

    /// Whether the id has the form of those made by [`compose`](Self::compose) and
    /// [`notes`](Self::notes). Another one names no conversation, and may be any text.
    pub fn is_well_formed(&self) -> bool {
        let digits = self.main().strip_prefix("conv_").map(str::as_bytes);
        digits
            .is_some_and(|digits| digits.len() == NONCE_DIGITS && digits.iter().all(|d| ALPHABET.contains(d)))
    }
}

impl MessageId {
    /// The id of message `seq` sent with this nonce.
    ///
    /// The number comes from the store and the nonce from the engine, so neither needs to ask the
    /// other, and no index of message ids is needed.
    pub fn compose(nonce: Nonce, seq: u64) -> Self {
        compose(format_args!("msg_{nonce}{seq}")).into()
    }

    /// The `seq` claimed by the id, or `None` if not made by [`compose`](Self::compose).
    ///
    /// Check the claim against the message that really has this number.
    pub fn seq(&self) -> Option<u64> {
        let digits = self.0.strip_prefix("msg_")?.get(NONCE_DIGITS..)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    }
}

/// Formats an id in a single allocation.
fn compose(id: fmt::Arguments<'_>) -> String {
    let mut text = String::with_capacity(NONCE_DIGITS + 16);
    fmt::Write::write_fmt(&mut text, id).expect("a string takes all that is written to it");
    text
}

/// The identity of one history of numbers, made when a store is created or restored from a backup.
///
/// A `seq` of another epoch means nothing.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(Arc<str>);

impl Epoch {
    /// The epoch as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for Epoch {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_gives_back_its_seq() {
        let id = MessageId::compose(Nonce([255; NONCE_BYTES]), 1_234);
        assert_eq!(id.as_str(), "msg_zzzzzzzzzzzzzzzz1234");
        assert_eq!(id.seq(), Some(1_234));
    }

    #[test]
    fn a_text_is_no_id_of_a_conversation() {
        let id = ConversationId::compose(Nonce([7; NONCE_BYTES]));
        assert!(id.is_well_formed() && id.notes().is_well_formed());
        for foreign in ["", "conv_", "conv_zzzzzzzzzzzzzzz", "conv_zzzzzzzzzzzzzzzzz", "conv_Where do I go ?"]
        {
            assert!(!ConversationId::from(foreign).is_well_formed(), "{foreign}");
        }
    }

    #[test]
    fn the_id_of_notes_names_the_conversation() {
        let (id, notes) = (ConversationId::from("conv_1"), ConversationId::from("conv_1").notes());
        assert!(notes.is_notes() && !id.is_notes());
        assert_eq!((id.main(), notes.main()), ("conv_1", "conv_1"));
        assert_eq!([id.to_main(), notes.to_main()], [id.clone(), id]);
    }

    #[test]
    fn a_cursor_gives_back_its_position() {
        for position in [0, 5, u64::MAX].map(Position) {
            assert_eq!(Cursor::compose(position).position(), Some(position));
        }
        let foreign = ["", "p", "5", "p+5", "p05", "p-5", "p5.conv_1", "t5.conv_1", "p99999999999999999999"];
        foreign.iter().for_each(|text| assert_eq!(Cursor::from(*text).position(), None, "{text}"));
    }

    #[test]
    fn a_cursor_gives_back_its_place_by_work() {
        for (rank, id) in [(0, "conv_1"), (i64::MIN, ""), (i64::MAX, "a.b")] {
            let place = WorkPlace { rank, id: id.into() };
            assert_eq!(Cursor::behind_work(&place).work_place(), Some(place));
        }
        let foreign = ["", "w", "w5", "w+5.a", "w05.a", "p5", "5.a"];
        foreign.iter().for_each(|text| assert_eq!(Cursor::from(*text).work_place(), None, "{text}"));
    }

    #[test]
    fn a_cursor_gives_back_its_place_among_the_orders() {
        for (due, id, seq) in [(0, "conv_1", 1), (i64::MIN, "", 0), (i64::MAX, "a.b", u64::MAX)] {
            let place = OrderPlace { due: Timestamp::from_millis(due), conversation: id.into(), seq };
            assert_eq!(Cursor::behind_order(&place).order_place(), Some(place));
        }
        let foreign = ["", "o", "o5", "o5.6", "o+5.6.a", "o5.06.a", "w5.a", "5.6.a"];
        foreign.iter().for_each(|text| assert_eq!(Cursor::from(*text).order_place(), None, "{text}"));
    }

    #[test]
    fn a_cursor_gives_back_its_user() {
        let longest = "x".repeat(LONGEST_CLAIM);
        for user in ["a", "ué", &longest].map(UserId::from) {
            assert_eq!(Cursor::behind(&user).user(), Some(user));
        }
        let longer = format!("ux{longest}");
        ["", "u", "p5", "a", &longer].iter().for_each(|text| assert_eq!(Cursor::from(*text).user(), None));
    }

    #[test]
    fn a_foreign_message_id_has_no_seq() {
        for foreign in
            ["", "msg_", "msg_456", "conv_zzzzzzzzzzzzzzzz1", "msg_zzzzzzzzzzzzzzzz+1", "msg_ééééééééé"]
        {
            assert_eq!(MessageId::from(foreign).seq(), None, "{foreign}");
        }
    }
}
