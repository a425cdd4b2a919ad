//! A store under test, and short ways to change it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::shared::SharedFixture;
use super::{Fixture, Reopening};
use crate::conversation::Conversation;
use crate::id::{ConversationId, MessageId, NONCE_BYTES, Nonce, TeamId, UserId};
use crate::permission::{MayTakePart, may_take_part};
use crate::protocol::{Message, MessageType, Role, RoomType, User};
use crate::store::{
    Account, AppendMessage, Change, Committed, CreateConversation, Event, Loaded, MarkRead, Membership,
    MessageAppended, Original, Position, Query, Rejected, Store, StoredAccount, Verdict,
};
use crate::time::Timestamp;

/// A store under test.
pub struct Bench<F: Fixture> {
    fixture: F,
    /// `None` only while it is being opened again.
    store: Option<F::Store>,
    reopening: Reopening,
    nonces: u64,
    /// The position of the last accepted change.
    accepted: Position,
    /// The accounts as the accepted changes have left them.
    pub(super) accounts: BTreeMap<UserId, StoredAccount>,
    /// The position that the store showed when it was opened, if a load has asked since.
    opened_at: Option<Position>,
}

impl<F: Fixture> Bench<F> {
    /// A bench with a fresh store of this fixture.
    pub async fn new(mut fixture: F, reopening: Reopening) -> Self {
        let store = Some(fixture.create().await);
        let (accepted, accounts) = Default::default();
        Self { fixture, store, reopening, nonces: 0, accepted, accounts, opened_at: None }
    }

    pub(super) fn store(&self) -> &F::Store {
        self.store.as_ref().expect("the store is open")
    }

    /// Commits a batch, and checks the rules for every answer to a batch.
    pub(super) async fn commit(&mut self, changes: Vec<Change>) -> Vec<Verdict> {
        let asked = changes.len();
        let verdicts = self.store().commit(changes).await.expect("commit: the store is available");
        assert_eq!(verdicts.len(), asked, "a commit gives one verdict per change");
        self.note(&verdicts);
        if self.reopening == Reopening::AfterCommit {
            self.reopen().await;
        }
        verdicts.into_iter().map(unsealed).collect()
    }

    /// Checks that the positions of accepted changes rise, and notes the last.
    pub(super) fn note(&mut self, verdicts: &[Verdict]) {
        for committed in verdicts.iter().flatten() {
            let Committed { position, event } = committed;
            let before = self.accepted;
            if event.is_none() {
                assert!(*position >= before, "a change of nothing is at {position:?} after {before:?}");
            } else {
                assert!(*position > before, "positions rise: {position:?} came after {before:?}");
            }
            self.accepted = *position;
            self.note_account(committed);
        }
    }

    /// Opens another handle of the store.
    pub(super) async fn another(&mut self) -> F::Store
    where
        F: SharedFixture,
    {
        let store = self.store.as_ref().expect("the store is open");
        self.fixture.another(store).await
    }

    /// Has the store begin another epoch.
    pub(super) async fn begin_epoch(&mut self)
    where
        F: SharedFixture,
    {
        let store = self.store.as_ref().expect("the store is open");
        self.fixture.begin_epoch(store).await;
    }

    pub(super) async fn reopen(&mut self) {
        if let Some(store) = self.store.take() {
            self.store = Some(self.fixture.reopen(store).await);
            self.opened_at = None;
        }
    }

    /// Opens the store as after the end of its process. Returns `false` if it keeps nothing, and
    /// there is nothing more to check.
    pub(super) async fn crash(&mut self) -> bool {
        if let Some(store) = self.store.take() {
            self.store = self.fixture.crash(store).await;
            self.opened_at = None;
        }
        self.store.is_some()
    }

    /// Commits one change that must be accepted.
    pub(super) async fn accept(&mut self, change: Change) -> Committed {
        self.accept_all(vec![change]).await.remove(0)
    }

