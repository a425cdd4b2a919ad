//! The things that a device is about to do.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_client::Token;
use chat_client::TokenError;
use chat_client::machine::{Input, ViewId};
use chat_core::id::ConversationId;
use chat_core::time::Monotonic;

/// A pending act of a device. All but the first two belong to the life of the app that planned
/// them.
#[derive(Debug)]
pub(crate) enum Todo {
    /// The user does something.
    Act,
    /// The app is started.
    Start,
    /// The provider of tokens answers.
    Token(Result<Token, TokenError>),
    /// The outbox is written.
    Kept,
    /// The app asks for older messages again.
    ScrollBack(ViewId),
    /// The app asks to connect again, for the user has pressed the button.
    Resume,
    /// The user has stopped typing.
    StopTyping(ConversationId),
}

impl Todo {
    /// The machine's input, if the entry is nothing more than one.
    pub(crate) fn input(self) -> Option<Input> {
        match self {
            Self::Token(result) => Some(Input::Token(result)),
            Self::Resume => Some(Input::Resume),
            Self::StopTyping(conversation_id) => Some(Input::Typing { conversation_id, is_typing: false }),
            Self::Act | Self::Start | Self::Kept | Self::ScrollBack(_) => None,
        }
    }
}

/// The things that a device is about to do, by time.
#[derive(Default)]
pub(crate) struct Agenda {
    due: BTreeMap<(Monotonic, u64), Todo>,
    put: u64,
}

impl Agenda {
    pub(crate) fn put(&mut self, now: Monotonic, pause: Duration, todo: Todo) {
        self.put += 1;
        self.due.insert((now.plus(pause), self.put), todo);
    }

    pub(crate) fn next(&mut self, now: Monotonic) -> Option<Todo> {
        let first = self.due.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }

    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Removes everything that belongs to the app's ended life.
    pub(crate) fn end_of_life(&mut self) {
        self.due.retain(|_, todo| matches!(todo, Todo::Act | Todo::Start));
    }

    /// The user does nothing any more.
    pub(crate) fn end_of_acts(&mut self) {
        self.due.retain(|_, todo| !matches!(todo, Todo::Act));
    }
}
