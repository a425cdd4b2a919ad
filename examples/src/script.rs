//! The conversation in each program.

use chat_core::drive::Frame;
use chat_core::protocol::{
    CreateSupportConversation, CreateSupportConversationReply, Done, GetActiveConversations,
    GetActiveConversationsReply, MarkMessageRead, MessageRead, NewMessage, NewSupportConversation, Request,
    SendChatMessage, SendChatMessageReply,
};
use futures::{Sink, Stream};

use crate::{Error, Peer};

/// A driver asks for help, a control officer answers, the driver reads.
///
/// # Errors
///
/// A transport failed, or a peer received an unexpected frame.
pub async fn play<T, E>(driver: &mut Peer<T>, control: &mut Peer<T>) -> Result<(), Error>
where
    T: Stream<Item = Result<Frame, E>> + Sink<Frame, Error = E> + Unpin,
    E: std::error::Error + Send + Sync + 'static,
{
    // After its first reply, control is connected and will hear the driver's request.
    control.say(Request::GetActiveConversations(GetActiveConversations::default())).await?;
    control.hear::<GetActiveConversationsReply>().await?;

    driver.say(detour()).await?;
    driver.hear::<CreateSupportConversationReply>().await?;
    driver.hear::<NewMessage>().await?;
    control.hear::<NewSupportConversation>().await?;
    let question: NewMessage = control.hear().await?;

    control.say(answer(&question)).await?;
    control.hear::<SendChatMessageReply>().await?;
    control.hear::<NewMessage>().await?;
    let answer: NewMessage = driver.hear().await?;

    driver.say(read(&answer)).await?;
    driver.hear::<Done>().await?;
    control.hear::<MessageRead>().await?;
    Ok(())
}

fn detour() -> Request {
    Request::CreateSupportConversation(CreateSupportConversation {
        title: "Route Change Request".into(),
        content: "The road is closed. Which way shall I go?".into(),
        room_type: None,
        client_message_id: None,
    })
}

fn answer(question: &NewMessage) -> Request {
    Request::SendChatMessage(SendChatMessage {
        answers: None,
        answer_within_ms: None,
        conversation_id: question.conversation_id.clone(),
        content: "By the bridge, please.".into(),
        client_message_id: None,
    })
}

fn read(message: &NewMessage) -> Request {
    Request::MarkMessageRead(MarkMessageRead {
        conversation_id: message.conversation_id.clone(),
        message_id: message.message.id.clone(),
    })
}
