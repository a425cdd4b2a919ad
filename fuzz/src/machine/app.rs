//! The actions of an app on a client.

use arbitrary::{Result, Unstructured};
use chat_client::machine::{Call, CallId, Input, ViewId};
use chat_client::outbox::{Draft, Entry};
use chat_core::id::ConversationId;
use chat_core::protocol::{
    AddNote, AnswerMessage, EmergencyReason, EndEmergency, EventType, GetActiveConversations,
    GetConversationMessages, GetOpenOrders, GetPeople, GetPhrases, JoinConversation, JoinSupportRoom,
    MarkMessageRead, ReleaseConversation, ReopenConversation, ResolveConversation, RoomType,
    StartConversation, TakeConversation, TransferConversation, TypingIndicator, WithdrawEmergency,
    WithdrawOrder,
};
use chat_core::time::Timestamp;

/// The conversations known to app and server.
pub(super) const CONVERSATIONS: [&str; 5] = ["conv_a", "conv_b", "conv_c", "conv_d", "conv_e"];

/// Rising numbers, none used twice.
#[derive(Default)]
pub(super) struct App {
    calls: u64,
    views: u64,
    is_closed: bool,
}

impl App {
    /// Draws the outbox at the start, without duplicates.
    pub(super) fn restored(bytes: &mut Unstructured<'_>) -> Result<Vec<Entry>> {
        let count = bytes.int_in_range(0..=3_u8)?;
        (0..count)
            .map(|n| Ok(Entry { client_message_id: format!("earlier-{n}").into(), ..entry(bytes)? }))
            .collect()
    }

    /// Draws an action of the app, if one of the drawn kind is possible.
    pub(super) fn input(&mut self, bytes: &mut Unstructured<'_>) -> Result<Option<Input>> {
        Ok(Some(match bytes.int_in_range(0..=31_u8)? {
            0..=7 => {
                self.calls += 1;
                Input::Call { id: CallId(self.calls), call: call(bytes)? }
            }
            8..=15 => Input::Post(entry(bytes)?),
            16..=19 => Input::Typing { conversation_id: conversation(bytes)?, is_typing: bytes.arbitrary()? },
            20..=23 => {
                self.views += 1;
                Input::OpenView { view: ViewId(self.views), conversation_id: conversation(bytes)? }
            }
            24 => Input::ReloadView(ViewId(bytes.int_in_range(0..=self.views)?)),
            25 => Input::CloseView(ViewId(bytes.int_in_range(0..=self.views)?)),
            26..=27 => Input::NetworkIsBack,
            28 => Input::Background(bytes.arbitrary()?),
            29..=30 => Input::Resume,
            // The client is always closed at the end, and seldom before.
            _ if bytes.int_in_range(0..=7_u8)? == 0 && !self.is_closed => {
                self.is_closed = true;
                Input::Close
            }
            _ => return Ok(None),
        }))
    }
}

pub(super) fn conversation(bytes: &mut Unstructured<'_>) -> Result<ConversationId> {
    bytes.choose(&CONVERSATIONS).map(|id| ConversationId::from(*id))
}

