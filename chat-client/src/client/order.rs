//! Methods for orders: messages that must be answered.

use std::sync::Arc;
use std::time::Duration;

use chat_core::id::{ConversationId, MessageId};
use chat_core::protocol::{
    AnswerMessage, GetOpenOrders, GetOpenOrdersReply, OrderReply, SendChatMessage, SendChatMessageReply,
    WithdrawOrder,
};

use super::ChatClient;
use crate::error::Error;

impl ChatClient {
    /// Sends a message that must be answered: from control by each user in the field who takes part
    /// by name, and from field staff by somebody in control. `answers` are 1 to 4 texts of at most
    /// 40 characters. `within` is 10 s to 24 h, and by default 5 minutes.
    ///
    /// An order is not kept in the outbox, because an old order may harm. Its time begins when the
    /// server has it.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `order_not_possible` if nobody would have to answer, or more
    /// than 20 users; as `too_many_orders` if 20 orders of the conversation are open; as
    /// `conversation_not_found` if the user takes no part in the conversation; as
    /// `invalid_parameter` if a value is out of range. See [`Error`] for the others.
    pub async fn send_order(
        &self,
        conversation_id: impl Into<ConversationId>,
        content: impl Into<Arc<str>>,
        answers: Vec<Arc<str>>,
        within: Option<Duration>,
    ) -> Result<SendChatMessageReply, Error> {
        let (conversation_id, content) = (conversation_id.into(), content.into());
        let milliseconds = |within: Duration| i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
        let (answers, answer_within_ms) = (Some(answers), within.map(milliseconds));
        let client_message_id = self.client_message_id();
        let request =
            SendChatMessage { conversation_id, content, answers, answer_within_ms, client_message_id };
        self.call(request).await
    }

    /// Answers an order. `answer` is the place of the answer in the order's `answers`, counted from
    /// 0. An answer after the end of the order is recorded as late.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `already_answered` if the user has answered before, or a
    /// colleague in control, with the order as it is; as `forbidden` if the user was not asked; as
    /// `message_not_found` or `invalid_parameter` if there is no such order or answer; as
    /// `conversation_not_found` if the user takes no part in the conversation. See [`Error`] for
    /// the others.
    pub async fn answer_message(
        &self,
        conversation_id: impl Into<ConversationId>,
        message_id: impl Into<MessageId>,
        answer: u32,
    ) -> Result<OrderReply, Error> {
        let (conversation_id, message_id) = (conversation_id.into(), message_id.into());
        let client_message_id = self.client_message_id();
        self.call(AnswerMessage { conversation_id, message_id, answer, client_message_id }).await
    }

    /// Withdraws an own order that somebody has not answered yet.
    ///
    /// # Errors
    ///
    /// As for [`answer_message`](Self::answer_message). [`Refused`](Error::Refused) as `conflict` if
    /// the order is over for everybody, with the order as it is, and as `forbidden` if the order is
    /// another user's.
    pub async fn withdraw_order(
        &self,
        conversation_id: impl Into<ConversationId>,
        message_id: impl Into<MessageId>,
    ) -> Result<OrderReply, Error> {
        let (conversation_id, message_id) = (conversation_id.into(), message_id.into());
        let client_message_id = self.client_message_id();
        self.call(WithdrawOrder { conversation_id, message_id, client_message_id }).await
    }

    /// Gets a page of the open orders: those that wait for the user's answer, and for control all
    /// orders of its conversations, the ones due first in front. A page may be short though more
    /// follow: go on by its `next_cursor`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn get_open_orders(&self, request: GetOpenOrders) -> Result<GetOpenOrdersReply, Error> {
        self.call(request).await
    }
}
