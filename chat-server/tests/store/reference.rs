//! The local store answers like the reference on any batches, also when opened again in between.

use chat_core::conversation::Conversation;
use chat_core::id::{ConversationId, NONCE_BYTES, Nonce, UserId};
use chat_core::permission::{may_create, may_take_part};
use chat_core::protocol::{Role, RoomType, User};
use chat_core::store::{
    Account, AppendMessage, Change, CreateConversation, Facts, ListPlace, MarkRead, Membership, MemoryStore,
    Query, Receipt, Store, Verdict, Window,
};
use chat_core::time::Timestamp;
use chat_server::store::{LocalStore, Options};
use futures::executor::block_on;
use proptest::prelude::*;
use server_test_support::store::{everything, load};
use tempfile::TempDir;

const USERS: [&str; 5] = ["ann", "bob", "control", "d", "ann\u{0}b"];
const CONVERSATIONS: [&str; 4] = ["conv_a", "conv_ab", "conv_b", "c"];
const CLIENT_IDS: [&str; 3] = ["1", "2", "12"];

/// A change or a query. Numbers choose from the lists above.
#[derive(Clone, Debug)]
enum Op {
    Account { user: usize, active: bool, due: bool, role: usize },
    Create { id: usize, creator: usize, members: Vec<usize>, client_id: Option<usize>, at: i64 },
    Append { id: usize, user: usize, stale: bool, length: usize, client_id: Option<usize>, at: i64 },
    Read { id: usize, user: usize, stale: bool, up_to: u64 },
    Enrol { id: usize, user: usize, stale: bool },
    Withdraw { id: usize, user: usize, stale: bool },
}

fn op() -> impl Strategy<Value = Op> {
    let user = 0..USERS.len();
    let id = || 0..CONVERSATIONS.len();
    let client_id = || prop::option::of(0..CLIENT_IDS.len());
    // Some 14 hours: conversations change the hour of their last activity, forwards only.
    let at = || 0..50_000_i64;
    let stale = || prop::bool::weighted(0.1);
    let members = prop::collection::vec(user.clone(), 0..4);
    prop_oneof![
        1 => (user.clone(), any::<bool>(), any::<bool>(), 0..4_usize)
            .prop_map(|(user, active, due, role)| Op::Account { user, active, due, role }),
        2 => (id(), user.clone(), members, client_id(), at())
            .prop_map(|(id, creator, members, client_id, at)| Op::Create { id, creator, members, client_id, at }),
        6 => (id(), user.clone(), stale(), prop_oneof![0..40_usize, 2_000..2_100_usize], client_id(), at())
            .prop_map(|(id, user, stale, length, client_id, at)| {
                Op::Append { id, user, stale, length, client_id, at }
            }),
        2 => (id(), user.clone(), stale(), 0..12_u64)
            .prop_map(|(id, user, stale, up_to)| Op::Read { id, user, stale, up_to }),
        1 => (id(), user.clone(), stale()).prop_map(|(id, user, stale)| Op::Enrol { id, user, stale }),
        1 => (id(), user, stale()).prop_map(|(id, user, stale)| Op::Withdraw { id, user, stale }),
    ]
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
            Op::Account { user, active, due, role } => {
                let user = User::new(USERS[user], Role::ALL[role]);
                Change::PutAccount(Account { active, enrolment_due: due, ..Account::new(user) })
            }
            Op::Create { id, creator, members, client_id: repeated, at } => {
                let users = members.into_iter().chain([creator]).map(|user| UserId::from(USERS[user]));
                Change::CreateConversation(CreateConversation {
                    permit: may_create(&User::new(USERS[creator], Role::BusDriver)).unwrap(),
                    id: CONVERSATIONS[id].into(),
                    title: "Support: ü".into(),
                    room_type: RoomType::ALL[id],
                    participants: users.collect(),
                    nonce,
                    content: "first".into(),
                    client_message_id: client_id(repeated),
                    at: server_test_support::store::time(at),
                })
            }
            Op::Append { id, user, stale, length, client_id: repeated, at } => {
                let known = self.known(id, stale)?;
                Change::AppendMessage(AppendMessage {
                    permit: may_take_part(&USERS[user].into(), Some(&known)).ok()?,
                    nonce,
                    content: "x".repeat(length).into(),
                    client_message_id: client_id(repeated),
                    at: server_test_support::store::time(at),
                })
            }
            Op::Read { id, user, stale, up_to } => {
                let known = self.known(id, stale)?;
                let permit = may_take_part(&USERS[user].into(), Some(&known)).ok()?;
                Change::MarkRead(MarkRead { permit, up_to: up_to.min(known.last_seq) })
            }
            Op::Enrol { id, user, stale } => Change::Enrol(self.membership(id, user, stale)?),
            Op::Withdraw { id, user, stale } => Change::Withdraw(self.membership(id, user, stale)?),
        })
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
}