    /// Commits a batch that must be accepted whole.
    pub(super) async fn accept_all(&mut self, changes: Vec<Change>) -> Vec<Committed> {
        let verdicts = self.commit(changes).await;
        let accepted = verdicts.into_iter().enumerate().map(|(index, verdict)| {
            verdict.unwrap_or_else(|rejected| panic!("change {index} must be accepted, but is {rejected:?}"))
        });
        accepted.collect()
    }

    /// Commits one change that must be a duplicate, and gives the original.
    pub(super) async fn duplicate(&mut self, change: Change) -> Original {
        match self.commit(vec![change]).await.remove(0) {
            Err(Rejected::Duplicate(original)) => original,
            other => panic!("a used client_message_id must be a duplicate, but is {other:?}"),
        }
    }

    pub(super) async fn load(&mut self, query: Query) -> Loaded {
        let loaded = self.store().load(query).await.expect("load: the store is available");
        assert!(
            loaded.position >= self.accepted,
            "the position of a load covers every commit that had returned: {:?} is before {:?}",
            loaded.position,
            self.accepted
        );
        // A store may begin with records of its own, so its first load after opening counts.
        let newest = self.accepted.max(*self.opened_at.get_or_insert(loaded.position));
        assert!(
            loaded.position <= newest,
            "a load claims no position before its changes are made: {:?} is after {newest:?}",
            loaded.position
        );
        loaded
    }

    pub(super) fn accepted(&self) -> Position {
        self.accepted
    }

    pub(super) fn nonce(&mut self) -> Nonce {
        self.nonces += 1;
        // Scrambled, so that the order of ids is not that of their creation.
        let scrambled = self.nonces.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut bytes = [0x5a; NONCE_BYTES];
        bytes[..8].copy_from_slice(&scrambled.to_be_bytes());
        Nonce(bytes)
    }

    /// A conversation to be created by a driver at [`time`] 0, in which these others take part.
    ///
    /// Accounts that are missing are put: the creator is a driver, and each of the others is
    /// control staff in a team of its own name. The conversation is filed with these teams.
    pub(super) async fn creation(&mut self, creator: &str, others: &[&str]) -> CreateConversation {
        let driver = Account::new(User::new(creator, Role::BusDriver));
        let mut missing = Vec::new();
        for account in others.iter().map(|other| control(other, &[other])).chain([driver]) {
            if self.account(account.user.id.as_str()).await.is_none() {
                missing.push(self.replacing(account));
            }
        }
        if !missing.is_empty() {
            self.accept_all(missing).await;
        }
        let permit = self.may_create(creator);
        let (id, nonce) = (ConversationId::compose(self.nonce()), self.nonce());
        CreateConversation {
            permit,
            id,
            title: "Support: title".into(),
            room_type: RoomType::DriverSupport,
            teams: teams(others),
            to: Vec::new(),
            nonce,
            content: "the first message".into(),
            client_message_id: None,
            at: time(0),
        }
    }

    /// Creates a conversation and gives its id.
    pub(super) async fn create(&mut self, creator: &str, others: &[&str]) -> ConversationId {
        self.create_at(creator, others, 0).await
    }

    /// Creates a conversation at a time and gives its id.
    pub(super) async fn create_at(&mut self, creator: &str, others: &[&str], at: i64) -> ConversationId {
        let creation = CreateConversation { at: time(at), ..self.creation(creator, others).await };
        let id = creation.id.clone();
        self.accept(Change::CreateConversation(creation)).await;
        id
    }

    /// The permit of a participant on the conversation as it now is.
    pub(super) async fn permit(&mut self, user: &str, conversation: &ConversationId) -> MayTakePart {
        let account = self.stored_account(user).await.expect("the user has an account");
        let conversation = self.conversation(conversation).await;
        may_take_part(&account, Some(&conversation)).expect("the user takes part")
    }

    /// A message to be appended at [`time`] 0.
    pub(super) async fn message(&mut self, user: &str, conversation: &ConversationId) -> AppendMessage {
        let permit = self.permit(user, conversation).await;
        self.message_under(permit)
    }

