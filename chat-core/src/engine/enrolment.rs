//! The background job that enrols a control user in the assigned conversations, or withdraws a user
//! who leaves control.
//!
//! An account whose enrolment is due is marked in the store until the job has ended, so a crash
//! only delays the job. One account is worked on at a time, in pages of conversations, each page in
//! one commit.

use std::collections::BTreeMap;

use super::io::ConnectionId;
use super::origin::Origin;
use super::{Draining, Engine, SupportRequest, Timer};
use crate::conversation::Conversation;
use crate::id::{ConversationId, UserId};
use crate::protocol::ConversationStatus;
use crate::store::{Account, Change, Facts, Loaded, Membership, Query, UnavailableError};

/// Accounts whose enrolment is due. Bounded by the number of control users.
#[derive(Default)]
pub(super) struct Enrolment {
    due: BTreeMap<UserId, Account>,
    job: Option<Job>,
    /// Requests for a list whose user is not fully enrolled yet. Bounded by the connections, each
    /// of which has at most one.
    lists: Vec<(UserId, Origin)>,
}

/// The job of one account.
struct Job {
    account: Account,
    /// Conversations up to this id are done.
    done: Option<ConversationId>,
    /// The last id of the current page, or `None` on the last page.
    page_ends: Option<ConversationId>,
    /// Changes in flight.
    open: usize,
    /// A change failed, and the job must run again.
    again: bool,
    /// All pages are done.
    enrolled: bool,
    /// The last change, of the account itself, is in flight.
    settling: bool,
}

impl Enrolment {
    /// Queues an account for enrolment, also while its job is running.
    pub(super) fn put(&mut self, account: Account) {
        self.due.insert(account.user.id.clone(), account);
    }

    /// Whether this user may still lack assigned conversations.
    fn concerns(&self, user: &UserId) -> bool {
        let is_being_enrolled = |job: &Job| !job.enrolled && job.account.user.id == *user;
        self.due.contains_key(user) || self.job.as_ref().is_some_and(is_being_enrolled)
    }

    /// Forgets the waiting list of a closed connection.
    pub(super) fn forget(&mut self, conn: ConnectionId) {
        self.lists.retain(|(_, origin)| !origin.is_of(conn));
    }

    /// Removes the lists that wait for this user.
    fn lists_of(&mut self, user: &UserId) -> Vec<Origin> {
        self.lists.extract_if(.., |(waits_for, _)| waits_for == user).map(|(_, origin)| origin).collect()
    }
}

impl Engine {
    /// Makes a list wait until its user is fully enrolled. The list and later live events then
    /// leave nothing out.
    pub(super) fn awaits_enrolment(&mut self, user: &UserId, origin: &Origin) -> bool {
        let waits = self.draining == Draining::No && self.enrolment.concerns(user);
        if waits {
            self.enrolment.lists.push((user.clone(), origin.clone()));
        }
        waits
    }

    /// Refuses the waiting lists, because no enrolment will run soon.
    pub(super) fn refuse_lists(&mut self) {
        for (_, origin) in std::mem::take(&mut self.enrolment.lists) {
            self.finish(&origin, Err(self.unavailable()));
            self.advance_origin(&origin);
        }
    }

    /// Starts the next job, unless one is running.
    pub(super) fn enrolment_step(&mut self) {
        if self.draining != Draining::No {
            return;
        }
        if self.enrolment.job.is_none() {
            let Some((_, account)) = self.enrolment.due.pop_first() else { return };
            let job = Job {
                account,
                done: None,
                page_ends: None,
                open: 0,
                again: false,
                enrolled: false,
                settling: false,
            };
            self.enrolment.job = Some(job);
            self.load_page();
        }
    }

    fn load_page(&mut self) {
        let Some(job) = &mut self.enrolment.job else { return };
        job.again = false;
        let (after, limit) = (job.done.clone(), self.limits.engine.enrolment_step);
        let query = if job.account.is_active_control() {
            let since = self.now.wall.minus(self.limits.periods.inactive_after);
            Query::ActiveConversations { since, after, limit }
        } else {
            Query::Memberships { user: job.account.user.id.clone(), after, limit }
        };
        self.load(Origin::Enrolment, query);
    }

    pub(super) fn enrolment_loaded(&mut self, result: Result<Loaded, UnavailableError>) {
        let Some(mut job) = self.enrolment.job.take() else { return };
        let Ok(Facts::ActiveConversations(page) | Facts::Memberships(page)) =
            result.map(|loaded| loaded.facts)
        else {
            job.again = true;
            self.enrolment.job = Some(job);
            return self.page_done();
        };
        let full = page.len() >= self.limits.engine.enrolment_step as usize;
        job.page_ends = full.then(|| page.last().map(|last| last.id.clone())).flatten();
        let changes: Vec<_> = page.iter().filter_map(|c| self.enrolment_change(&job.account, c)).collect();
        job.open = changes.len();
        let nothing = changes.is_empty();
        self.enrolment.job = Some(job);
        changes.into_iter().for_each(|change| self.submit_for(Origin::Enrolment, change, None));
        if nothing {
            self.page_done();
        }
    }

