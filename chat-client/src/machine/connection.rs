//! The life cycle of the connection.

use std::sync::Arc;
use std::time::Duration;

use chat_core::protocol::CloseCode;
use chat_core::time::Monotonic;

use super::Machine;
use super::backoff::Pause;
use super::io::{LinkId, Output};
use super::list::List;
use super::pauses::TokenTrouble;
use super::rows::Rows;
use crate::error::{Error, StopReason};
use crate::event::{ConnectionState, Event, WaitCause};
use crate::retry::Retry;
use crate::token::{Token, TokenError};
use crate::transport::{Attempt, ProgressReport, TransportError};

/// The state of the connection, named by the awaited input.
pub(super) enum Connection {
    /// Awaits the outbox of an earlier run. Nothing has begun.
    AwaitingOutbox,
    /// Awaits the provider of tokens.
    AwaitingToken,
    /// Awaits the transport.
    Opening { link: LinkId, begun: Monotonic, give_up_at: Monotonic },
    /// Awaits frames.
    Open {
        link: LinkId,
        /// The time of the server's first reply, if any. The reply proves that the server accepts
        /// the token.
        live_since: Option<Monotonic>,
        /// Whether the whole list of conversations has arrived.
        listed: bool,
    },
    /// Awaits the time of the next attempt. The app can bring it forward to `not_before`, the
    /// server's minimum.
    Pausing { until: Monotonic, not_before: Monotonic },
    /// Awaits the app, the only one to help.
    Stopped(StopReason),
    /// Awaits nothing.
    Closed,
}

impl Machine {
    /// Opens a connection, or first gets a token for it.
    pub(super) fn connect(&mut self) {
        self.tell(ConnectionState::Connecting);
        if let Some(token) = self.tokens.current().cloned() {
            return self.open_link(token);
        }
        self.connection = Connection::AwaitingToken;
        self.tokens.ask(&mut self.outputs);
    }

    fn open_link(&mut self, token: Token) {
        self.links += 1;
        let link = LinkId(self.links);
        let periods = &self.settings.periods;
        let heartbeat = if self.in_background { periods.heartbeat_in_background } else { periods.heartbeat };
        let begun = self.now.monotonic;
        let give_up_at = begun.plus(periods.connect_within);
        self.tokens.use_for_session(token.clone());
        self.link_in_background = self.in_background;
        self.connection = Connection::Opening { link, begun, give_up_at };
        let attempt = Attempt { token, heartbeat, progress: ProgressReport::default() };
        self.outputs.push_back(Output::Connect { link, attempt });
    }

    /// Extends deadlines, because bytes have moved.
    pub(super) fn progress(&mut self, link: LinkId) {
        let (now, periods) = (self.now.monotonic, &self.settings.periods);
        match &mut self.connection {
            Connection::Opening { link: expected, begun, give_up_at } if *expected == link => {
                *give_up_at = now.plus(periods.connect_within).min(begun.plus(periods.reply_at_most));
            }
            Connection::Open { link: expected, .. } if *expected == link => self.wire.progress(now),
            _ => {}
        }
    }

    /// Reacts to an open transport. Only the server's first reply makes the connection live.
    pub(super) fn opened(&mut self, link: LinkId) {
        match self.connection {
            Connection::Opening { link: expected, .. } if expected == link => {}
            _ => return,
        }
        self.connection = Connection::Open { link, live_since: None, listed: false };
        self.told_error = None;
        self.list.want();
        self.rooms.rejoin();
        self.views.catch_up(&mut self.conversations);
    }

    /// Reacts to the server's first reply on this connection.
    pub(super) fn is_live(&mut self) {
        if let Connection::Open { live_since: live_since @ None, .. } = &mut self.connection {
            *live_since = Some(self.now.monotonic);
            (self.network_came, self.token_trouble) = (false, None);
            self.tokens.accepted();
            self.tell(ConnectionState::Live);
        }
    }

    /// Returns the open transport, if any.
    pub(super) fn open(&self) -> Option<LinkId> {
        match self.connection {
            Connection::Open { link, .. } => Some(link),
            _ => None,
        }
    }

    fn link(&self) -> Option<LinkId> {
        match self.connection {
            Connection::Opening { link, .. } | Connection::Open { link, .. } => Some(link),
            _ => None,
        }
    }

    /// Reacts to a lost transport or a failed attempt.
    pub(super) fn lost(&mut self, link: LinkId, error: &TransportError) {
        if self.link() == Some(link) {
            self.leave();
            match error.retry {
                Retry::AfterPause(named) => {
                    let floor = named.unwrap_or_default().min(self.settings.periods.longest_floor);
                    self.pause(self.usual_pause(floor), WaitCause::Network, &error.reason);
                }
                Retry::WithNewToken => self.renew(TokenTrouble {
                    cause: WaitCause::TokenExpired,
                    reason: Arc::clone(&error.reason),
                    floor: Duration::ZERO,
                }),
                Retry::Never => self.stop(StopReason::Unreachable(Arc::clone(&error.reason))),
            }
        }
    }

