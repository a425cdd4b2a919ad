//! Queries of the embedder, for screens of its own.

use futures::channel::oneshot;

use super::handle::Handle;
use super::message::ServiceMessage;
use super::{QueryError, StoppedError};
use crate::conversation::Conversation;
use crate::id::{ConversationId, UserId};
use crate::store::{Account, Facts, MessagePage, Query, UnavailableError, Window};

/// Reads from the store, without any check of permissions.
///
/// Everything acknowledged before the call is in the answer. The number of queries in flight is
/// bounded by the embedder, which awaits each. For other queries, keep an
/// [`Arc`](std::sync::Arc) of the store, which is a store too.
impl Handle {
    /// Returns the account of a user, if known.
    ///
    /// # Errors
    ///
    /// The store is unavailable, or the engine has stopped.
    pub async fn account(&self, user: UserId) -> Result<Option<Account>, QueryError> {
        match self.load(Query::Account(user)).await? {
            Facts::Account(known) => Ok(known.map(|known| known.account)),
            _ => Err(other_facts()),
        }
    }

    /// Returns a conversation, if there is one with this id.
    ///
    /// # Errors
    ///
    /// The store is unavailable, or the engine has stopped.
    pub async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>, QueryError> {
        match self.load(Query::Conversation(id)).await? {
            Facts::Conversation(conversation) => Ok(conversation),
            _ => Err(other_facts()),
        }
    }

    /// Returns a page of a conversation's messages, oldest first. The page has at most `limit`
    /// messages, and never more than a client's: see
    /// [`messages_most`](crate::limits::PageLimits::messages_most).
    ///
    /// # Errors
    ///
    /// The store is unavailable, or the engine has stopped.
    pub async fn messages(
        &self,
        conversation: ConversationId,
        window: Window,
        limit: u32,
    ) -> Result<MessagePage, QueryError> {
        let limit = limit.min(self.messages_most);
        match self
            .load(Query::Messages { conversation, window, limit, bytes: usize::MAX, with_positions: false })
            .await?
        {
            Facts::Messages(page) => Ok(page),
            _ => Err(other_facts()),
        }
    }

    async fn load(&self, query: Query) -> Result<Facts, QueryError> {
        let (answer, is_answered) = oneshot::channel();
        self.send(ServiceMessage::Load { query, answer }).await?;
        Ok(is_answered.await.map_err(|_| StoppedError)??.facts)
    }
}

fn other_facts() -> QueryError {
    UnavailableError::new("the facts answer another query").into()
}
