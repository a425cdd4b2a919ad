//! Requests that a client encodes are decoded to the same value, and no bytes make decoding panic.

use std::sync::Arc;

use chat_core::id::{ClientMessageId, ConversationId, Cursor};
use chat_core::limits::FieldLimits;
use chat_core::protocol::{
    AddNote, AnswerMessage, CreateSupportConversation, EmergencyReason, EndEmergency, EventType,
    GetActiveConversations, GetConversationMessages, GetOpenOrders, GetPeople, GetPhrases, JoinConversation,
    JoinSupportRoom, MarkMessageRead, ParticipantList, RefreshToken, ReleaseConversation, ReopenConversation,
    Request, RequestId, ResolveConversation, Role, RoomType, SendChatMessage, StartConversation,
    TakeConversation, TransferConversation, TypingIndicator, Undecodable, WithdrawEmergency, WithdrawOrder,
    WorkList,
};
use chat_core::store::{OrderPlace, Position, WorkPlace};
use chat_core::time::Timestamp;
use proptest::prelude::*;

fn decode(frame: &[u8]) -> Result<(Option<RequestId>, Request), Undecodable> {
    Request::decode(frame, &FieldLimits::default())
}

#[test]
fn markup_and_control_characters_come_back_exactly() {
    for content in [
        "<b onclick=\"x()\">&amp;</b>",
        "\0\u{1}\u{8}\u{1b}[31m\u{7f}\u{9f}",
        "a\r\nb\tc\u{2028}\u{2029}",
        "\\ \\\\ \\u0041 \" ' / \u{202e}",
        " leading and trailing ",
        "e\u{301} é 👩‍👩‍👧‍👦 \u{fffd}\u{10ffff}",
    ] {
        let data = SendChatMessage {
            conversation_id: "c".into(),
            content: content.into(),
            answers: None,
            answer_within_ms: None,
            client_message_id: None,
        };
        let request = Request::SendChatMessage(data);
        assert_eq!(decode(&request.encode(None)).unwrap(), (None, request), "{content:?}");
    }
}

/// Any text that is a good content.
fn content() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("not blank", |text| !text.trim().is_empty())
}

fn request_id() -> impl Strategy<Value = Option<RequestId>> {
    prop::option::of(prop_oneof![
        (-RequestId::MAX_NUMBER..=RequestId::MAX_NUMBER).prop_map(RequestId::Number),
        prop::collection::vec(any::<char>(), 0..=64)
            .prop_map(|chars| RequestId::Text(chars.into_iter().collect::<String>().into())),
    ])
}

/// Any valid request.
fn request() -> impl Strategy<Value = Request> {
    prop::sample::select(EventType::ALL).prop_flat_map(request_of)
}

/// Any valid request of this kind.
fn request_of(event: EventType) -> BoxedStrategy<Request> {
    let text = any::<String>;
    let key = || prop::option::of(prop::collection::vec(any::<char>(), 1..=64).prop_map(String::from_iter));
    match event {
        EventType::SendChatMessage => (text(), content(), key(), prop::option::of(terms()))
            .prop_map(|(conversation, content, key, terms)| SendChatMessage {
                conversation_id: conversation.into(),
                content: content.into(),
                answer_within_ms: terms.as_ref().and_then(|(_, within)| *within),
                answers: terms.map(|(answers, _)| answers),
                client_message_id: key.map(Into::into),
            })
            .prop_map_into()
            .boxed(),
        EventType::CreateSupportConversation => (content(), content(), key(), 0..=4_usize)
            .prop_map(|(title, content, key, room)| CreateSupportConversation {
                title: title.into(),
                content: content.into(),
                room_type: RoomType::ALL.get(room).copied(),
                client_message_id: key.map(Into::into),
            })
            .prop_map_into()
            .boxed(),
        EventType::GetActiveConversations => list().prop_map_into().boxed(),
        EventType::JoinConversation => (text(), any::<Option<u64>>(), prop::option::of(text()))
            .prop_map(|(conversation, after_seq, epoch)| JoinConversation {
                conversation_id: conversation.into(),
                after_seq,
                epoch: epoch.map(Into::into),
            })
            .prop_map_into()
            .boxed(),
        EventType::JoinSupportRoom => prop::sample::select(&RoomType::ALL[..])
            .prop_map(|room_type| JoinSupportRoom { room_type })
            .prop_map_into()
            .boxed(),
        EventType::TypingIndicator => (text(), any::<bool>())
            .prop_map(|(id, is_typing)| TypingIndicator { conversation_id: id.into(), is_typing })
            .prop_map_into()
            .boxed(),
        EventType::GetConversationMessages => history().prop_map_into().boxed(),
        EventType::MarkMessageRead => (text(), text())
            .prop_map(|(id, message)| MarkMessageRead {
                conversation_id: id.into(),
                message_id: message.into(),
            })
            .prop_map_into()
            .boxed(),
        EventType::RefreshToken => text().prop_map(|token| RefreshToken { token }).prop_map_into().boxed(),
        EventType::TakeConversation => work(|conversation_id, version, client_message_id| {
            TakeConversation { conversation_id, version, client_message_id }.into()
        }),
        EventType::ReleaseConversation => work(|conversation_id, version, client_message_id| {
            ReleaseConversation { conversation_id, version, client_message_id }.into()
        }),
        EventType::TransferConversation => work(|conversation_id, version, client_message_id| {
            let to = conversation_id.as_str().into();
            TransferConversation { conversation_id, version, to, client_message_id }.into()
        }),
        EventType::ResolveConversation => work(|conversation_id, version, client_message_id| {
            ResolveConversation { conversation_id, version, client_message_id }.into()
        }),
        EventType::ReopenConversation => work(|conversation_id, version, client_message_id| {
            ReopenConversation { conversation_id, version, client_message_id }.into()
        }),
        EventType::EndEmergency => work(|conversation_id, version, client_message_id| {
            let reason = EmergencyReason::HandedOver;
            EndEmergency { conversation_id, version, reason, client_message_id }.into()
        }),
        EventType::WithdrawEmergency => work(|conversation_id, version, client_message_id| {
            WithdrawEmergency { conversation_id, version, client_message_id }.into()
        }),
        EventType::AddNote => note().prop_map_into().boxed(),
        EventType::AnswerMessage => work(|conversation_id, number, client_message_id| {
            let (message_id, answer) = (conversation_id.as_str().into(), u32::try_from(number).unwrap_or(0));
            AnswerMessage { conversation_id, message_id, answer, client_message_id }.into()
        }),
        EventType::WithdrawOrder => work(|conversation_id, _, client_message_id| {
            let message_id = conversation_id.as_str().into();
            WithdrawOrder { conversation_id, message_id, client_message_id }.into()
        }),
        EventType::GetOpenOrders => open_orders().prop_map_into().boxed(),
        EventType::StartConversation => {
            (prop::collection::vec(text().prop_map_into(), 1..=20), content(), content(), key())
                .prop_map(|(to, title, content, key)| StartConversation {
                    to,
                    title: title.into(),
                    content: content.into(),
                    client_message_id: key.map(Into::into),
                })
                .prop_map_into()
                .boxed()
        }
        EventType::GetPhrases => prop::option::of("[a-z]{2}(-[A-Z]{2})?")
            .prop_map(|language| GetPhrases { language: language.map(Into::into) }.into())
            .boxed(),
        EventType::GetPeople => people().prop_map_into().boxed(),
    }
}

