//! The next requests to the server.

use chat_core::protocol::{GetActiveConversations, ParticipantList, Request};
use chat_core::time::Monotonic;

use super::Machine;
use super::io::Output;
use super::wire::{InFlight, Purpose};
use crate::error::{Error, Refusal};

impl Machine {
    /// Sends pending requests, as long as there is room on the wire.
    pub(super) fn send(&mut self) {
        let Some(link) = self.open() else { return };
        while self.wire.len() < self.settings.limits.on_wire {
            let Some((purpose, request, again)) = self.next() else { return };
            self.counters.resends += u64::from(again);
            let periods = &self.settings.periods;
            let within = if purpose == Purpose::Probe { periods.probe_within } else { periods.reply_within };
            let frame = request.encode(Some(&self.wire.number()));
            if frame.len() > self.settings.limits.frame_bytes {
                self.refuse_too_long(purpose);
                continue;
            }
            let now = self.now.monotonic;
            self.wire.put(InFlight::now(purpose, request.event_type(), frame.len(), now, within));
            self.outputs.push_back(Output::Send { link, frame });
        }
    }

    /// Ends a request whose frame is longer than the server accepts. The server would close every
    /// connection upon such a frame.
    pub(super) fn refuse_too_long(&mut self, purpose: Purpose) {
        let refusal = || Refusal::of_client(Error::TooLong.to_string());
        match purpose {
            Purpose::Draft(id) => self.sending.too_long(&id, &mut self.outputs),
            Purpose::Call(id) => self.calls.too_long(id, &mut self.outputs),
            Purpose::Row(id) => self.rows.answered(&id, None),
            Purpose::CatchUp(id) => self.refused(&id, refusal()),
            Purpose::Snapshot(view) => {
                if let Some(id) = self.views.conversation(view).cloned() {
                    self.refused(&id, refusal());
                }
            }
            Purpose::Typing(id) => {
                let refresh = self.settings.periods.typing_refresh;
                self.typing.answered(&id, self.now.monotonic, refresh);
            }
            Purpose::Refresh => self.refresh_reply(None),
            // These requests hold no user's text and are short.
            Purpose::List | Purpose::Probe | Purpose::Room(_) => {}
        }
    }

    /// Returns the next request, its purpose, and whether it was sent before. The requests that
    /// others depend on come first.
    fn next(&mut self) -> Option<(Purpose, Request, bool)> {
        let now = self.now.monotonic;
        if let Some((purpose, request)) = self.next_of_session(now) {
            return Some((purpose, request, false));
        }
        if let Some((id, request, again)) = self.sending.next(now, &mut self.outputs) {
            return Some((Purpose::Draft(id), request, again));
        }
        if let Some((purpose, request)) = self.next_of_conversations(now) {
            return Some((purpose, request, false));
        }
        let (id, request, again) = self.calls.next(now)?;
        Some((Purpose::Call(id), request, again))
    }

    /// The next request about the session: probe, token, list, rooms, typing.
    fn next_of_session(&mut self, now: Monotonic) -> Option<(Purpose, Request)> {
        if std::mem::take(&mut self.probe) {
            let brief = Some(ParticipantList::Brief);
            let request =
                GetActiveConversations { limit: Some(1), participants: brief, ..Default::default() };
            return Some((Purpose::Probe, Request::GetActiveConversations(request)));
        }
        if let Some(request) = self.tokens.next(now) {
            return Some((Purpose::Refresh, request));
        }
        if let Some(request) = self.list.next(now, &self.settings.limits) {
            return Some((Purpose::List, request));
        }
        if let Some((room, request)) = self.rooms.next(now) {
            return Some((Purpose::Room(room), request));
        }
        let (id, request) = self.typing.next(now)?;
        Some((Purpose::Typing(id), request))
    }

    /// The next request about a conversation: snapshots, catch-ups, rows.
    fn next_of_conversations(&mut self, now: Monotonic) -> Option<(Purpose, Request)> {
        if let Some((view, id)) = self.views.next(now) {
            return Some((Purpose::Snapshot(view), Self::snapshot(id)));
        }
        if let Some((id, held)) = self.conversations.next(now, self.settings.limits.catching_up) {
            let request = self.catch_up(&id, held);
            return Some((Purpose::CatchUp(id), request));
        }
        let (id, request) = self.rows.next(now)?;
        Some((Purpose::Row(id), request))
    }
}
