//! Helpers for tests of the local store: changes to commit, and all answers of a store as one
//! value.

use std::fs;
use std::path::{Path, PathBuf};

use chat_core::conversation::{Conversation, Participation, Standing};
use chat_core::id::{ConversationId, NONCE_BYTES, Nonce};
use chat_core::permission::{may_create, may_see_notes, may_take_part};
use chat_core::protocol::{Message, Role, RoomType, User, Work, WorkList};
use chat_core::store::{
    Account, AppendMessage, CONTROL_TEAM, Change, Committed, ConversationPage, CreateConversation, Event,
    Facts, Loaded, MarkRead, MemoryState, MemoryStore, Original, Position, PutAccount, Query, State, Store,
    StoredAccount, Window, WorkQuery,
};
use chat_core::time::Timestamp;
use chat_server::store::{LocalStore, Options};
use futures::executor::block_on;
use tempfile::TempDir;

/// Opens the store in this directory, with the defaults. A new store gets the accounts of `driver`
/// and `control`.
pub fn open(dir: &Path) -> LocalStore {
    open_with(dir, Options::default())
}

/// The same as [`open`], with options.
pub fn open_with(dir: &Path, options: Options) -> LocalStore {
    let store = LocalStore::open(dir, options).unwrap();
    if store.report().created {
        commit(&store, people());
    }
    store
}

/// The accounts of `driver` and `control`.
pub fn people() -> Vec<Change> {
    vec![account("driver", Role::BusDriver), account("control", Role::ControlStaff)]
}

/// A time of the tests.
pub fn time(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_705_314_600_000 + 1_000 * seconds)
}

/// The name of the only conversation of most tests.
pub fn conv() -> ConversationId {
    "conv_1".into()
}

/// An active account, in the team of all control users if the user is one.
pub fn person(user: &str, role: Role) -> Account {
    let teams = role.is_control().then(|| CONTROL_TEAM.into());
    Account { teams: teams.into_iter().collect(), ..Account::new(User::new(user, role)) }
}

/// The account of a new user to be put.
pub fn account(user: &str, role: Role) -> Change {
    put(person(user, role))
}

/// An account to be put for a new user.
pub fn put(account: Account) -> Change {
    Change::PutAccount(PutAccount { account, replaces: None })
}

/// The account of `driver` in a store whose first record begins the epoch, and whose next two are
/// those of [`people`].
pub fn driver() -> StoredAccount {
    StoredAccount::after(None, person("driver", Role::BusDriver), Position(2))
}

/// The account of `control` in such a store.
pub fn control() -> StoredAccount {
    StoredAccount::after(None, person("control", Role::ControlStaff), Position(3))
}

/// The account of a user as stored.
pub fn stored_account(store: &impl Store, user: &str) -> Option<StoredAccount> {
    let Facts::Account(found) = load(store, Query::Account(user.into())).facts else { panic!("no account") };
    found
}

/// An empty store in memory with the positions of a local store, whose first record begins the
/// epoch.
pub fn reference() -> MemoryStore {
    let mut state = MemoryState::new("");
    state.apply(Event::EpochBegun { epoch: "epoch".into() }).unwrap();
    state.into()
}

/// A conversation of `driver` and the team of all control users, to be created.
pub fn creation(id: &ConversationId, client_message_id: Option<&str>) -> Change {
    creation_by(&driver(), id, client_message_id)
}

/// The same by a driver with this account.
pub fn creation_by(creator: &StoredAccount, id: &ConversationId, client_message_id: Option<&str>) -> Change {
    Change::CreateConversation(CreateConversation {
        permit: may_create(creator).unwrap(),
        id: id.clone(),
        title: "Support: a title".into(),
        room_type: RoomType::DriverSupport,
        teams: vec![CONTROL_TEAM.into()],
        to: Vec::new(),
        nonce: Nonce([1; NONCE_BYTES]),
        content: "the first message".into(),
        client_message_id: client_message_id.map(Into::into),
        at: time(0),
    })
}

/// A conversation as a permit needs it: the version and who takes part.
pub fn known(id: &ConversationId, version: u64) -> Conversation {
    Conversation {
        id: id.clone(),
        title: "".into(),
        room_type: RoomType::DriverSupport,
        created_by: "driver".into(),
        created_at: time(0),
        participation: Participation {
            teams: vec![CONTROL_TEAM.into()],
            members: [("driver".into(), Standing::Member)].into_iter().collect(),
        },
        version,
        last_seq: 1,
        last_at: time(0),
        last_text_seq: 1,
        last_message_at: time(0),
        work: Work::begun(time(0)),
        emergency: None,
        open_orders: Vec::new(),
        has_notes: false,
    }
}

/// A note of `control` beside a conversation of version 1.
pub fn note(id: &ConversationId, content: &str) -> Change {
    Change::AppendMessage(AppendMessage {
        is_press: false,
        order: None,
        permit: may_see_notes(&control(), Some(&known(id, 1))).unwrap(),
        nonce: Nonce([3; NONCE_BYTES]),
        content: content.into(),
        client_message_id: None,
        at: time(1),
    })
}

/// A message of `driver` to be appended to a conversation of version 1.
pub fn message(id: &ConversationId, content: &str, client_message_id: Option<&str>) -> Change {
    Change::AppendMessage(AppendMessage {
        is_press: false,
        order: None,
        permit: may_take_part(&driver(), Some(&known(id, 1))).unwrap(),
        nonce: Nonce([2; NONCE_BYTES]),
        content: content.into(),
        client_message_id: client_message_id.map(Into::into),
        at: time(1),
    })
}