fn call(bytes: &mut Unstructured<'_>) -> Result<Call> {
    let positive = |bytes: &mut Unstructured<'_>| bytes.int_in_range(1..=120_i64).map(Some);
    let calls = EventType::ALL.iter().filter(|event| !is_by_itself(**event)).collect::<Vec<_>>();
    Ok(match bytes.choose(&calls)? {
        EventType::GetActiveConversations => Call::GetActiveConversations(GetActiveConversations {
            limit: positive(bytes)?,
            ..Default::default()
        }),
        EventType::JoinConversation => Call::JoinConversation(JoinConversation {
            conversation_id: conversation(bytes)?,
            after_seq: None,
            epoch: None,
        }),
        EventType::JoinSupportRoom => {
            Call::JoinSupportRoom(JoinSupportRoom { room_type: *bytes.choose(&RoomType::ALL)? })
        }
        EventType::TypingIndicator => Call::TypingIndicator(TypingIndicator {
            conversation_id: conversation(bytes)?,
            is_typing: bytes.arbitrary()?,
        }),
        EventType::GetConversationMessages => Call::GetConversationMessages(GetConversationMessages {
            conversation_id: conversation(bytes)?,
            limit: positive(bytes)?,
            skip: None,
            before_seq: None,
            after_seq: None,
        }),
        EventType::MarkMessageRead => Call::MarkMessageRead(MarkMessageRead {
            conversation_id: conversation(bytes)?,
            message_id: format!("msg_0123456789abcdef{}", bytes.arbitrary::<u8>()?).into(),
        }),
        EventType::TakeConversation => Call::TakeConversation(TakeConversation {
            conversation_id: conversation(bytes)?,
            version: bytes.arbitrary()?,
            client_message_id: Some("take".into()),
        }),
        EventType::ReleaseConversation => Call::ReleaseConversation(ReleaseConversation {
            conversation_id: conversation(bytes)?,
            version: bytes.arbitrary()?,
            client_message_id: None,
        }),
        EventType::TransferConversation => Call::TransferConversation(TransferConversation {
            conversation_id: conversation(bytes)?,
            version: bytes.arbitrary()?,
            to: "control_2".into(),
            client_message_id: None,
        }),
        EventType::ResolveConversation => Call::ResolveConversation(ResolveConversation {
            conversation_id: conversation(bytes)?,
            version: bytes.arbitrary()?,
            client_message_id: None,
        }),
        EventType::ReopenConversation => Call::ReopenConversation(ReopenConversation {
            conversation_id: conversation(bytes)?,
            version: bytes.arbitrary()?,
            client_message_id: None,
        }),
        EventType::EndEmergency => Call::EndEmergency(EndEmergency {
            conversation_id: conversation(bytes)?,
            version: bytes.arbitrary()?,
            reason: EmergencyReason::Solved,
            client_message_id: Some("end".into()),
        }),
        EventType::WithdrawEmergency => Call::WithdrawEmergency(WithdrawEmergency {
            conversation_id: conversation(bytes)?,
            version: bytes.arbitrary()?,
            client_message_id: Some("withdraw".into()),
        }),
        EventType::AnswerMessage => Call::AnswerMessage(AnswerMessage {
            conversation_id: conversation(bytes)?,
            message_id: "msg_0123456789abcdef1".into(),
            answer: bytes.arbitrary()?,
            client_message_id: Some("answer".into()),
        }),
        EventType::WithdrawOrder => Call::WithdrawOrder(WithdrawOrder {
            conversation_id: conversation(bytes)?,
            message_id: "msg_0123456789abcdef1".into(),
            client_message_id: Some("withdraw order".into()),
        }),
        EventType::GetOpenOrders => Call::GetOpenOrders(GetOpenOrders::default()),
        EventType::AddNote => Call::AddNote(AddNote {
            conversation_id: conversation(bytes)?,
            content: "A note".into(),
            client_message_id: Some("note".into()),
        }),
        EventType::StartConversation => Call::StartConversation(StartConversation {
            to: vec!["driver_1".into()],
            title: "Detour".into(),
            content: "Hello".into(),
            client_message_id: Some("start".into()),
        }),
        EventType::GetPeople => Call::GetPeople(GetPeople::default()),
        EventType::GetPhrases => Call::GetPhrases(GetPhrases::default()),
        EventType::SendChatMessage | EventType::CreateSupportConversation | EventType::RefreshToken => {
            unreachable!("these are sent by themselves")
        }
    })
}

/// Whether the client sends a request by itself: for a draft, or for a new token.
fn is_by_itself(event: EventType) -> bool {
    matches!(
        event,
        EventType::SendChatMessage | EventType::CreateSupportConversation | EventType::RefreshToken
    )
}

fn entry(bytes: &mut Unstructured<'_>) -> Result<Entry> {
    let content = match bytes.int_in_range(0..=15_u8)? {
        0 => "Road closed".repeat(100).into(),
        _ => "Road closed".into(),
    };
    let draft = match bytes.int_in_range(0..=3_u8)? {
        0 => Draft::CreateSupportConversation { title: "Help".into(), content, room_type: None },
        _ => Draft::SendChatMessage { conversation_id: conversation(bytes)?, content },
    };
    let minutes = bytes.int_in_range(0..=20_i64)?;
    // A time near the machine's start.
    let not_after = (minutes > 10).then(|| Timestamp::from_millis(1_705_314_000_000 + minutes * 60_000));
    Ok(Entry {
        client_message_id: format!("draft-{}", bytes.int_in_range(0..=9_u8)?).into(),
        draft,
        not_after,
    })
}
