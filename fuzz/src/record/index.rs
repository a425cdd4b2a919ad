//! The values and keys of the index, compiled from chat-server's source files, where they are
//! private to the store.

/// The path of the journal's types in the values.
mod write {
    pub(super) mod journal {
        /// The place of a record.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(in super::super) struct Location {
            pub(in super::super) segment: u64,
            pub(in super::super) offset: u32,
        }
    }
}

#[path = "../../../chat-server/src/store/keys.rs"]
#[expect(dead_code, reason = "most of it only writes")]
mod keys;
#[path = "../../../chat-server/src/store/values.rs"]
#[expect(dead_code, reason = "the rest is for who writes")]
mod values;

use chat_core::id::{TeamId, UserId};
use chat_core::store::StoredAccount;

use keys::Owner;
use values::{ContentValue, ConversationValue, MessageValue};

/// Reads the bytes as each kind of value, and as the end of each parsed key.
pub(super) fn read(bytes: &[u8]) {
    if let Some(message) = MessageValue::decode(bytes) {
        read_message(&message);
    }
    for (place, of) in (0..).zip(MessageValue::split(bytes).unwrap_or_default()) {
        let Some(message) = MessageValue::decode(&bytes[of]) else { continue };
        read_message(&message);
        assert_eq!(MessageValue::erase(bytes, place).is_none(), message.content == ContentValue::Erased);
    }
    if let Some(stored) = values::decode_json::<StoredAccount>(bytes) {
        let encoded = values::encode_json(&stored);
        assert_eq!(values::decode_json(&encoded).as_ref(), Some(&stored));
    }
    if let Some(conversation) = values::decode_json::<ConversationValue>(bytes) {
        let encoded = values::encode_json(&conversation);
        assert_eq!(values::decode_json(&encoded).as_ref(), Some(&conversation));
    }
    if let Ok(location) = bytes.try_into() {
        assert_eq!(values::encode_location(values::decode_location(location)), bytes);
    }
    if let Some(number) = values::decode_number(bytes) {
        assert_eq!(number.to_be_bytes(), bytes);
    }
    if let Some((block, conversation)) = keys::split_activity(bytes) {
        for owner in [Owner::User(UserId::from("user")), Owner::Team(TeamId::from("team"))] {
            assert!(keys::activity(&owner, block, &conversation).ends_with(bytes));
        }
    }
    if let Some(seq) = keys::seq(bytes) {
        assert!(bytes.ends_with(&seq.to_be_bytes()));
    }
}

/// A message read alone equals the same message in a run of one.
fn read_message(message: &MessageValue) {
    let mut run = Vec::new();
    message.encode(&mut run);
    let places = MessageValue::split(&run).expect("a run of one is a run");
    let [place] = &places[..] else { panic!("{} messages", places.len()) };
    assert_eq!(MessageValue::decode(&run[place.clone()]).as_ref(), Some(message));
    let id = message.id(7);
    // A nonce without valid text is not ours, and its id differs.
    if id.as_str().as_bytes().get(4..20) == Some(&message.nonce[..]) {
        assert_eq!(MessageValue::nonce(&id), Some(message.nonce));
    }
    let _length = message.content.length();
}
