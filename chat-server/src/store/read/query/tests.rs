use std::collections::BTreeSet;

use chat_core::conversation::Standing;
use chat_core::id::{MessageId, NONCE_BYTES, Nonce, TeamId};
use chat_core::protocol::{Role, RoomType, User};
use chat_core::store::{ConversationCreated, Event, MembershipChanged};
use chat_core::time::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::store::index::Index;
use crate::store::index::apply::{Applier, Move};
use crate::store::index::writes::Writes;
use crate::store::keys::Owner;
use crate::store::write::journal::{End, Location};

const TEAM: &str = "control";

/// Positions between two conversations: blocks have two or three each.
const APART: u64 = 30_000;

/// A store whose events stand at chosen positions.
struct Stored {
    dir: TempDir,
    index: Arc<Index>,
    memtable: Arc<MemTable>,
    engine: QueryEngine,
}

fn account(user: &str, role: Role, teams: &[&str]) -> Event {
    let teams = teams.iter().map(|team| TeamId::from(*team)).collect();
    Event::AccountPut { account: Account { teams, ..Account::new(User::new(user, role)) } }
}

fn id(number: u64) -> ConversationId {
    format!("conv_{number:05}").into()
}

fn creation(number: u64, teams: &[&str]) -> Event {
    Event::ConversationCreated(Box::new(ConversationCreated {
        id: id(number),
        title: "Support: a title".into(),
        room_type: RoomType::DriverSupport,
        created_by: "driver".into(),
        creator: None,
        participants: [UserId::from("driver")].into_iter().collect(),
        control_members: BTreeSet::default(),
        teams: Some(teams.iter().map(|team| TeamId::from(*team)).collect()),
        work: None,
        emergency: None,
        message_id: MessageId::compose(Nonce([1; NONCE_BYTES]), 1),
        sent_at: Timestamp::from_millis(i64::try_from(number).unwrap()),
        client_message_id: None,
        content_hash: None,
        content: "text".into(),
    }))
}

fn standing(number: u64, user: &str, standing: Standing) -> Event {
    Event::MemberAdded(MembershipChanged {
        conversation: id(number),
        user: user.into(),
        version: 2,
        was: Standing::Unnamed,
        standing: Some(standing),
    })
}

impl Stored {
    fn of(events: impl IntoIterator<Item = (u64, Event)>) -> Self {
        let dir = TempDir::new().unwrap();
        let index = Arc::new(Index::create(&dir.path().join("index"), 64 << 20).unwrap());
        let mut view = View::new(Ok(index.clone()), MemTableSnapshot::default());
        let (mut applier, mut end) = (Applier::default(), End::default());
        for (position, event) in events {
            let location = Location { segment: 1, offset: 0 };
            applier.apply(&mut view, &event, (Position(position), location)).unwrap();
            end.position = Position(position);
        }
        index.apply(view.take_writes(), end, || ()).unwrap();
        let (slot, memtable) = (Arc::new(IndexSlot::new(Ok(index.clone()))), Arc::new(MemTable::new(end)));
        let reader = Arc::new(Reader::new(dir.path()));
        Self { engine: QueryEngine::new(slot, memtable.clone(), reader), dir, index, memtable }
    }

    fn view(&self) -> View {
        View::new(Ok(self.index.clone()), MemTableSnapshot::default())
    }

    /// The numbers of the conversations on a page.
    fn list(&self, user: &str, below: Option<u64>, skip: u64, limit: u32) -> Vec<u64> {
        let query = Query::Conversations {
            user: user.into(),
            since: Timestamp::from_millis(-1),
            below: below.map(Position),
            skip,
            limit,
            members: usize::MAX,
        };
        let Facts::Conversations(page) = self.engine.answer(query).unwrap().facts else { panic!("no page") };
        let number = |id: &ConversationId| id.as_str()["conv_".len()..].parse().unwrap();
        page.rows.iter().map(|row| number(&row.conversation.id)).collect()
    }

    /// Keeps only the last conversations of the team in memory.
    fn remember(&self, most: usize) {
        let recent = self.engine.slot.recent();
        let team = TeamId::from(TEAM);
        let (mut listed, _) = self.engine.newest_of(&Owner::Team(team.clone())).unwrap();
        listed.sort_unstable_by_key(|listed| listed.position);
        let listed = listed.split_off(listed.len().saturating_sub(most));
        recent.forget();
        assert!(recent.begin(&team));
        let floor = listed.first().map_or(Position(u64::MAX), |listed| listed.position);
        recent.finish(&team, listed, floor);
    }
}