/// A read position of `control` to be marked.
pub fn read(id: &ConversationId, up_to: u64) -> Change {
    let permit = may_take_part(&control(), Some(&known(id, 1))).unwrap();
    Change::MarkRead(MarkRead { permit, up_to, message_id: "msg_read".into(), at: time(0) })
}

/// Commits a batch, which must be accepted whole.
pub fn commit(store: &LocalStore, changes: Vec<Change>) -> Vec<Committed> {
    let verdicts = block_on(store.commit(changes)).unwrap();
    verdicts.into_iter().map(Result::unwrap).collect()
}

/// Loads facts, which must be available.
pub fn load(store: &impl Store, query: Query) -> Loaded {
    block_on(store.load(query)).unwrap()
}

/// All messages of a conversation.
pub fn messages(store: &LocalStore, id: &ConversationId) -> Vec<Message> {
    let query = Query::Messages {
        conversation: id.clone(),
        window: Window::After(0),
        limit: u32::MAX,
        bytes: usize::MAX,
        with_positions: false,
    };
    let Facts::Messages(page) = load(store, query).facts else { panic!("not messages") };
    page.messages
}

/// The contents of all messages of a conversation.
pub fn contents(store: &LocalStore, id: &ConversationId) -> Vec<String> {
    messages(store, id).iter().map(|message| message.content.to_string()).collect()
}

/// The query for all conversations of a user.
pub fn all_of(user: &str) -> Query {
    Query::Conversations {
        user: user.into(),
        since: Timestamp::from_millis(i64::MIN),
        below: None,
        skip: 0,
        limit: u32::MAX,
        members: usize::MAX,
    }
}

/// Loads a page of conversations.
pub fn page(store: &impl Store, query: Query) -> ConversationPage {
    match load(store, query).facts {
        Facts::Conversations(page) | Facts::ConversationRow(page) => page,
        other => panic!("not a page: {other:?}"),
    }
}

/// Loads facts that different stores with the same changes give alike. A row's place is its
/// distance from the first of the page, and originals have no seal.
pub fn comparable(store: &impl Store, query: Query) -> Facts {
    match load(store, query).facts {
        Facts::Conversations(page) => Facts::Conversations(with_distances(page)),
        Facts::ConversationRow(page) => Facts::ConversationRow(with_distances(page)),
        Facts::Original(original) => Facts::Original(original.map(Original::unsealed)),
        Facts::Work(mut found) => {
            found.page.rows.iter_mut().for_each(|row| row.position = Position(0));
            Facts::Work(found)
        }
        facts => facts,
    }
}

fn with_distances(mut page: ConversationPage) -> ConversationPage {
    let first = page.rows.first().map(|row| row.position).unwrap_or_default();
    page.rows.iter_mut().for_each(|row| row.position = Position(first.0 - row.position.0));
    page
}

/// A list by work without bounds.
fn all_by_work(user: &str, list: WorkList) -> WorkQuery {
    let (user, since) = (user.into(), time(-1));
    WorkQuery { user, list, since, after: None, limit: u32::MAX, members: usize::MAX }
}

/// All answers of a store about these users and their conversations, without the epoch.
pub fn everything(store: &impl Store, users: &[&str], client_message_ids: &[&str]) -> Vec<Facts> {
    let mut queries = Vec::new();
    for user in users {
        for id in page(store, all_of(user)).rows.into_iter().map(|row| row.conversation.id) {
            let conversation = id.clone();
            queries.push(Query::ConversationRow { user: (*user).into(), conversation });
            let (conversation, window) = (id.clone(), Window::After(0));
            queries.push(Query::Messages {
                conversation,
                window,
                limit: u32::MAX,
                bytes: usize::MAX,
                with_positions: true,
            });
            queries.push(Query::Conversation(id));
        }
        queries.extend([all_of(user), Query::Account((*user).into())]);
        queries.extend(WorkList::ALL.map(|list| Query::Work(all_by_work(user, list))));
        for id in client_message_ids {
            queries.push(Query::Original { user: (*user).into(), client_message_id: (*id).into() });
        }
    }
    let mut all: Vec<_> = queries.into_iter().map(|query| comparable(store, query)).collect();
    let Facts::Directory(directory) = load(store, Query::Directory).facts else { panic!("not a directory") };
    all.push(Facts::Directory(chat_core::store::Directory { epoch: "".into(), ..directory }));
    all
}

/// Copies a directory with its content.
pub fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Ends a store as a crash does: its files are those from before it was dropped. The index is left
/// out, because a copy of it would mix several moments.
pub fn crash(dir: &Path, store: LocalStore) {
    let found = TempDir::new().unwrap();
    copy_dir(dir, found.path());
    drop(store);
    copy_dir(found.path(), dir);
    fs::remove_dir_all(dir.join("index")).unwrap();
}

/// Makes a store of many short segments, and closes it.
pub fn fill_short_segments(dir: &Path) {
    let options = Options { segment_bytes: 0, ..Options::default() };
    let store = open_with(dir, options);
    commit(&store, vec![creation(&conv(), None)]);
    (0..20).for_each(|_| drop(commit(&store, vec![message(&conv(), &"long ".repeat(200), None)])));
    store.close().unwrap();
}

/// How many bytes of a segment were written, without the zeros that an open store has written
/// ahead.
pub fn written(segment: &Path) -> u64 {
    let bytes = fs::read(segment).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

/// The segments of the journal, the oldest first.
pub fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
    segments.sort();
    segments
}

/// The newest segment of the journal.
pub fn last_segment(dir: &Path) -> PathBuf {
    segments(dir).pop().unwrap()
}