    /// Reacts to a close by the server.
    pub(super) fn closed(&mut self, code: CloseCode) {
        let error = self.told_error.take();
        if code == CloseCode::FrameTooLong
            && let Some(longest) = self.wire.take_longest()
        {
            self.refuse_too_long(longest.purpose);
        }
        let may_be_early = self.tokens.may_be_early();
        self.hang_up();
        let periods = &self.settings.periods;
        let named = error.as_ref().and_then(|error| error.retry_after).unwrap_or_default();
        let (floor, reason) = (named.min(periods.longest_floor), code.reason());
        let trouble = |cause| TokenTrouble { cause, reason: reason.into(), floor };
        match code {
            CloseCode::TryAgainLater => {
                let (from, to) = (periods.backoff_from_crowd, periods.backoff_to);
                self.pause(Pause { floor, from, to }, WaitCause::Server, reason);
            }
            CloseCode::Replaced => {
                let (from, to) = (periods.replaced_from, periods.replaced_to);
                self.dispute(Pause { floor, from, to }, WaitCause::Replaced, reason);
            }
            CloseCode::TokenExpired => self.renew(trouble(WaitCause::TokenExpired)),
            CloseCode::RightsChanged => self.renew(trouble(WaitCause::RightsChanged)),
            CloseCode::NotAuthenticated if may_be_early => self.renew(trouble(WaitCause::TokenNotYetValid)),
            _ => match Retry::after_close(code) {
                Retry::Never => self.stop(StopReason::Refused { code, error }),
                _ => self.pause(self.usual_pause(floor), WaitCause::Server, reason),
            },
        }
    }

    fn stop(&mut self, reason: StopReason) {
        self.calls.end(&Error::Stopped(reason.clone()), &mut self.outputs, |_| true);
        self.connection = Connection::Stopped(reason.clone());
        self.tell(ConnectionState::Stopped(reason));
    }

    /// Closes the transport from this side.
    pub(super) fn hang_up(&mut self) {
        if let Some(link) = self.link() {
            self.outputs.push_back(Output::Disconnect { link });
            self.leave();
        }
    }

    /// Resets everything tied to the transport. Pending requests are sent again over the next one.
    fn leave(&mut self) {
        if let Connection::Open { live_since, .. } = self.connection {
            self.counters.connections_lost += 1;
            if let Some(since) = live_since {
                self.backoff.was_live(since, self.now.monotonic, &self.settings.periods);
            }
        }
        self.probe = false;
        self.wire.clear();
        self.list = List::default();
        self.rows = Rows::default();
        self.sending.lost(&mut self.outputs);
        self.calls.lost(&mut self.outputs);
        self.conversations.lost();
        self.views.lost();
        self.typing.lost();
        self.tokens.lost(self.now, &self.settings.periods);
    }

    /// Handles the answer of the token provider.
    pub(super) fn token(&mut self, result: Result<Token, TokenError>) {
        let was_asked_before = self.tokens.told();
        if let Connection::Closed = self.connection {
            return;
        }
        let awaited = matches!(self.connection, Connection::AwaitingToken);
        match result {
            Ok(token) if self.tokens.is_rejected(&token) => {
                if awaited && was_asked_before {
                    self.tokens.ask(&mut self.outputs);
                } else if awaited {
                    self.pause_for_token();
                }
            }
            Ok(token) => self.usable_token(token, awaited),
            Err(TokenError::Refused(reason)) if awaited => self.stop(StopReason::NoToken(reason)),
            Err(error) if awaited => {
                self.pause(self.usual_pause(Duration::ZERO), WaitCause::NoToken, &error.to_string());
            }
            Err(TokenError::Unavailable(_)) => {
                self.tokens.ask_later(self.now.monotonic, &self.settings.periods);
            }
            // The session goes on until its token expires.
            Err(TokenError::Refused(_)) => {}
        }
    }

    /// Takes a token that the server has not rejected: for the next connection, or to prolong the
    /// session.
    fn usable_token(&mut self, token: Token, awaited: bool) {
        let periods = &self.settings.periods;
        if !self.tokens.fits(&token) {
            self.hang_up();
            self.stop(StopReason::OtherUser);
        } else if self.open().is_none() {
            self.counters.tokens_renewed += u64::from(self.tokens.was_rejected());
            self.tokens.take(token.clone(), self.now, periods);
            if awaited {
                self.open_link(token);
            }
        } else if self.tokens.current() == Some(&token) {
            self.tokens.ask_later(self.now.monotonic, periods);
        } else {
            self.tokens.refresh(token);
        }
    }

    /// Reacts to a new network. A current attempt goes on, because none would ever succeed where
    /// the network comes and goes all the time.
    pub(super) fn network_is_back(&mut self) {
        match &mut self.connection {
            Connection::Pausing { until, not_before } => {
                self.backoff.forget();
                *until = (*until).min(*not_before);
            }
            Connection::Open { live_since: Some(_), .. } => self.probe = !self.wire.is_probing(),
            Connection::Opening { .. } | Connection::Open { .. } => self.network_came = true,
            _ => {}
        }
    }

    /// Reacts to the app's change between background and foreground.
    pub(super) fn background(&mut self, in_background: bool) {
        self.in_background = in_background;
        self.fit_heartbeat();
    }

    /// Reconnects if the connection's heartbeat does not fit any more, because only a new
    /// connection can tell the server. A connection without its list is kept: otherwise an app that
    /// switches all the time would never get one.
    pub(super) fn fit_heartbeat(&mut self) {
        if self.link_in_background != self.in_background && self.has_listed() {
            self.hang_up();
            self.connect();
        }
    }

    /// Resumes a stopped client.
    pub(super) fn resume(&mut self) {
        if let Connection::Stopped(_) = self.connection {
            self.tokens.forget();
            self.backoff.begin_anew();
            self.token_trouble = None;
            self.connect();
        }
    }

    /// Closes the client.
    pub(super) fn close(&mut self) {
        self.hang_up();
        self.calls.end(&Error::Closed, &mut self.outputs, |_| true);
        self.sending.close(self.settings.outbox_survives, &mut self.outputs);
        self.connection = Connection::Closed;
        self.tell(ConnectionState::Closed);
    }

    pub(super) fn tell(&mut self, state: ConnectionState) {
        if self.state != state {
            self.state = state.clone();
            self.outputs.push_back(Output::Event(Event::Connection(state)));
        }
    }
}
