//! Replies with the list of conversations, or with single rows.

use chat_core::id::ConversationId;
use chat_core::protocol::{ConversationSummary, Emergency, GetActiveConversationsReply, Reply, Work};

use super::Machine;
use super::connection::Connection;
use super::conversations::take_up;
use super::io::Output;
use super::list::Listed;
use super::turn::Turn;
use crate::event::Event;

impl Machine {
    pub(super) fn list_reply(&mut self, reply: Option<Reply>) {
        let again = self.again(reply.as_ref());
        match reply {
            Some(Reply::GetActiveConversations(page)) => self.listed(page),
            // The conversation moved to the top, and then the user was removed from it.
            _ if again.is_none() && self.list.is_at_missing() => {
                let listed = self.list.missing_came(Vec::new());
                self.tell_listed(listed);
            }
            _ => self.list.put_off(again.unwrap_or(Turn::Done)),
        }
    }

    /// Handles a page of the list.
    fn listed(&mut self, page: GetActiveConversationsReply) {
        self.adopt(page.epoch.as_ref());
        page.conversations.iter().for_each(|summary| self.take_in(summary));
        let listed = self.list.page(page, self.settings.limits.conversations);
        self.tell_listed(listed);
    }

    /// Takes in one row, and schedules a catch-up if messages were missed.
    fn take_in(&mut self, summary: &ConversationSummary) {
        let (Some(last_seq), Some(read_up_to)) = (summary.last_seq, summary.read_up_to) else { return };
        if self.conversations.get(&summary.id).is_none() {
            let is_first = !self.conversations.listed;
            self.follow_from_views(&summary.id, if is_first { last_seq } else { read_up_to });
        }
        self.count_unread(&summary.id, |unread| unread.listed(summary));
        self.tell_positions(&summary.id, &summary.positions);
        self.work_is(&summary.id, last_seq, summary.work.as_ref(), summary.emergency.as_deref());
        if self.conversations.get(&summary.id).is_some_and(|held| held.seq < last_seq) {
            self.is_behind(&summary.id);
        }
    }

    /// Takes up the work on a conversation and its emergency, which hold at a message.
    pub(super) fn work_is(
        &mut self,
        id: &ConversationId,
        seq: u64,
        work: Option<&Work>,
        emergency: Option<&Emergency>,
    ) {
        let Some(held) = self.conversations.get(id) else { return };
        take_up(&mut held.work, seq, work);
        take_up(&mut held.emergency, seq, emergency);
    }

    fn tell_listed(&mut self, listed: Listed) {
        match listed {
            Listed::More => {}
            Listed::Newest(mut newest) => {
                newest.iter_mut().for_each(|summary| self.count_anew(summary));
                self.outputs.push_back(Output::Event(Event::NewestConversations(newest)));
            }
            Listed::Whole(mut whole) => {
                whole.iter_mut().for_each(|summary| self.count_anew(summary));
                self.conversations.listed = true;
                if let Connection::Open { listed, .. } = &mut self.connection {
                    *listed = true;
                }
                self.outputs.push_back(Output::Event(Event::Conversations(whole)));
                self.fit_heartbeat();
            }
        }
    }

    /// Corrects a row by messages that arrived while the list was on its way, because the row's
    /// counts, its work and its emergency lack them.
    fn count_anew(&mut self, summary: &mut ConversationSummary) {
        if let Some(held) = self.conversations.get(&summary.id) {
            summary.read_up_to = Some(held.unread.read_up_to);
            summary.unread_count = Some(held.unread.get());
            if let Some((seq, work)) = &held.work
                && summary.last_seq < Some(*seq)
            {
                summary.work = Some(work.clone());
            }
            if let Some((seq, emergency)) = &held.emergency
                && summary.last_seq < Some(*seq)
            {
                summary.emergency = Some(Box::new(emergency.clone()));
            }
        }
    }

    /// Requests one row of the list, or the whole list if too many rows are wanted. Notes have no
    /// row.
    pub(super) fn want_row(&mut self, id: &ConversationId) {
        if !id.is_notes() && !self.rows.want(id) {
            self.list.want();
        }
    }

    pub(super) fn row_reply(&mut self, id: &ConversationId, reply: Option<Reply>) {
        let again = self.again(reply.as_ref());
        self.rows.answered(id, again);
        let Some(Reply::GetActiveConversations(page)) = reply else { return };
        self.adopt(page.epoch.as_ref());
        if let Some(mut row) = page.conversations.into_iter().find(|summary| summary.id == *id) {
            self.take_in(&row);
            self.count_anew(&mut row);
            self.outputs.push_back(Output::Event(Event::Conversation(row)));
        }
    }
}