/// Positions differ by the epoch, which has one in the journal.
fn without_position(verdict: Verdict) -> Verdict {
    let position = chat_core::store::Position(0);
    verdict.map(|receipt| match receipt {
        Receipt::Account { .. } => Receipt::Account { position },
        Receipt::Created { sent_at, .. } => Receipt::Created { position, sent_at },
        Receipt::Appended { seq, sent_at, .. } => Receipt::Appended { position, seq, sent_at },
        Receipt::Read { advanced, .. } => Receipt::Read { position, advanced },
        Receipt::Membership { version, changed, .. } => Receipt::Membership { position, version, changed },
    })
}

/// Pages with bounds, which [`everything`] asks without.
fn pages(store: &impl Store) -> Vec<Facts> {
    let mut pages = Vec::new();
    for (skip, limit, bound) in [(0, 1, 100), (1, 2, 3), (2, 5, 0), (0, 0, 9)] {
        for user in USERS {
            let (user, since) = (user.into(), server_test_support::store::time(20_000));
            let participants = bound;
            let after = (skip == 1).then(|| ListPlace {
                last_message_at: server_test_support::store::time(35_000),
                conversation: CONVERSATIONS[0].into(),
            });
            pages.push(Query::Conversations { user, since, after, skip, limit, participants });
        }
        for (user, conversation) in USERS.iter().flat_map(|user| CONVERSATIONS.map(|id| (*user, id))) {
            pages.push(Query::ConversationRow { user: user.into(), conversation: conversation.into() });
        }
        for conversation in CONVERSATIONS.map(ConversationId::from) {
            for window in [Window::Newest { skip }, Window::Before(4), Window::After(skip)] {
                let conversation = conversation.clone();
                pages.push(Query::Messages { conversation, window, limit, bytes: bound });
            }
        }
        let after = Some(ConversationId::from("conv_a"));
        pages.push(Query::ActiveConversations {
            since: server_test_support::store::time(20_000),
            after: after.clone(),
            limit,
        });
        pages.push(Query::Memberships { user: "ann".into(), after, limit });
    }
    pages.into_iter().map(|query| load(store, query).facts).collect()
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
        let reference = MemoryStore::new("epoch");
        let mut maker = Maker { reference: &reference, nonces: 0 };
        let mut twin = Maker { reference: &reference, nonces: 0 };
        for (ops, reopen) in batches {
            let changes: Vec<_> = ops.iter().cloned().filter_map(|op| maker.change(op)).collect();
            let same: Vec<_> = ops.into_iter().filter_map(|op| twin.change(op)).collect();
            let says = block_on(local.commit(changes)).unwrap();
            let expected = block_on(reference.commit(same)).unwrap();
            let without_positions = |verdicts: Vec<Verdict>| -> Vec<_> {
                verdicts.into_iter().map(without_position).collect()
            };
            prop_assert_eq!(without_positions(says), without_positions(expected));
            if reopen {
                drop(local);
                local = open();
            }
        }
        prop_assert_eq!(everything(&local, &USERS, &CLIENT_IDS), everything(&reference, &USERS, &CLIENT_IDS));
        prop_assert_eq!(pages(&local), pages(&reference));
        let all = Query::ActiveConversations { since: Timestamp::from_millis(0), after: None, limit: 2 };
        prop_assert_eq!(load(&local, all.clone()).facts, load(&reference, all).facts);
    }
}
