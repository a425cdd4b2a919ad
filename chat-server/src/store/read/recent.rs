//! The newest conversations of teams, in memory and in order.
//!
//! The index knows the block of a conversation's newest message. The exact order within a block
//! takes a look at every conversation of the block, which is too much for each page of a team.
//!
//! The lists hold no rows. What a row shows beside the order belongs to its reader (standing, read
//! position, unread messages) or changes with each message, so rows are read from the memtable and
//! the index. This is quick enough: when 300 control users reconnect at once to 100,000
//! conversations, all have their first page after a quarter of the second that they may take
//! (`--rows agency` of the benchmark).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat_core::id::{ConversationId, TeamId};
use chat_core::store::Position;
use chat_core::time::Timestamp;

use crate::store::index::apply::Move;

/// Most conversations of one team in memory. Each costs some 100 bytes.
pub(in crate::store) const OF_TEAM_MOST: usize = 32_768;

/// Most conversations in memory, with one more for each team. Beyond this number the team that was
/// least recently asked for is forgotten.
const MOST: usize = 131_072;

/// A conversation in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::store) struct Listed {
    /// The conversation.
    pub(in crate::store) conversation: ConversationId,
    /// The position of the newest message.
    pub(in crate::store) position: Position,
    /// The time of the newest message.
    pub(in crate::store) sent_at: Timestamp,
}

/// The newest conversations of a team, newest first. None of the team's conversations from `floor`
/// on is missing.
#[derive(Debug)]
pub(in crate::store) struct RecentPage {
    pub(in crate::store) listed: Vec<Listed>,
    pub(in crate::store) floor: Position,
}

/// The newest conversations of the teams that were asked for.
#[derive(Debug, Default)]
pub(in crate::store) struct RecentLists(Mutex<RecentState>);

#[derive(Debug, Default)]
struct RecentState {
    teams: HashMap<TeamId, RecentList>,
    /// The number of requests so far.
    clock: u64,
}

#[derive(Debug, Default)]
struct RecentList {
    /// All conversations of the team from `floor` on, unless still being filled.
    listed: BTreeMap<Position, Listed>,
    floor: Position,
    /// While the list is being filled: the positions that conversations have left meanwhile.
    left: Option<HashSet<Position>>,
    /// The number of the last request.
    used: u64,
}

impl RecentLists {
    /// Makes a group of changes visible with `publish`, and moves its conversations to the top.
    pub(in crate::store) fn publish(&self, moves: &[Move], publish: impl FnOnce()) {
        let mut state = self.state();
        publish();
        if state.teams.is_empty() {
            return;
        }
        for moved in moves {
            for team in &moved.participation.teams {
                if let Some(list) = state.teams.get_mut(team) {
                    list.advance(moved);
                }
            }
        }
        state.trim();
    }

    /// Reads the first `most` conversations of each known team below a position, at the moment of
    /// `snapshot`.
    pub(in crate::store) fn read<T>(
        &self,
        teams: &[TeamId],
        below: Option<Position>,
        most: usize,
        snapshot: impl FnOnce() -> T,
    ) -> (T, HashMap<TeamId, RecentPage>) {
        let mut state = self.state();
        state.clock += 1;
        let now = state.clock;
        let pages = teams.iter().filter_map(|team| {
            let list = state.teams.get_mut(team).filter(|list| list.left.is_none())?;
            list.used = now;
            Some((team.clone(), list.page(below, most)))
        });
        let pages = pages.collect();
        (snapshot(), pages)
    }

    /// Whether the list of a team is in memory.
    pub(in crate::store) fn knows(&self, team: &TeamId) -> bool {
        self.state().knows(team)
    }

    /// Begins to fill the list of a team. Returns `false` if the list is in memory.
    pub(in crate::store) fn begin(&self, team: &TeamId) -> bool {
        let mut state = self.state();
        if state.knows(team) {
            return false;
        }
        let list = RecentList { left: Some(HashSet::new()), used: state.clock, ..RecentList::default() };
        state.teams.insert(team.clone(), list);
        true
    }

    /// Ends the filling of a list. `listed` has every conversation of the team that stood at
    /// `floor` or above since [`begin`](Self::begin), except for those that have moved.
    pub(in crate::store) fn finish(&self, team: &TeamId, listed: Vec<Listed>, floor: Position) {
        let mut state = self.state();
        if let Some(list) = state.teams.get_mut(team)
            && let Some(left) = list.left.take()
        {
            let staying = listed.into_iter().filter(|listed| !left.contains(&listed.position));
            list.listed.extend(staying.map(|listed| (listed.position, listed)));
            list.floor = list.floor.max(floor);
            list.trim();
        }
        state.trim();
    }

    /// Forgets a team.
    pub(in crate::store) fn abandon(&self, team: &TeamId) {
        self.state().teams.remove(team);
    }

    /// Forgets everything.
    pub(in crate::store) fn forget(&self) {
        self.state().teams.clear();
    }

    fn state(&self) -> MutexGuard<'_, RecentState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecentState {
    fn knows(&self, team: &TeamId) -> bool {
        self.teams.get(team).is_some_and(|list| list.left.is_none())
    }

    fn trim(&mut self) {
        while self.teams.values().map(|list| list.listed.len() + 1).sum::<usize>() > MOST {
            let oldest = self.teams.iter().min_by_key(|(_, list)| list.used);
            let oldest = oldest.map(|(team, _)| team.clone());
            oldest.iter().for_each(|team| drop(self.teams.remove(team)));
        }
        self.teams.retain(|_, list| list.left.as_ref().is_none_or(|left| left.len() <= OF_TEAM_MOST));
    }
}

