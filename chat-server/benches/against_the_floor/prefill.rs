//! A store with users and messages in it, written offline through the server's own library.

use std::io;
use std::path::Path;

use chat_core::conversation::{Conversation, Participants};
use chat_core::id::{ConversationId, NONCE_BYTES, Nonce, UserId};
use chat_core::permission::{may_create, may_take_part};
use chat_core::protocol::{Role, RoomType, User};
use chat_core::store::{Account, AppendMessage, Change, CreateConversation, Store as _};
use chat_server::store::{LocalStore, Options};
use futures::executor::block_on;

use crate::frame::CONTENT;
use crate::process::now;
use crate::stage;

/// Changes of one commit.
const BATCH: usize = 1_000;

/// Messages of every conversation but the deep one: what a driver may write in a week.
pub(crate) const MESSAGES_EACH: u64 = 19;

/// Control users, who take part in every conversation.
pub(crate) const LISTENERS: usize = 10;

/// How much is to be stored.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Messages in all.
    pub(crate) messages: u64,
    /// Drivers with a conversation of [`MESSAGES_EACH`]; all other messages are in one of their own.
    pub(crate) drivers: usize,
}

/// What is stored.
pub(crate) struct Stored {
    /// By the number of its driver.
    pub(crate) conversations: Vec<ConversationId>,
    /// The one with nine tenths of all messages.
    pub(crate) deep: ConversationId,
    /// How many these are.
    pub(crate) deep_messages: u64,
}

/// The driver of a stored conversation.
pub(crate) fn driver(number: usize) -> User {
    User::new(format!("field_{number}").as_str(), Role::BusDriver)
}

/// The driver of the deep conversation.
pub(crate) fn deep_driver() -> User {
    User::new("deep_driver", Role::BusDriver)
}

/// Makes a store that knows these users.
pub(crate) fn users(dir: &Path, users: impl Iterator<Item = User>) -> io::Result<()> {
    let mut filling = Filling::begin(dir)?;
    users.map(account).try_for_each(|change| filling.put(change))?;
    filling.end()
}

/// Makes a store of this size.
pub(crate) fn fill(dir: &Path, size: Size) -> io::Result<Stored> {
    let Size { messages, drivers } = size;
    let mut filling = Filling::begin(dir)?;
    let everyone = (0..drivers).map(driver).chain([deep_driver()]);
    let control = (0..LISTENERS).map(stage::listener);
    everyone.chain(control).map(account).try_for_each(|change| filling.put(change))?;
    let conversations: Vec<_> = (0..drivers).map(|number| known(number, &driver(number))).collect();
    let deep = known(drivers, &deep_driver());
    conversations.iter().chain([&deep]).try_for_each(|conversation| filling.create(conversation))?;
    for _ in 1..MESSAGES_EACH {
        conversations.iter().try_for_each(|conversation| filling.append(conversation))?;
    }
    let deep_messages = messages - MESSAGES_EACH * drivers as u64;
    (1..deep_messages).try_for_each(|_| filling.append(&deep))?;
    filling.end()?;
    let conversations = conversations.into_iter().map(|conversation| conversation.id).collect();
    Ok(Stored { conversations, deep: deep.id, deep_messages })
}

fn account(user: User) -> Change {
    Change::PutAccount(Account::new(user))
}

/// A conversation of a driver with all of control.
fn known(number: usize, driver: &User) -> Conversation {
    let at = now();
    let control = (0..LISTENERS).map(|number| stage::listener(number).id);
    Conversation {
        id: ConversationId::compose(nonce(number as u64)),
        title: "Support: Route Change Request".into(),
        room_type: RoomType::DriverSupport,
        created_by: driver.id.clone(),
        created_at: at,
        participants: control.chain([driver.id.clone()]).collect::<Participants>(),
        version: 1,
        last_seq: 1,
        last_message_at: at,
    }
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_BYTES];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Nonce(bytes)
}

/// Changes on their way into a store.
struct Filling {
    store: LocalStore,
    batch: Vec<Change>,
    messages: u64,
}

impl Filling {
    fn begin(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let store = LocalStore::open(dir, Options::default()).map_err(io::Error::other)?;
        Ok(Self { store, batch: Vec::with_capacity(BATCH), messages: 0 })
    }

    fn create(&mut self, conversation: &Conversation) -> io::Result<()> {
        let creator = User::new(conversation.created_by.clone(), Role::BusDriver);
        let permit = may_create(&creator).map_err(|code| io::Error::other(code.text()))?;
        self.messages += 1;
        self.put(Change::CreateConversation(CreateConversation {
            permit,
            id: conversation.id.clone(),
            title: conversation.title.clone(),
            room_type: conversation.room_type,
            participants: conversation.participants.clone(),
            nonce: nonce(self.messages),
            content: CONTENT.into(),
            client_message_id: None,
            at: now(),
        }))
    }

    /// As a client would: under an id that makes a repeat safe.
    fn append(&mut self, conversation: &Conversation) -> io::Result<()> {
        let sender: &UserId = &conversation.created_by;
        let permit =
            may_take_part(sender, Some(conversation)).map_err(|code| io::Error::other(code.text()))?;
        self.messages += 1;
        self.put(Change::AppendMessage(AppendMessage {
            permit,
            nonce: nonce(self.messages),
            content: CONTENT.into(),
            client_message_id: Some(format!("b2c6a0c4-1f0e-4a43-8a63-{:012}", self.messages).into()),
            at: now(),
        }))
    }

    fn put(&mut self, change: Change) -> io::Result<()> {
        self.batch.push(change);
        if self.batch.len() < BATCH { Ok(()) } else { self.commit() }
    }

    fn commit(&mut self) -> io::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        let verdicts = block_on(self.store.commit(batch)).map_err(io::Error::other)?;
        match verdicts.iter().find(|verdict| verdict.is_err()) {
            Some(refused) => Err(io::Error::other(format!("the store refused: {refused:?}"))),
            None => Ok(()),
        }
    }

    fn end(mut self) -> io::Result<()> {
        self.commit()?;
        self.store.close().map_err(io::Error::other)
    }
}