    /// A message to be appended under this permit.
    pub(super) fn message_under(&mut self, permit: MayTakePart) -> AppendMessage {
        let nonce = self.nonce();
        AppendMessage {
            permit,
            nonce,
            content: "a message".into(),
            is_press: false,
            order: None,
            client_message_id: None,
            at: time(0),
        }
    }

    /// Appends `count` messages in one batch.
    pub(super) async fn append(&mut self, user: &str, conversation: &ConversationId, count: usize) {
        let mut changes = Vec::with_capacity(count);
        let known = self.conversation(conversation).await;
        for _ in 0..count {
            let permit = self.permit_on_version(user, &known, known.version);
            changes.push(Change::AppendMessage(self.message_under(permit)));
        }
        self.accept_all(changes).await;
    }

    /// Appends one message with this content and time.
    pub(super) async fn say(&mut self, user: &str, conversation: &ConversationId, content: &str, at: i64) {
        let draft = self.message(user, conversation).await;
        self.accept(Change::AppendMessage(AppendMessage { content: content.into(), at: time(at), ..draft }))
            .await;
    }

    /// Marks a conversation as read up to a number, and says whether the position rose.
    pub(super) async fn read(&mut self, user: &str, conversation: &ConversationId, up_to: u64) -> bool {
        let permit = self.permit(user, conversation).await;
        is_marked(&self.accept(mark(permit, up_to)).await)
    }

    /// The membership of a user, decided on the conversation as it now is.
    pub(super) async fn membership(&mut self, user: &str, conversation: &ConversationId) -> Membership {
        let Conversation { version, .. } = self.conversation(conversation).await;
        Membership { conversation: conversation.clone(), version, user: user.into() }
    }
}

/// A time of the tests: this many milliseconds after a fixed one.
pub(super) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_705_314_600_000 + millis)
}

pub(super) fn teams(names: &[&str]) -> Vec<TeamId> {
    names.iter().map(|name| TeamId::from(*name)).collect()
}

/// The account of control staff in these teams since the beginning.
pub(super) fn control(user: &str, names: &[&str]) -> Account {
    Account { teams: teams(names), ..Account::new(User::new(user, Role::ControlStaff)) }
}

/// The message that a draft must become.
pub(super) fn stored(draft: &AppendMessage, seq: u64, sent_at: Timestamp) -> Message {
    let AppendMessage { permit, nonce, content, .. } = draft;
    Message {
        id: MessageId::compose(*nonce, seq),
        conversation_id: permit.conversation().clone(),
        sender_id: permit.user().clone(),
        content: Arc::clone(content),
        message_type: MessageType::Text,
        sent_at,
        seq: Some(seq),
        erased: false,
        work: None,
        emergency: None,
        order: None,
        answer: None,
    }
}

pub(super) fn seqs(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.seq.expect("a loaded message has its seq")).collect()
}

pub(super) fn is_conflict(verdict: &Verdict) -> bool {
    *verdict == Err(Rejected::Conflict)
}

/// A reading at [`time`] 0.
pub(super) fn mark(permit: MayTakePart, up_to: u64) -> Change {
    let message_id = MessageId::from(format!("msg_{up_to}"));
    Change::MarkRead(MarkRead { permit, up_to, message_id, at: time(0) })
}

/// Whether an accepted reading advanced the position.
pub(super) fn is_marked(committed: &Committed) -> bool {
    match &committed.event {
        Some(Event::ReadMarked(_)) => true,
        None => false,
        other => panic!("MarkRead gave {other:?}"),
    }
}

/// The message that an accepted change appended.
pub(super) fn appended(committed: &Committed) -> &MessageAppended {
    match &committed.event {
        Some(Event::MessageAppended(appended)) => appended,
        other => panic!("AppendMessage gave {other:?}"),
    }
}

/// The verdict without the seals of texts, which each store makes in its own way.
fn unsealed(verdict: Verdict) -> Verdict {
    match verdict {
        Ok(Committed { position, event }) => Ok(Committed { position, event: event.map(Event::unsealed) }),
        Err(Rejected::Duplicate(original)) => Err(Rejected::Duplicate(original.unsealed())),
        Err(refused) => Err(refused),
    }
}