/// Any valid question for open orders.
fn open_orders() -> impl Strategy<Value = GetOpenOrders> {
    (positive(), any::<Option<u64>>()).prop_map(|(limit, seq)| {
        let place = |seq| OrderPlace { due: Timestamp::default(), conversation: "c".into(), seq };
        GetOpenOrders { cursor: seq.map(|seq| Cursor::behind_order(&place(seq))), limit }
    })
}

/// Any valid question for people.
fn people() -> impl Strategy<Value = GetPeople> {
    (prop::option::of("[a-zé]{1,256}"), 0..=4_usize, positive(), any::<bool>()).prop_map(
        |(find, role, limit, goes_on)| GetPeople {
            find: find.map(Into::into),
            role: Role::ALL.get(role).copied(),
            cursor: goes_on.then(|| Cursor::behind(&"user".into())),
            limit,
        },
    )
}

/// The answers of any valid order, and its time.
fn terms() -> impl Strategy<Value = (Vec<Arc<str>>, Option<i64>)> {
    let answers = prop::collection::btree_set("[a-zé]{1,40}", 1..=4);
    (answers, prop::option::of(10_000..=86_400_000_i64))
        .prop_map(|(answers, within)| (answers.into_iter().map(Arc::from).collect(), within))
}

/// Any valid change of the work.
fn work(request: fn(ConversationId, u64, Option<ClientMessageId>) -> Request) -> BoxedStrategy<Request> {
    let key = prop::option::of("[a-z]{1,64}");
    (any::<String>(), any::<u64>(), key)
        .prop_map(move |(id, version, key)| request(id.into(), version, key.map(Into::into)))
        .boxed()
}

/// Any valid note.
fn note() -> impl Strategy<Value = AddNote> {
    (any::<String>(), content(), prop::option::of("[a-z]{1,64}")).prop_map(|(id, content, key)| AddNote {
        conversation_id: id.into(),
        content: content.into(),
        client_message_id: key.map(Into::into),
    })
}

fn positive() -> impl Strategy<Value = Option<i64>> {
    prop::option::of(1..i64::MAX)
}

fn list() -> impl Strategy<Value = GetActiveConversations> {
    (positive(), positive(), 0..6, any::<bool>()).prop_map(|(limit, place, which, brief)| {
        let at = |wanted| place.filter(|_| which == wanted);
        let cursor = |number: i64| match which {
            5 => Cursor::behind_work(&WorkPlace { rank: number, id: "conv_1".into() }),
            _ => Cursor::compose(Position(number.unsigned_abs())),
        };
        GetActiveConversations {
            limit,
            skip: at(1),
            cursor: at(2).or(at(5)).map(cursor),
            work: (which > 3).then(|| WorkList::ALL[usize::from(brief)]),
            conversation_id: at(3).map(|number| number.to_string().into()),
            participants: brief.then_some(ParticipantList::Brief),
        }
    })
}

fn history() -> impl Strategy<Value = GetConversationMessages> {
    (any::<String>(), positive(), positive(), 0..4).prop_map(|(conversation, limit, place, which)| {
        let at = |wanted| place.filter(|_| which == wanted);
        GetConversationMessages {
            conversation_id: conversation.into(),
            limit,
            skip: at(1),
            before_seq: at(2),
            after_seq: at(3),
        }
    })
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn a_damaged_request_is_decoded_without_panic(
        request in request(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()
    ) {
        let mut bytes = request.encode(None).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut { bytes.truncate(at); }
        let _ = decode(&bytes);
    }

    #[test]
    fn what_is_encoded_is_decoded_again(request in request(), request_id in request_id()) {
        prop_assert_eq!(decode(&request.encode(request_id.as_ref())), Ok((request_id, request)));
    }
}
