//! Stores with users and messages, written offline through the server's own library.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use chat_core::conversation::{Conversation, Participation, Standing};
use chat_core::engine::{OneTeam, Teams as _};
use chat_core::id::{ConversationId, NONCE_BYTES, Nonce, UserId};
use chat_core::permission::{may_create, may_take_part};
use chat_core::protocol::{Role, RoomType, User, Work};
use chat_core::store::{
    Account, AppendMessage, CONTROL_TEAM, Change, CreateConversation, Event, PutAccount, Store as _,
    StoredAccount,
};
use chat_server::store::{LocalStore, Options};
use futures::executor::block_on;

use crate::frame::CONTENT;
use crate::process::now;
use crate::users::{self, person};

/// The changes of one commit.
const BATCH: usize = 1_000;

/// The messages of every conversation except the deep one, as many as a driver may write in a week.
pub(crate) const MESSAGES_EACH: u64 = 19;

/// The control users. All take part in every conversation.
pub(crate) const LISTENERS: usize = 10;

/// The size of a store.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// The messages of all conversations.
    pub(crate) messages: u64,
    /// The drivers that each have a conversation of [`MESSAGES_EACH`] messages. The deep
    /// conversation has the rest.
    pub(crate) drivers: usize,
}

/// The content of a store.
pub(crate) struct Stored {
    /// The conversations by the number of their driver.
    pub(crate) conversations: Vec<ConversationId>,
    /// The deep conversation, with nine tenths of all messages.
    pub(crate) deep: ConversationId,
    /// The messages of the deep conversation.
    pub(crate) deep_messages: u64,
}

/// The driver of a stored conversation.
pub(crate) fn driver(number: usize) -> User {
    person(&format!("field_{number}"), Role::BusDriver)
}

/// The driver of the deep conversation.
pub(crate) fn deep_driver() -> User {
    User::new("deep_driver", Role::BusDriver)
}

/// Makes a store that holds these users.
pub(crate) fn users(dir: &Path, users: impl Iterator<Item = User>) -> io::Result<()> {
    let mut writer = StoreWriter::open(dir)?;
    users.map(account).try_for_each(|change| writer.put(change))?;
    writer.end()
}

/// Makes a store of this size.
pub(crate) fn fill(dir: &Path, size: Size) -> io::Result<Stored> {
    let Size { messages, drivers } = size;
    let mut writer = StoreWriter::open(dir)?;
    let everyone = (0..drivers).map(driver).chain([deep_driver()]);
    let control = (0..LISTENERS).map(users::listener);
    everyone.chain(control).map(account).try_for_each(|change| writer.put(change))?;
    writer.commit()?;
    let conversations: Vec<_> = (0..drivers).map(|number| conversation_of(number, &driver(number))).collect();
    let deep = conversation_of(drivers, &deep_driver());
    conversations.iter().chain([&deep]).try_for_each(|conversation| writer.create(conversation))?;
    for _ in 1..MESSAGES_EACH {
        conversations.iter().try_for_each(|conversation| writer.append(conversation))?;
    }
    let deep_messages = messages - MESSAGES_EACH * drivers as u64;
    (1..deep_messages).try_for_each(|_| writer.append(&deep))?;
    writer.end()?;
    let conversations = conversations.into_iter().map(|conversation| conversation.id).collect();
    Ok(Stored { conversations, deep: deep.id, deep_messages })
}

fn account(user: User) -> Change {
    Change::PutAccount(PutAccount { account: filed(user), replaces: None })
}

/// The account of a user, in the teams that the server's policy gives.
fn filed(user: User) -> Account {
    OneTeam.file(Account::new(user), now())
}

/// The conversation of a driver with all control users.
fn conversation_of(number: usize, driver: &User) -> Conversation {
    let at = now();
    Conversation {
        id: ConversationId::compose(nonce(number as u64)),
        title: "Support: Route Change Request".into(),
        room_type: RoomType::DriverSupport,
        created_by: driver.id.clone(),
        created_at: at,
        participation: Participation {
            teams: vec![CONTROL_TEAM.into()],
            members: [(driver.id.clone(), Standing::Member)].into_iter().collect(),
        },
        version: 1,
        last_seq: 1,
        last_at: at,
        last_text_seq: 1,
        last_message_at: at,
        work: Work::begun(at),
        emergency: None,
        open_orders: Vec::new(),
        has_notes: false,
    }
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_BYTES];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Nonce(bytes)
}

/// A store that is being filled, with the changes of its next commit.
struct StoreWriter {
    store: LocalStore,
    batch: Vec<Change>,
    /// The accounts of the committed users.
    accounts: HashMap<UserId, StoredAccount>,
    messages: u64,
}

impl StoreWriter {
    fn open(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let store = LocalStore::open(dir, Options::default()).map_err(io::Error::other)?;
        Ok(Self { store, batch: Vec::with_capacity(BATCH), accounts: HashMap::new(), messages: 0 })
    }

    fn create(&mut self, conversation: &Conversation) -> io::Result<()> {
        let creator = self.account(&conversation.created_by)?;
        let permit = may_create(creator).map_err(|code| io::Error::other(code.text()))?;
        self.messages += 1;
        self.put(Change::CreateConversation(CreateConversation {
            permit,
            id: conversation.id.clone(),
            title: conversation.title.clone(),
            room_type: conversation.room_type,
            teams: conversation.participation.teams.clone(),
            to: Vec::new(),
            nonce: nonce(self.messages),
            content: CONTENT.into(),
            client_message_id: None,
            at: now(),
        }))
    }

    /// Appends a message with a client message id, as clients do.
    fn append(&mut self, conversation: &Conversation) -> io::Result<()> {
        let sender = self.account(&conversation.created_by)?;
        let permit =
            may_take_part(sender, Some(conversation)).map_err(|code| io::Error::other(code.text()))?;
        self.messages += 1;
        self.put(Change::AppendMessage(AppendMessage {
            is_press: false,
            order: None,
            permit,
            nonce: nonce(self.messages),
            content: CONTENT.into(),
            client_message_id: Some(format!("b2c6a0c4-1f0e-4a43-8a63-{:012}", self.messages).into()),
            at: now(),
        }))
    }

    fn account(&self, user: &UserId) -> io::Result<&StoredAccount> {
        self.accounts.get(user).ok_or_else(|| io::Error::other("the account is put first"))
    }

    fn put(&mut self, change: Change) -> io::Result<()> {
        self.batch.push(change);
        if self.batch.len() < BATCH { Ok(()) } else { self.commit() }
    }

    fn commit(&mut self) -> io::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        let verdicts = block_on(self.store.commit(batch)).map_err(io::Error::other)?;
        for verdict in verdicts {
            let committed =
                verdict.map_err(|refused| io::Error::other(format!("the store refused: {refused:?}")))?;
            if let Some(Event::AccountPut { account }) = committed.event {
                let user = account.user.id.clone();
                self.accounts.insert(user, StoredAccount::after(None, account, committed.position));
            }
        }
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.commit()?;
        self.store.close().map_err(io::Error::other)
    }
}