impl RecentList {
    fn advance(&mut self, moved: &Move) {
        if let Some(from) = moved.from {
            self.listed.remove(&from);
            if let Some(left) = &mut self.left {
                left.insert(from);
            }
        }
        let Move { conversation, to, sent_at, .. } = moved;
        let listed = Listed { conversation: conversation.clone(), position: *to, sent_at: *sent_at };
        self.listed.insert(*to, listed);
        self.trim();
    }

    fn trim(&mut self) {
        while self.listed.len() > OF_TEAM_MOST {
            let oldest = self.listed.pop_first();
            self.floor = oldest.map_or(self.floor, |(position, _)| Position(position.0 + 1));
        }
    }

    fn page(&self, below: Option<Position>, most: usize) -> RecentPage {
        let mut left = self.listed.range(..below.unwrap_or(Position(u64::MAX))).rev();
        let listed = left.by_ref().take(most).map(|(_, listed)| listed.clone()).collect();
        let floor = left.next().map_or(self.floor, |(next, _)| Position(next.0 + 1));
        RecentPage { listed, floor }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chat_core::conversation::Participation;

    use super::*;

    fn moved(from: Option<u64>, to: u64, teams: &[TeamId]) -> Move {
        let participation = Participation { teams: teams.to_vec(), ..Participation::default() };
        Move {
            conversation: format!("conv_{}", from.unwrap_or(to)).as_str().into(),
            participation: Arc::new(participation),
            from: from.map(Position),
            to: Position(to),
            sent_at: Timestamp::from_millis(0),
        }
    }

    fn listed(position: u64) -> Listed {
        let conversation = format!("conv_{position}").as_str().into();
        Listed { conversation, position: Position(position), sent_at: Timestamp::from_millis(0) }
    }

    /// The positions in memory, newest first, and the floor.
    fn read(recent: &RecentLists, team: &TeamId) -> Option<(Vec<u64>, u64)> {
        let ((), pages) = recent.read(std::slice::from_ref(team), None, usize::MAX, || ());
        let RecentPage { listed, floor } = pages.get(team)?;
        Some((listed.iter().map(|listed| listed.position.0).collect(), floor.0))
    }

    #[test]
    fn messages_that_arrive_while_a_list_is_filled_are_neither_lost_nor_doubled() {
        let (recent, team) = (RecentLists::default(), TeamId::from("team"));
        let publish = |moves: &[Move]| recent.publish(moves, || ());
        let teams = [team.clone()];
        assert!(recent.begin(&team));
        publish(&[moved(Some(3), 7, &teams)]);
        publish(&[moved(None, 8, &teams), moved(Some(7), 9, &teams), moved(None, 10, &["other".into()])]);
        assert_eq!(read(&recent, &team), None, "not before it is filled");
        // The reader has met the conversation at 3 before it moved, and that of 8 after.
        recent.finish(&team, [2, 3, 5, 8].map(listed).into(), Position(2));
        assert_eq!(read(&recent, &team), Some((vec![9, 8, 5, 2], 2)));
        publish(&[moved(Some(5), 11, &teams)]);
        assert_eq!(read(&recent, &team), Some((vec![11, 9, 8, 2], 2)));
        assert!(!recent.begin(&team));
    }

    #[test]
    fn what_was_forgotten_while_it_was_filled_stays_forgotten() {
        let (recent, team) = (RecentLists::default(), TeamId::from("team"));
        assert!(recent.begin(&team));
        recent.forget();
        recent.finish(&team, vec![listed(1)], Position(0));
        assert_eq!(read(&recent, &team), None);
    }

    #[test]
    fn a_list_keeps_its_newest_conversations_and_the_teams_last_asked_for() {
        let recent = RecentLists::default();
        let teams: Vec<TeamId> = (0..5).map(|team| format!("team_{team}").as_str().into()).collect();
        let most = OF_TEAM_MOST as u64;
        for team in &teams[..3] {
            assert!(recent.begin(team));
            recent.finish(team, (1..=most + 10).map(listed).collect(), Position(0));
        }
        let (positions, floor) = read(&recent, &teams[0]).unwrap();
        assert_eq!((positions.len(), positions[0], floor), (OF_TEAM_MOST, most + 10, 11));
        recent.publish(&[moved(None, most + 11, &teams)], || ());
        assert_eq!(read(&recent, &teams[2]).unwrap().1, 12);
        for team in &teams[3..] {
            assert!(recent.begin(team));
            recent.finish(team, (1..=most).map(listed).collect(), Position(0));
        }
        let known: Vec<_> = teams.iter().map(|team| recent.knows(team)).collect();
        assert_eq!(known, [false, false, true, true, true]);
    }

    #[test]
    fn a_list_that_is_never_filled_is_forgotten_before_it_grows_without_bound() {
        let (recent, team) = (RecentLists::default(), TeamId::from("team"));
        assert!(recent.begin(&team));
        for number in 0..=OF_TEAM_MOST as u64 {
            recent.publish(&[moved(Some(number), 1_000_000 + number, std::slice::from_ref(&team))], || ());
        }
        recent.finish(&team, Vec::new(), Position(0));
        assert!(!recent.knows(&team));
    }
}
