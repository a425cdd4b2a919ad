//! The local store answers like the reference on any batches, also when opened again in between.

use std::time::Duration;

use chat_core::conversation::Conversation;
use chat_core::id::{ClientMessageId, ConversationId, NONCE_BYTES, Nonce, TeamId};
use chat_core::order::compose;
use chat_core::permission::{may_create, may_see_notes, may_take_part};
use chat_core::protocol::{EmergencyReason, Role, RoomType, User, WorkAction};
use chat_core::store::{
    Account, AppendEntry, AppendMessage, Change, Committed, CreateConversation, EntryChange, Escalate, Event,
    ExpireOrder, Facts, GivenOrder, MarkRead, Membership, MemoryStore, OrderQuery, Position, PutAccount,
    Query, Rejected, Store, StoredAccount, Verdict, Window,
};
use chat_server::store::{LocalStore, Options};
use futures::executor::block_on;
use proptest::prelude::*;
use server_test_support::store::{comparable, everything, load, reference, stored_account, time};
use tempfile::TempDir;

const USERS: [&str; 5] = ["ann", "bob", "control", "d", "ann\u{0}b"];
const CONVERSATIONS: [&str; 4] = ["conv_a", "conv_ab", "conv_b", "c"];
const TEAMS: [&str; 3] = ["control", "d", "d\u{0}"];
const CLIENT_IDS: [&str; 3] = ["1", "2", "12"];
const REASONS: [EmergencyReason; 3] =
    [EmergencyReason::Solved, EmergencyReason::FalseAlarm, EmergencyReason::Withdrawn];

/// A change or a query. Numbers choose from the lists above.
#[derive(Clone, Debug)]
enum Op {
    Account { user: usize, active: bool, stale: bool, teams: Vec<usize>, role: usize, at: i64 },
    Create { id: usize, creator: usize, teams: Vec<usize>, client_id: Option<usize>, at: i64 },
    Append { id: usize, user: usize, stale: bool, length: usize, client_id: Option<usize>, at: i64 },
    Work { id: usize, user: usize, action: usize, stale: bool, client_id: Option<usize>, at: i64 },
    End { id: usize, user: usize, reason: usize, stale: bool, client_id: Option<usize>, at: i64 },
    Alert { id: usize, level: u32, at: i64 },
    Order { id: usize, user: usize, seq: u64, answer: Option<u32>, client_id: Option<usize>, at: i64 },
    Expire { id: usize, seq: u64, at: i64 },
    Read { id: usize, user: usize, stale: bool, up_to: u64 },
    Enrol { id: usize, user: usize, stale: bool },
    Withdraw { id: usize, user: usize, stale: bool },
}

fn op() -> impl Strategy<Value = Op> {
    let user = 0..USERS.len();
    let id = || 0..CONVERSATIONS.len();
    let client_id = || prop::option::of(0..CLIENT_IDS.len());
    let at = || 0..50_000_i64;
    let stale = || prop::bool::weighted(0.1);
    let teams = || prop::collection::vec(0..TEAMS.len(), 0..3);
    prop_oneof![
        2 => (user.clone(), prop::bool::weighted(0.8), stale(), teams(), 0..4_usize, at())
            .prop_map(|(user, active, stale, teams, role, at)| {
                Op::Account { user, active, stale, teams, role, at }
            }),
        2 => (id(), user.clone(), teams(), client_id(), at())
            .prop_map(|(id, creator, teams, client_id, at)| Op::Create { id, creator, teams, client_id, at }),
        6 => (id(), user.clone(), stale(), prop_oneof![0..40_usize, 2_000..2_100_usize], client_id(), at())
            .prop_map(|(id, user, stale, length, client_id, at)| {
                Op::Append { id, user, stale, length, client_id, at }
            }),
        4 => (id(), user.clone(), 0..WorkAction::ALL.len(), stale(), client_id(), at())
            .prop_map(|(id, user, action, stale, client_id, at)| {
                Op::Work { id, user, action, stale, client_id, at }
            }),
        2 => (id(), user.clone(), 0..REASONS.len(), stale(), client_id(), at())
            .prop_map(|(id, user, reason, stale, client_id, at)| {
                Op::End { id, user, reason, stale, client_id, at }
            }),
        2 => (id(), 0..3_u32, at()).prop_map(|(id, level, at)| Op::Alert { id, level, at }),
        3 => (id(), user.clone(), 1..8_u64, prop::option::weighted(0.8, 0..3_u32), client_id(), at())
            .prop_map(|(id, user, seq, answer, client_id, at)| {
                Op::Order { id, user, seq, answer, client_id, at }
            }),
        2 => (id(), 1..8_u64, at()).prop_map(|(id, seq, at)| Op::Expire { id, seq, at }),
        2 => (id(), user.clone(), stale(), 0..12_u64)
            .prop_map(|(id, user, stale, up_to)| Op::Read { id, user, stale, up_to }),
        1 => (id(), user.clone(), stale()).prop_map(|(id, user, stale)| Op::Enrol { id, user, stale }),
        1 => (id(), user, stale()).prop_map(|(id, user, stale)| Op::Withdraw { id, user, stale }),
    ]
}

