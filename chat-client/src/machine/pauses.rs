//! The pauses between attempts, and the reaction to a rejected token.

use std::sync::Arc;
use std::time::Duration;

use chat_core::protocol::CloseCode;

use super::Machine;
use super::backoff::Pause;
use super::connection::Connection;
use crate::event::{ConnectionState, WaitCause};

/// The reason why the server wants another token.
#[derive(Clone)]
pub(super) struct TokenTrouble {
    pub(super) cause: WaitCause,
    pub(super) reason: Arc<str>,
    /// The minimal pause, named by the server.
    pub(super) floor: Duration,
}

impl Machine {
    /// Gets another token for the server: at once the first time, later after a pause. After the
    /// pause any token is tried again.
    pub(super) fn renew(&mut self, trouble: TokenTrouble) {
        self.tokens.reject();
        let is_dispute = trouble.cause == WaitCause::RightsChanged;
        let is_first = if is_dispute { !self.backoff.is_disputed() } else { !self.backoff.is_struggling() };
        self.token_trouble = Some(trouble);
        if !is_first {
            return self.pause_for_token();
        }
        if is_dispute {
            self.backoff.disputed()
        } else {
            self.backoff.failed()
        }
        self.connect();
    }

    /// Pauses, because the only token is the rejected one.
    pub(super) fn pause_for_token(&mut self) {
        self.tokens.may_repeat();
        let no_trouble = || TokenTrouble {
            cause: WaitCause::TokenExpired,
            reason: CloseCode::TokenExpired.reason().into(),
            floor: Duration::ZERO,
        };
        let TokenTrouble { cause, reason, floor } = self.token_trouble.clone().unwrap_or_else(no_trouble);
        let periods = &self.settings.periods;
        let pause = Pause { floor, from: periods.token_pause, to: periods.backoff_to_token };
        match cause {
            WaitCause::RightsChanged => self.dispute(pause, cause, &reason),
            _ => self.pause(pause, cause, &reason),
        }
    }

    pub(super) fn usual_pause(&self, floor: Duration) -> Pause {
        let periods = &self.settings.periods;
        Pause { floor, from: periods.backoff_from, to: periods.backoff_to }
    }

    /// Connects again after a pause, or at once if the network came back during the failed attempt.
    pub(super) fn pause(&mut self, pause: Pause, cause: WaitCause, reason: &str) {
        if std::mem::take(&mut self.network_came) && pause.floor.is_zero() {
            self.backoff.forget();
            return self.connect();
        }
        let drawn = self.backoff.pause(pause);
        self.wait(pause.floor, drawn, cause, reason);
    }

    /// Connects again after a pause that grows with each dispute with another session.
    pub(super) fn dispute(&mut self, pause: Pause, cause: WaitCause, reason: &str) {
        let (floor, drawn) = self.backoff.dispute(pause);
        self.wait(floor, drawn, cause, reason);
    }

    fn wait(&mut self, floor: Duration, pause: Duration, cause: WaitCause, reason: &str) {
        let now = self.now.monotonic;
        self.network_came = false;
        self.connection = Connection::Pausing { until: now.plus(pause), not_before: now.plus(floor) };
        self.tell(ConnectionState::Waiting { pause, reason: reason.into(), cause });
    }
}