    /// Enrols missing control users before a message reactivates a conversation silent for long.
    /// Otherwise a driver might speak to nobody.
    ///
    /// The message itself then meets a conflict and is decided again on the new version, so it is
    /// accepted only after the enrolment.
    pub(super) fn enrol_before_reactivation(&mut self, id: &ConversationId) {
        let inactive_after = self.limits.periods.inactive_after;
        let silent =
            |c: &&Conversation| c.status(self.now.wall, inactive_after) == ConversationStatus::Inactive;
        let Some(conversation) = self.cache.get(id).filter(silent) else { return };
        let request =
            SupportRequest { created_by: &conversation.created_by, room_type: conversation.room_type };
        let most = self.limits.engine.participants;
        let wanted = self.directory.participants(&*self.assignment, request, most);
        let takes_part =
            |user: &UserId| conversation.participants.contains(user) || *user == conversation.created_by;
        let missing = wanted.iter().filter(|user| !takes_part(user));
        let room = most.saturating_sub(conversation.participants.len());
        let enrol = |(version, user): (u64, &UserId)| {
            Change::Enrol(Membership { conversation: id.clone(), version, user: user.clone() })
        };
        let changes: Vec<_> = (conversation.version..).zip(missing.take(room)).map(enrol).collect();
        changes.into_iter().for_each(|change| self.submit_for(Origin::Engine, change, None));
    }

    /// The change of one conversation for this account, if any is needed.
    fn enrolment_change(&self, account: &Account, conversation: &Conversation) -> Option<Change> {
        let Conversation { id, created_by, room_type, participants, version, .. } = conversation;
        let user = account.user.id.clone();
        let takes_part = participants.contains(&user);
        let membership = Membership { conversation: id.clone(), version: *version, user };
        let request = SupportRequest { created_by, room_type: *room_type };
        if account.is_active_control() {
            (!takes_part
                && participants.len() < self.limits.engine.participants
                && self.assignment.takes_part(request, &account.user))
            .then_some(Change::Enrol(membership))
        } else {
            (takes_part && *created_by != membership.user).then_some(Change::Withdraw(membership))
        }
    }

    /// Counts an answered change of the job.
    pub(super) fn enrolment_judged(&mut self, done: bool) {
        let Some(job) = &mut self.enrolment.job else { return };
        job.open = job.open.saturating_sub(1);
        job.again |= !done;
        if job.open == 0 {
            self.page_done();
        }
    }

    /// Continues after a page: with the next page, the same again, or the end.
    fn page_done(&mut self) {
        let Some(job) = &mut self.enrolment.job else { return };
        let user = job.account.user.id.clone();
        let settled = job.settling && !job.again;
        let begun_anew = self.enrolment.due.contains_key(&user);
        if begun_anew || settled {
            self.enrolment.job = None;
            return self.enrolment_step();
        }
        job.settling = false;
        let (again, page_ends) = (job.again, job.page_ends.take());
        job.enrolled = !again && page_ends.is_none();
        self.resume_lists(&user);
        match page_ends {
            _ if again => self.retry_enrolment(),
            Some(last) => self.load_page_after(last),
            None if self.commits.holds_account(&user) => self.retry_enrolment(),
            None => self.settle(),
        }
    }

    fn load_page_after(&mut self, last: ConversationId) {
        if let Some(job) = &mut self.enrolment.job {
            job.done = Some(last);
        }
        self.load_page();
    }

    /// Continues the lists of this user once fully enrolled.
    fn resume_lists(&mut self, user: &UserId) {
        if !self.enrolment.concerns(user) {
            let lists = self.enrolment.lists_of(user);
            self.resume(lists);
        }
    }

    /// Restarts the job after a pause. Changes already made have no effect the second time.
    fn retry_enrolment(&mut self) {
        let Some(job) = self.enrolment.job.take() else { return };
        self.enrolment.put(job.account);
        let at = self.now.monotonic.plus(self.limits.periods.unavailable_retry);
        self.timers.set(at, Timer::Enrolment);
        self.refuse_lists();
    }

    /// Marks the account as enrolled.
    fn settle(&mut self) {
        let Some(job) = &mut self.enrolment.job else { return };
        (job.settling, job.open) = (true, 1);
        let account = Account { enrolment_due: false, ..job.account.clone() };
        self.put_in_directory(&account);
        self.submit_for(Origin::Enrolment, Change::PutAccount(account), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_waits_is_forgotten_with_its_connection() {
        let user = UserId::from("control_1");
        let origins = [1, 2].map(|conn| Origin::Request(ConnectionId(conn), 1));
        let lists = origins.iter().map(|origin| (user.clone(), origin.clone())).collect();
        let mut enrolment = Enrolment { lists, ..Enrolment::default() };
        enrolment.forget(ConnectionId(1));
        assert_eq!(enrolment.lists_of(&user), origins[1..]);
    }
}
