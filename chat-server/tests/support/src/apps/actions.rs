//! The actions of a busy user.

use chat_client::Error;
use chat_client::outbox::Draft;
use chat_core::id::{ConversationId, MessageId};
use chat_core::protocol::{ErrorCode, GetConversationMessages};
use tokio::time::Instant;

use super::app::{App, Done, Shown, Written};

/// Conversations that one app creates at most: all lists are to fit one page.
const CREATIONS: usize = 5;

impl App {
    /// Does one thing that users do.
    pub(super) fn act(&mut self) {
        match self.random.below(20) {
            0..10 => self.write(),
            10 => self.create(),
            11 | 12 => self.open_one(),
            13 => self.shut_one(),
            14 | 15 => self.scroll_back(),
            16 | 17 => self.mark_read(),
            18 => self.begin_or_end_typing(),
            _ => self.client.network_is_back(),
        }
    }

    fn write(&mut self) {
        let known = self.badges.keys().chain(self.heard.keys()).cloned();
        if let Some(id) = self.random.one_of(known) {
            self.write_to(&id);
        }
    }

    /// Writes a message.
    pub fn write_to(&mut self, id: &str) {
        let content = self.next_content();
        let draft = Draft::SendChatMessage { conversation_id: id.into(), content: content.as_str().into() };
        self.post(draft, content, Some(id.to_owned()));
    }

    fn create(&mut self) {
        if !self.user.role.is_control() && self.created < CREATIONS {
            self.created += 1;
            let content = self.next_content();
            let (title, text) = ("Road closed".into(), content.as_str().into());
            let draft = Draft::CreateSupportConversation { title, content: text, room_type: None };
            self.post(draft, content, None);
        }
    }

    /// The next content: the user, and the number among this app's messages.
    fn next_content(&mut self) -> String {
        self.wrote += 1;
        format!("{} {:05}", self.name, self.wrote)
    }

    fn post(&mut self, draft: Draft, content: String, conversation: Option<String>) {
        let posted = self.client.post(draft, None);
        self.under_way.push(Box::pin(async move {
            let outcome = posted.await;
            Done::Written(Written { content, conversation, outcome, at: Instant::now() })
        }));
    }

    fn open_one(&mut self) {
        let closed = self.badges.keys().filter(|id| !self.shown.contains_key(*id)).cloned();
        if let Some(id) = self.random.one_of(closed) {
            self.open(&id);
        }
    }

    /// Shows a conversation.
    pub fn open(&mut self, id: &str) {
        let stream = self.client.conversation(id);
        self.shown.insert(id.to_owned(), Shown { stream, lines: Vec::new() });
    }

    fn shut_one(&mut self) {
        if let Some(id) = self.random.one_of(self.shown.keys().cloned()) {
            self.shown.remove(&id);
        }
    }

    fn scroll_back(&mut self) {
        if let Some(id) = self.random.one_of(self.shown.keys().cloned()) {
            let limit = self.random.within(1..30);
            self.fetch_older(&id, limit);
        }
    }

    /// Asks for at most `limit` messages before the shown ones. Returns whether any are left to ask
    /// for.
    pub fn fetch_older(&mut self, id: &str, limit: usize) -> bool {
        let Some(first) = self.shown[id].lines.first().filter(|first| first.seq > 1) else { return false };
        let request = GetConversationMessages {
            conversation_id: id.into(),
            limit: i64::try_from(limit).ok(),
            skip: None,
            before_seq: i64::try_from(first.seq).ok(),
            after_seq: None,
        };
        let client = self.client.clone();
        self.under_way
            .push(Box::pin(async move { Done::Page(client.get_conversation_messages(request).await.ok()) }));
        true
    }

    fn mark_read(&mut self) {
        let Some(id) = self.random.one_of(self.shown.keys().cloned()) else { return };
        let Some(line) = self.random.one_of(&self.shown[&id].lines) else { return };
        let (client, message) = (self.client.clone(), MessageId::from(line.id.as_str()));
        self.under_way.push(Box::pin(async move {
            // While a database is away, the SDK repeats the request some times, and then says so.
            if let Err(error) = client.mark_message_read(ConversationId::from(id), message).await {
                let is_away =
                    matches!(&error, Error::Refused(refusal) if refusal.code == Some(ErrorCode::Unavailable));
                assert!(is_away, "a message can be read: {error:?}");
            }
            Done::Page(None)
        }));
    }

    fn begin_or_end_typing(&mut self) {
        self.typing = match self.typing.take() {
            Some(_) => None,
            None => self.random.one_of(self.shown.keys()).map(|id| self.client.typing(id.as_str())),
        };
    }
}