/// Conversations 1 to 20. Every third has no team. `both` is in the team and a member of each
/// fifth, and was withdrawn from 7.
fn in_many_blocks() -> Stored {
    let people = [
        (1, account("driver", Role::BusDriver, &[])),
        (2, account("both", Role::ControlStaff, &[TEAM, "empty"])),
    ];
    let created = (1..=20)
        .map(|number| (number * APART, creation(number, if number % 3 == 0 { &[] } else { &[TEAM] })));
    let members = [5, 10, 15, 20].map(|number| standing(number, "both", Standing::Member));
    let changed = members.into_iter().chain([standing(7, "both", Standing::Withdrawn)]);
    Stored::of(people.into_iter().chain(created).chain((900_001..).zip(changed)))
}

#[test]
fn a_list_is_in_order_whether_its_conversations_are_in_memory_or_in_blocks() {
    let stored = in_many_blocks();
    let all: Vec<u64> = (1..=20).rev().collect();
    let both: Vec<u64> = all.iter().copied().filter(|n| (n % 3 > 0 || n % 5 == 0) && *n != 7).collect();
    for in_memory in [0, 1, 3, 14, 20] {
        for (user, expected) in [("driver", &all), ("both", &both)] {
            for below in [None, Some(1), Some(8 * APART), Some(8 * APART + 1), Some(u64::MAX)] {
                stored.remember(in_memory);
                let under: Vec<u64> = expected
                    .iter()
                    .copied()
                    .filter(|n| below.is_none_or(|below| n * APART < below))
                    .collect();
                assert_eq!(stored.list(user, below, 0, 100), under, "{user} {in_memory} {below:?}");
                let some: Vec<u64> = under.into_iter().skip(3).take(2).collect();
                assert_eq!(stored.list(user, below, 3, 2), some, "{user} {in_memory} {below:?}");
            }
        }
    }
}

#[test]
fn a_team_is_read_into_memory_once_and_again_after_the_index_was_replaced() {
    let stored = in_many_blocks();
    let team = TeamId::from(TEAM);
    assert!(!stored.engine.slot.recent().knows(&team));
    stored.list("both", None, 0, 1);
    assert!(stored.engine.slot.recent().knows(&team));
    stored.engine.slot.set(Ok(stored.index.clone()));
    assert!(!stored.engine.slot.recent().knows(&team));
    assert!(stored.dir.path().exists());
}

#[test]
fn a_conversation_that_moves_is_listed_where_it_stands_in_the_snapshot() {
    let stored = in_many_blocks();
    stored.list("both", None, 0, 1);
    let participation = participation(&stored.view(), &id(4), vec![TEAM.into()]).unwrap();
    let moved = Move {
        conversation: id(4),
        participation: Arc::new(participation),
        from: Some(Position(4 * APART)),
        to: Position(1_000_000),
        sent_at: Timestamp::from_millis(99),
    };
    let teams = [TeamId::from(TEAM)];
    let recent = stored.engine.slot.recent();
    let (position, before) = recent.read(&teams, None, 100, || stored.memtable.snapshot().position());
    let end = End { position: Position(1_000_000), ..End::default() };
    recent.publish(&[moved], || stored.memtable.publish(Writes::default(), end));
    let (later, after) = recent.read(&teams, None, 100, || stored.memtable.snapshot().position());
    assert_eq!((position, later), (Position(900_005), Position(1_000_000)));
    assert_ne!(before[&teams[0]].listed[0].conversation, id(4));
    assert_eq!(after[&teams[0]].listed[0].conversation, id(4));
    assert_eq!(before[&teams[0]].listed.len(), after[&teams[0]].listed.len(), "it left its old place");
}

/// Calls of the database for the newest conversation of a user in control.
fn calls_for_one_row(conversations: u64) -> u64 {
    let people =
        [(1, account("driver", Role::BusDriver, &[])), (2, account("control", Role::ControlStaff, &[TEAM]))];
    let created = (1..=conversations).map(|number| (2 + number, creation(number, &[TEAM])));
    let stored = Stored::of(people.into_iter().chain(created));
    assert_eq!(stored.list("control", None, 0, 1), [conversations]);
    let before = stored.index.asked();
    assert_eq!(stored.list("control", None, 0, 1), [conversations]);
    stored.index.asked() - before
}

#[test]
fn the_first_row_costs_the_same_with_100_and_with_10_000_conversations_of_one_hour() {
    let few = calls_for_one_row(100);
    assert!(few < 40, "{few}");
    assert_eq!(calls_for_one_row(10_000), few);
}
