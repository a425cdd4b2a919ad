//! The conversations of one owner of a list, newest activity first.

use std::cmp::Reverse;
use std::vec;

use chat_core::id::ConversationId;
use chat_core::store::{Position, UnavailableError};

use super::Snapshot;
use crate::store::index::heads::newest_text;
use crate::store::index::view::{Scan, after};
use crate::store::keys::{self, Block, Owner};
use crate::store::read::recent::{Listed, RecentPage};

/// The conversations of an owner below a position: from memory first, then block by block from the
/// index.
pub(super) struct OwnerList<'a> {
    snapshot: &'a Snapshot<'a>,
    owner: Owner,
    /// The position below which the blocks begin.
    below: Position,
    /// Conversations in order, from memory or from the last block.
    ready: vec::IntoIter<Listed>,
    /// The rest of the blocks, once they are read.
    blocks: Option<Scan<'a>>,
    /// The first conversation of the next block.
    next: Option<(Block, ConversationId)>,
}

impl<'a> OwnerList<'a> {
    /// The list of this owner.
    pub(super) fn new(
        snapshot: &'a Snapshot<'a>,
        owner: Owner,
        recent: Option<RecentPage>,
        below: Option<Position>,
    ) -> Self {
        let below = below.unwrap_or(Position(u64::MAX));
        let RecentPage { listed, floor } = recent.unwrap_or(RecentPage { listed: Vec::new(), floor: below });
        let (below, ready) = (floor.min(below), listed.into_iter());
        Self { snapshot, owner, below, ready, blocks: None, next: None }
    }

    /// Whether the owner is a team.
    pub(super) fn is_team(&self) -> bool {
        matches!(self.owner, Owner::Team(_))
    }

    /// The next conversation.
    pub(super) fn peek(&mut self) -> Result<Option<&Listed>, UnavailableError> {
        while self.ready.as_slice().is_empty() && self.read_block()? {}
        Ok(self.ready.as_slice().first())
    }

    /// Passes the next conversation.
    pub(super) fn advance(&mut self) {
        self.ready.next();
    }

    /// Reads the next block. Returns `false` if there is none.
    fn read_block(&mut self) -> Result<bool, UnavailableError> {
        if self.below.0 == 0 {
            return Ok(false);
        }
        let Some((block, first)) = self.next_key()? else { return Ok(false) };
        let mut listed = vec![self.snapshot.listed(first)?];
        while let Some((other, id)) = self.next_key()? {
            if other != block {
                self.next = Some((other, id));
                break;
            }
            listed.push(self.snapshot.listed(id)?);
        }
        listed.retain(|listed| listed.position < self.below);
        listed.sort_unstable_by_key(|listed| Reverse(listed.position));
        self.ready = listed.into_iter();
        Ok(true)
    }

    fn next_key(&mut self) -> Result<Option<(Block, ConversationId)>, UnavailableError> {
        if let Some(next) = self.next.take() {
            return Ok(Some(next));
        }
        let prefix = keys::activities(&self.owner);
        let blocks = if let Some(blocks) = &mut self.blocks {
            blocks
        } else {
            let newest = Block::of(Position(self.below.0 - 1));
            let start = keys::activities_in(&self.owner, newest);
            self.blocks.insert(self.snapshot.view.range(&start, &after(&prefix))?)
        };
        let Some((key, _)) = blocks.next().transpose()? else { return Ok(None) };
        self.snapshot.view.decoded(keys::split_activity(&key[prefix.len()..])).map(Some)
    }
}

impl Snapshot<'_> {
    /// A conversation with the place of its newest message.
    pub(super) fn listed(&self, conversation: ConversationId) -> Result<Listed, UnavailableError> {
        let newest = newest_text(&self.view, &conversation)?;
        let (_, newest) = self.view.decoded(newest)?;
        Ok(Listed { conversation, position: newest.position, sent_at: newest.sent_at })
    }
}