/// Accounts of everybody, in no team.
fn everybody() -> Vec<Op> {
    let put =
        |user| Op::Account { user, active: true, stale: false, teams: Vec::new(), role: user % 4, at: 0 };
    (0..USERS.len()).map(put).collect()
}

fn teams(teams: Vec<usize>) -> Vec<TeamId> {
    teams.into_iter().map(|team| TEAMS[team].into()).collect()
}

/// Makes changes of requests, with permits from the reference's content.
struct Maker<'a> {
    reference: &'a MemoryStore,
    nonces: u8,
}

impl Maker<'_> {
    fn change(&mut self, op: Op) -> Option<Change> {
        self.nonces = self.nonces.wrapping_add(1);
        let nonce = Nonce([self.nonces; NONCE_BYTES]);
        let client_id = |id: Option<usize>| id.map(|id| CLIENT_IDS[id].into());
        Some(match op {
            Op::Account { user, active, stale, teams: joined, role, at } => {
                let known = self.account(user);
                let replaces = known.as_ref().map(|known| Position(known.position.0 - u64::from(stale)));
                let user = User::new(USERS[user], Role::ALL[role]);
                let account = match known {
                    Some(known) => Account { user, active, ..known.account },
                    None => Account { active, ..Account::new(user) },
                };
                let account = account.in_teams(teams(joined), time(at));
                Change::PutAccount(PutAccount { account, replaces })
            }
            Op::Create { id, creator, teams: of, client_id: repeated, at } => {
                let account = Account::new(User::new(USERS[creator], Role::BusDriver));
                // Some users speak first, which the store permits to control alone.
                let to = (creator % 2 == 1).then(|| USERS[(creator + 1) % USERS.len()].into());
                Change::CreateConversation(CreateConversation {
                    permit: may_create(&StoredAccount { account, ..self.account(creator)? }).unwrap(),
                    id: CONVERSATIONS[id].into(),
                    title: "Support: ü".into(),
                    // Half of them are emergencies, so that a user has several.
                    room_type: if at % 2 == 0 { RoomType::EmergencySupport } else { RoomType::ALL[id] },
                    teams: teams(of),
                    to: to.into_iter().collect(),
                    nonce,
                    content: "first".into(),
                    client_message_id: client_id(repeated),
                    at: time(at),
                })
            }
            Op::Append { id, user, stale, length, client_id: repeated, at } => {
                let (known, account) = (self.known(id, stale)?, self.account(user)?);
                // Every fourth message of control is a note.
                let note = may_see_notes(&account, Some(&known)).ok().filter(|_| length % 4 == 2);
                // Every third message is an order, some of them with long texts.
                let is_order = note.is_none() && length % 3 == 1;
                let is_press = note.is_none() && known.is_live_emergency() && at % 3 == 0;
                let (within, answers) = (Duration::from_secs(20), ["yes", "no"].map(Into::into));
                let text = "x".repeat(length);
                Change::AppendMessage(AppendMessage {
                    permit: note.map_or_else(|| may_take_part(&account, Some(&known)), Ok).ok()?,
                    nonce,
                    content: if is_order { compose(&text, &answers) } else { text.into() },
                    order: is_order.then_some(GivenOrder { choices: 2, within }),
                    is_press,
                    client_message_id: client_id(repeated),
                    at: time(at),
                })
            }
            Op::Work { id, user, action, stale, client_id: repeated, at } => {
                let known = self.known(id, false)?;
                let (action, version) = (WorkAction::ALL[action], known.work.version + u64::from(stale));
                let to = (action == WorkAction::Transfer).then(|| USERS[(user + 1) % USERS.len()].into());
                let entry = EntryChange::Work { action, version, to };
                self.entry(&known, user, entry, client_id(repeated), at)?
            }
            Op::End { id, user, reason, stale, client_id: repeated, at } => {
                let known = self.known(id, false)?;
                let version = known.emergency.as_ref().map_or(1, |emergency| emergency.version);
                let entry = EntryChange::EndEmergency {
                    reason: REASONS[reason],
                    version: version + u64::from(stale),
                };
                self.entry(&known, user, entry, client_id(repeated), at)?
            }
            Op::Alert { id, level, at } => {
                let conversation = CONVERSATIONS[id].into();
                let (content, at) = ("an alert".into(), time(at));
                Change::Escalate(Escalate { conversation, level, nonce, content, at })
            }
            Op::Order { id, user, seq, answer, client_id: repeated, at } => {
                let known = self.known(id, false)?;
                let entry = match answer {
                    Some(answer) => EntryChange::Answer { seq, answer },
                    None => EntryChange::WithdrawOrder { seq },
                };
                self.entry(&known, user, entry, client_id(repeated), at)?
            }
            Op::Expire { id, seq, at } => {
                let conversation = CONVERSATIONS[id].into();
                let (content, at) = ("over".into(), time(at));
                Change::ExpireOrder(ExpireOrder { conversation, seq, nonce, content, at })
            }
            Op::Read { id, user, stale, up_to } => {
                let known = self.known(id, stale)?;
                let account = self.account(user)?;
                // Some read notes, or notes that do not exist.
                let note = may_see_notes(&account, Some(&known)).ok().filter(|_| up_to % 3 == 0);
                let permit = note.map_or_else(|| may_take_part(&account, Some(&known)), Ok).ok()?;
                let (up_to, message_id) = (up_to.min(known.last_seq), "msg_read".into());
                Change::MarkRead(MarkRead { permit, up_to, message_id, at: known.last_message_at })
            }
            Op::Enrol { id, user, stale } => Change::Enrol(self.membership(id, user, stale)?),
            Op::Withdraw { id, user, stale } => Change::Withdraw(self.membership(id, user, stale)?),
        })
    }

    /// An entry by a user under the nonce of now.
    fn entry(
        &self,
        known: &Conversation,
        user: usize,
        entry: EntryChange,
        client_message_id: Option<ClientMessageId>,
        at: i64,
    ) -> Option<Change> {
        Some(Change::AppendEntry(AppendEntry {
            permit: may_take_part(&self.account(user)?, Some(known)).ok()?,
            entry,
            nonce: Nonce([self.nonces; NONCE_BYTES]),
            content: "what has happened".into(),
            client_message_id,
            at: time(at),
        }))
    }

    fn membership(&self, id: usize, user: usize, stale: bool) -> Option<Membership> {
        let Conversation { id, version, .. } = self.known(id, stale)?;
        Some(Membership { conversation: id, version, user: USERS[user].into() })
    }

    fn known(&self, id: usize, stale: bool) -> Option<Conversation> {
        let query = Query::Conversation(CONVERSATIONS[id].into());
        let Facts::Conversation(found) = load(self.reference, query).facts else { panic!("no conversation") };
        let found = found?;
        let version = found.version + u64::from(stale);
        Some(Conversation { version, ..found })
    }

    fn account(&self, user: usize) -> Option<StoredAccount> {
        stored_account(self.reference, USERS[user])
    }
}

