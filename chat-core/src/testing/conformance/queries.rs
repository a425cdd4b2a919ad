//! Short ways to load from the store under test.

use super::Fixture;
use super::bench::{Bench, time};
use crate::conversation::Conversation;
use crate::id::{ConversationId, MessageId};
use crate::protocol::Message;
use crate::store::{
    Account, AccountSelection, ConversationPage, Directory, Facts, MessagePage, Original, Position, Query,
    StoredAccount, Window,
};

/// Takes the facts of one variant out of an answer.
macro_rules! expect_facts {
    ($bench:expr, $query:expr, $variant:ident) => {
        match $bench.load($query).await.facts {
            Facts::$variant(facts) => facts,
            other => panic!("Query::{} was answered with {other:?}", stringify!($variant)),
        }
    };
}

pub(super) use expect_facts;

impl<F: Fixture> Bench<F> {
    /// The conversation, which must exist.
    pub(super) async fn conversation(&mut self, id: &ConversationId) -> Conversation {
        self.find_conversation(id).await.unwrap_or_else(|| panic!("conversation {id} was created"))
    }

    pub(super) async fn find_conversation(&mut self, id: &ConversationId) -> Option<Conversation> {
        expect_facts!(self, Query::Conversation(id.clone()), Conversation)
    }

    pub(super) async fn account(&mut self, user: &str) -> Option<Account> {
        self.stored_account(user).await.map(|stored| stored.account)
    }

    pub(super) async fn stored_account(&mut self, user: &str) -> Option<StoredAccount> {
        expect_facts!(self, Query::Account(user.into()), Account)
    }

    pub(super) async fn accounts_of(&mut self, selection: AccountSelection) -> Vec<Account> {
        let found = expect_facts!(self, Query::Accounts(selection), Accounts);
        found.into_iter().map(|stored| stored.account).collect()
    }

    /// The accounts of the staff.
    pub(super) async fn staff(&mut self) -> Vec<Account> {
        self.directory().await.staff.into_iter().map(|stored| stored.account).collect()
    }

    pub(super) async fn directory(&mut self) -> Directory {
        expect_facts!(self, Query::Directory, Directory)
    }

    pub(super) async fn page(
        &mut self,
        conversation: &ConversationId,
        window: Window,
        limit: u32,
        bytes: usize,
    ) -> MessagePage {
        let conversation = conversation.clone();
        let query = Query::Messages { conversation, window, limit, bytes, with_positions: true };
        expect_facts!(self, query, Messages)
    }

    /// All messages of a conversation.
    pub(super) async fn messages(&mut self, conversation: &ConversationId) -> Vec<Message> {
        self.page(conversation, Window::After(0), u32::MAX, usize::MAX).await.messages
    }

    pub(super) async fn seq(&mut self, conversation: &ConversationId, id: &MessageId) -> Option<u64> {
        expect_facts!(self, Query::Message { conversation: conversation.clone(), id: id.clone() }, Message)
    }

    pub(super) async fn original(&mut self, user: &str, id: &str) -> Option<Original> {
        let query = Query::Original { user: user.into(), client_message_id: id.into() };
        let original = expect_facts!(self, query, Original);
        original.map(Original::unsealed)
    }

    pub(super) async fn listed(&mut self, listing: Listing<'_>) -> ConversationPage {
        let Listing { user, since, below, skip, limit, members } = listing;
        let (user, since) = (user.into(), time(since));
        let query = Query::Conversations { user, since, below, skip, limit, members };
        expect_facts!(self, query, Conversations)
    }

    pub(super) async fn row(&mut self, user: &str, conversation: &ConversationId) -> ConversationPage {
        let query = Query::ConversationRow { user: user.into(), conversation: conversation.clone() };
        expect_facts!(self, query, ConversationRow)
    }

    /// The ids of a user's list, newest activity first.
    pub(super) async fn listed_ids(&mut self, user: &str) -> Vec<ConversationId> {
        let page = self.listed(Listing::of(user)).await;
        page.rows.into_iter().map(|row| row.conversation.id).collect()
    }
}

/// A [`Query::Conversations`]; [`Listing::of`] has no bounds.
#[derive(Clone, Copy)]
pub(super) struct Listing<'a> {
    pub(super) user: &'a str,
    pub(super) since: i64,
    pub(super) below: Option<Position>,
    pub(super) skip: u64,
    pub(super) limit: u32,
    pub(super) members: usize,
}

impl<'a> Listing<'a> {
    pub(super) fn of(user: &'a str) -> Self {
        Self { user, since: -1, below: None, skip: 0, limit: u32::MAX, members: usize::MAX }
    }
}
