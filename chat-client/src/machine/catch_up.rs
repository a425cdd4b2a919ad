//! Fetching missing messages of conversations, and snapshots for views.

use chat_core::id::{ConversationId, Epoch};
use chat_core::protocol::{
    CatchUp, JoinConversation, JoinConversationReply, Message, Reading, Reply, Request,
};

use super::Machine;
use super::conversations::Place;
use super::io::{Output, ViewId};
use super::turn::Turn;
use crate::error::Refusal;
use crate::event::{Event, Snapshot, Update};

/// The epoch in a join for a snapshot. No store has this epoch, and the server answers with the
/// newest page (protocol, catching up).
const NO_EPOCH: &str = "";

impl Machine {
    /// Starts to follow a conversation after this number.
    pub(super) fn follow(&mut self, id: &ConversationId, seq: u64) {
        self.conversations.follow(id, seq);
        self.conversations.forget_silent(self.settings.limits.conversations, |other| {
            other == id || self.views.shows(other)
        });
    }

    /// Begins to follow a conversation after this number, or after an earlier one that an open view
    /// shows last: what lies between the two is fetched.
    pub(super) fn follow_from_views(&mut self, id: &ConversationId, seq: u64) {
        let shown = self.views.shown_up_to(id).map_or(seq, |shown| shown.min(seq));
        self.follow(id, shown);
    }

    pub(super) fn is_behind(&mut self, id: &ConversationId) {
        if let Some(held) = self.conversations.get(id) {
            held.is_behind();
        }
    }

    /// Makes a request for the messages after `held`.
    pub(super) fn catch_up(&self, id: &ConversationId, held: u64) -> Request {
        let epoch = self.conversations.epoch.clone();
        Request::JoinConversation(JoinConversation {
            conversation_id: id.clone(),
            after_seq: Some(held),
            epoch,
        })
    }

    /// Makes a request for the newest page.
    pub(super) fn snapshot(id: ConversationId) -> Request {
        Request::JoinConversation(JoinConversation {
            conversation_id: id,
            after_seq: Some(0),
            epoch: Some(Epoch::from(NO_EPOCH)),
        })
    }

    /// Adopts the server's epoch. A change of epoch voids all numbers held.
    pub(super) fn adopt(&mut self, epoch: Option<&Epoch>) {
        let Some(epoch) = epoch else { return };
        self.conversations.confirmed = true;
        match &self.conversations.epoch {
            Some(held) if held == epoch => return,
            Some(_) => {
                self.counters.epoch_changes += 1;
                self.conversations.clear();
                self.views.reload_all();
                self.outputs.push_back(Output::Event(Event::EpochChanged(epoch.clone())));
            }
            None => {}
        }
        self.conversations.epoch = Some(epoch.clone());
    }

    pub(super) fn catch_up_reply(&mut self, id: &ConversationId, reply: Option<Reply>) {
        let again = self.again(reply.as_ref());
        match reply {
            Some(Reply::JoinConversation(JoinConversationReply { catch_up: Some(page), .. })) => {
                self.adopt(Some(&page.epoch));
                match page.reset {
                    Some(true) => self.reset(id, page),
                    _ => self.page(id, page),
                }
            }
            Some(Reply::Error(error)) if again.is_none() => self.refused(id, error.into()),
            _ => {
                if let Some(held) = self.conversations.get(id) {
                    held.behind = again.unwrap_or(Turn::Done);
                }
            }
        }
    }

    /// Handles a page of missing messages.
    fn page(&mut self, id: &ConversationId, page: CatchUp) {
        let Some(before) = self.conversations.get(id).map(|held| held.seq) else { return };
        self.tell_positions(id, &page.positions);
        self.absorb(page.messages);
        let Some(held) = self.conversations.get(id) else { return };
        held.pages += 1;
        // A page without new messages would repeat for ever.
        let goes_on = !page.complete && held.seq < page.last_seq && held.seq > before;
        held.behind = if goes_on { Turn::NOW } else { Turn::Done };
        if !goes_on {
            let pages = std::mem::take(&mut held.pages);
            self.counters.catch_ups_of_several_pages += u64::from(pages > 1);
        }
    }

    /// Reports those of these messages that follow without a gap.
    fn absorb(&mut self, messages: Vec<Message>) {
        for message in messages {
            let Some(seq) = message.seq else { continue };
            let Some(held) = self.conversations.get(&message.conversation_id) else { return };
            match held.place(seq) {
                Place::Next => self.message(message, seq),
                Place::Held => self.counters.duplicates_suppressed += 1,
                Place::Ahead => return,
            }
        }
    }

    /// Replaces the held state, which belongs to another history.
    fn reset(&mut self, id: &ConversationId, page: CatchUp) {
        self.follow(id, page.last_seq);
        self.outputs.push_back(Output::Event(Event::ConversationReset(id.clone())));
        self.work_is(id, page.last_seq, page.work.as_deref(), page.emergency.as_deref());
        self.views.show_all(id, &snapshot_of(page), &mut self.outputs);
        self.want_row(id);
    }

    pub(super) fn snapshot_reply(&mut self, view: ViewId, reply: Option<Reply>) {
        let Some(id) = self.views.conversation(view).cloned() else { return };
        let again = self.again(reply.as_ref());
        match reply {
            Some(Reply::JoinConversation(JoinConversationReply { catch_up: Some(page), .. })) => {
                self.adopt(Some(&page.epoch));
                self.show(view, &id, page);
            }
            _ if again.is_some() => self.views.put_off(view, again.unwrap_or(Turn::Done)),
            Some(Reply::Error(error)) => self.refused(&id, error.into()),
            _ => {
                let text = crate::error::Error::Unreadable.to_string();
                self.refused(&id, Refusal::of_client(text));
            }
        }
    }

    /// Shows the newest page to a view, and advances the held state as far as there is no gap.
    fn show(&mut self, view: ViewId, id: &ConversationId, page: CatchUp) {
        let last_seq = page.last_seq;
        match self.conversations.get(id).map(|held| held.seq) {
            // The list on its way tells where to start following.
            None if self.list.is_under_way() => {}
            None => self.follow_from_views(id, last_seq),
            Some(held) => {
                let new = page.messages.iter().filter(|message| message.seq.is_some_and(|seq| seq > held));
                self.absorb(new.cloned().collect());
            }
        }
        if self.conversations.get(id).is_some_and(|held| held.seq < last_seq) {
            self.is_behind(id);
        }
        self.views.show(view, snapshot_of(page), &mut self.outputs);
    }

    /// Tells the views how far others have read, as told after a gap.
    pub(super) fn tell_positions(&mut self, id: &ConversationId, positions: &[Reading]) {
        if !positions.is_empty() {
            self.views.tell(id, &Update::Positions(positions.to_vec()), &mut self.outputs);
        }
    }

    /// Ends the views of a conversation that the server does not show.
    ///
    /// The number of the last reported message is kept: a user who takes part again hears the
    /// messages after it, and none twice.
    pub(super) fn refused(&mut self, id: &ConversationId, refusal: Refusal) {
        if let Some(held) = self.conversations.get(id) {
            held.behind = Turn::Done;
        }
        self.views.refuse(id, &Update::Refused(refusal), &mut self.outputs);
    }
}

/// The newest page, as an app sees it.
fn snapshot_of(page: CatchUp) -> Snapshot {
    let CatchUp { messages, last_seq, epoch, positions, work, emergency, notes_conversation_id, .. } = page;
    let (work, emergency) = (work.map(|work| *work), emergency.map(|found| *found));
    Snapshot { messages, last_seq, epoch, positions, work, emergency, notes_conversation_id }
}