/// Only the journal has seals.
fn unsealed(verdict: Verdict) -> Verdict {
    match verdict {
        Ok(Committed { position, event }) => Ok(Committed { position, event: event.map(Event::unsealed) }),
        Err(Rejected::Duplicate(original)) => Err(Rejected::Duplicate(original.unsealed())),
        Err(refused) => Err(refused),
    }
}

/// Pages with bounds, which [`everything`] asks without.
fn pages(store: &impl Store) -> Vec<Facts> {
    let mut pages = Vec::new();
    let end = load(store, Query::Directory).position;
    pages.extend([1, 9].map(Query::Emergencies));
    for (user, limit) in
        USERS.iter().map(|user| Some((*user).into())).chain([None]).zip([9, 1, 2].into_iter().cycle())
    {
        pages.push(Query::OpenOrders(OrderQuery { user, after: None, limit }));
    }
    for (skip, limit, bound, back) in
        [(0, 1, 100, None), (1, 2, 3, Some(2)), (2, 5, 0, None), (0, 0, 9, Some(5))]
    {
        for user in USERS {
            let (user, since) = (user.into(), time(20_000));
            let below = back.map(|back| Position(end.0.saturating_sub(back)));
            pages.push(Query::Conversations { user, since, below, skip, limit, members: bound });
        }
        for (user, conversation) in USERS.iter().flat_map(|user| CONVERSATIONS.map(|id| (*user, id))) {
            pages.push(Query::ConversationRow { user: user.into(), conversation: conversation.into() });
        }
        let ids = CONVERSATIONS.map(ConversationId::from);
        for conversation in ids.iter().cloned().chain(ids.iter().map(ConversationId::notes)) {
            for window in [Window::Newest { skip }, Window::Before(4), Window::After(skip)] {
                let conversation = conversation.clone();
                pages.push(Query::Messages {
                    conversation,
                    window,
                    limit,
                    bytes: bound,
                    with_positions: true,
                });
            }
        }
    }
    pages.into_iter().map(|query| comparable(store, query)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_local_store_says_what_the_reference_says(
        batches in prop::collection::vec((prop::collection::vec(op(), 1..8), any::<bool>()), 1..24)
    ) {
        let dir = TempDir::new().unwrap();
        let open = || {
            let options = Options { segment_bytes: 4 << 10, ..Options::default() };
            LocalStore::open(dir.path(), options).unwrap()
        };
        let mut local = open();
        let reference = reference();
        let mut maker = Maker { reference: &reference, nonces: 0 };
        let mut twin = Maker { reference: &reference, nonces: 0 };
        for (ops, reopen) in [(everybody(), false)].into_iter().chain(batches) {
            let changes: Vec<_> = ops.iter().cloned().filter_map(|op| maker.change(op)).collect();
            let same: Vec<_> = ops.into_iter().filter_map(|op| twin.change(op)).collect();
            let says = block_on(local.commit(changes)).unwrap();
            let expected = block_on(reference.commit(same)).unwrap();
            let unsealed = |verdicts: Vec<Verdict>| -> Vec<_> { verdicts.into_iter().map(unsealed).collect() };
            prop_assert_eq!(unsealed(says), unsealed(expected));
            prop_assert_eq!(pages(&local), pages(&reference));
            if reopen {
                drop(local);
                local = open();
            }
        }
        prop_assert_eq!(everything(&local, &USERS, &CLIENT_IDS), everything(&reference, &USERS, &CLIENT_IDS));
    }
}
