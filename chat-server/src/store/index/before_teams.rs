//! Replaying records of the journal, which may have been written before conversations had teams or
//! work.

use std::collections::BTreeSet;
use std::sync::Arc;

use chat_core::id::{ConversationId, TeamId, UserId};
use chat_core::protocol::Work;
use chat_core::store::{Account, StoreBefore, UnavailableError, complete};

use super::apply::{Applier, staff};
use super::view::View;
use crate::store::write::journal::{Location, Record};

impl Applier {
    /// Completes the event of a record, and applies it.
    pub(in crate::store) fn replay(
        &mut self,
        view: &mut View,
        record: &mut Record,
        location: Location,
    ) -> Result<(), UnavailableError> {
        complete(&mut record.event, &mut ReplayState { applier: self, view })?;
        self.apply(view, &record.event, (record.position, location))
    }
}

/// The store before a record.
struct ReplayState<'a> {
    applier: &'a mut Applier,
    view: &'a View,
}

impl StoreBefore for ReplayState<'_> {
    fn account(&mut self, user: &UserId) -> Result<Option<Arc<Account>>, UnavailableError> {
        let known = self.applier.account(user, self.view)?;
        Ok(known.map(|known| Arc::new(known.account.clone())))
    }

    fn teams(&mut self, conversation: &ConversationId) -> Result<Vec<TeamId>, UnavailableError> {
        let head = self.applier.head(conversation, self.view)?;
        Ok(head.map(|stored| stored.head.participation.teams.clone()).unwrap_or_default())
    }

    fn work(&mut self, conversation: &ConversationId) -> Result<Option<Work>, UnavailableError> {
        let head = self.applier.head(conversation, self.view)?;
        Ok(head.map(|stored| stored.head.work))
    }

    fn active_control(&mut self) -> Result<Arc<BTreeSet<UserId>>, UnavailableError> {
        if let Some(control) = &self.applier.control {
            return Ok(control.clone());
        }
        let staff = staff(self.view)?.into_iter().map(|known| known.account);
        let control = staff.filter(Account::is_active_control).map(|account| account.user.id);
        let control = Arc::new(control.collect());
        Ok(self.applier.control.insert(control).clone())
    }
}
