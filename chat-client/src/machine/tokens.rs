//! The tokens in use, and the times to get new ones.

use std::collections::VecDeque;
use std::time::Duration;

use chat_core::id::UserId;
use chat_core::protocol::{RefreshToken, Request};
use chat_core::time::{Monotonic, Now};

use super::io::Output;
use super::limits::Periods;
use super::turn::Turn;
use crate::token::Hints;
use crate::token::Token;

/// The state of the tokens.
#[derive(Default)]
pub(super) struct Tokens {
    /// The token for the next connection, unless expired.
    current: Option<Token>,
    /// The claims of the current token.
    hints: Hints,
    /// The owner of the outbox, or else the user named by the first token.
    owner: Option<UserId>,
    /// The token that opened or prolonged the current connection or attempt.
    session: Option<Token>,
    /// The token that the server has rejected, not to be tried again before a pause.
    rejected: Option<Token>,
    /// Whether a request to the provider is pending.
    asked: bool,
    /// Whether the pending request predates the rejection of a token, which the provider could not
    /// know of.
    asked_before: bool,
    /// Consecutive tokens that looked nearly expired on arrival.
    short_lived: u32,
    /// The time to ask for the next token, while the current one is still valid.
    renew_at: Option<Monotonic>,
    /// A new token for the current session.
    fresh: Option<(Token, Turn)>,
}

impl Tokens {
    /// Starts without a token. If there is an owner, tokens must be the owner's.
    pub(super) fn of(owner: Option<UserId>) -> Self {
        Self { owner, ..Self::default() }
    }

    pub(super) fn current(&self) -> Option<&Token> {
        self.current.as_ref()
    }

    /// Returns the user named by the tokens.
    pub(super) fn user(&self) -> Option<&UserId> {
        self.owner.as_ref()
    }

    /// Asks the provider, unless a request is pending.
    pub(super) fn ask(&mut self, outputs: &mut VecDeque<Output>) {
        self.renew_at = None;
        if !self.asked {
            self.asked = true;
            outputs.push_back(Output::GetToken);
        }
    }

    /// Notes the provider's answer. Returns whether the request predates the rejection of a token.
    pub(super) fn told(&mut self) -> bool {
        self.asked = false;
        std::mem::take(&mut self.asked_before)
    }

    /// Whether the server has rejected this token, without a pause since.
    pub(super) fn is_rejected(&self, token: &Token) -> bool {
        self.rejected.as_ref() == Some(token)
    }

    /// Whether the server may have rejected the token because its clock is behind.
    pub(super) fn may_be_early(&self) -> bool {
        self.session.as_ref().is_some_and(|token| Hints::of(token).has_beginning)
    }

    /// Whether the token is of the outbox's owner, as far as known.
    pub(super) fn fits(&self, token: &Token) -> bool {
        match (&self.owner, Hints::of(token).user) {
            (Some(owner), Some(user)) => *owner == user,
            _ => true,
        }
    }

    /// Whether the server has rejected the last token.
    pub(super) fn was_rejected(&self) -> bool {
        self.rejected.is_some()
    }

    /// Uses this token from now on.
    ///
    /// The next token is requested after four fifths of the lifetime. This leaves time for a slow
    /// provider. The clock may be wrong, since the server decides about the expiry.
    pub(super) fn take(&mut self, token: Token, now: Now, periods: &Periods) {
        self.hints = Hints::of(&token);
        self.current = Some(token);
        self.owner = self.owner.take().or_else(|| self.hints.user.clone());
        let left = self.hints.expires_at.map(|end| end.since(now.wall));
        let left = left.filter(|left| !left.is_zero());
        self.renew_at = left.map(|left| now.monotonic.plus(self.renewal_pause(left / 5 * 4, periods)));
    }

    /// Returns the pause before the request for the next token.
    fn renewal_pause(&mut self, wanted: Duration, periods: &Periods) -> Duration {
        let is_short = wanted < periods.backoff_to_token;
        self.short_lived = if is_short { self.short_lived.saturating_add(1).min(31) } else { 0 };
        let least = periods.token_pause.saturating_mul(1 << self.short_lived.saturating_sub(1));
        wanted.max(least.min(periods.backoff_to_token))
    }

    /// Notes that the session has this token's lifetime.
    pub(super) fn use_for_session(&mut self, token: Token) {
        self.session = Some(token);
    }

    /// Schedules the prolongation of the current session by a new token.
    pub(super) fn refresh(&mut self, token: Token) {
        self.fresh = Some((token, Turn::NOW));
    }

    /// Asks the provider again later, because there is no newer token yet.
    pub(super) fn ask_later(&mut self, now: Monotonic, periods: &Periods) {
        self.renew_at = Some(now.plus(periods.token_pause));
    }

    pub(super) fn next(&mut self, now: Monotonic) -> Option<Request> {
        let (token, turn) = self.fresh.as_mut()?;
        if !turn.is_due(now) {
            return None;
        }
        *turn = Turn::OnWire;
        Some(Request::RefreshToken(RefreshToken { token: token.expose().to_owned() }))
    }

    /// Handles the reply to `refresh_token`. Returns the new token, unless the request is to be
    /// repeated.
    pub(super) fn refreshed(&mut self, again: Option<Turn>) -> Option<Token> {
        match (self.fresh.take(), again) {
            (Some((token, _)), Some(turn)) => {
                self.fresh = Some((token, turn));
                None
            }
            (fresh, _) => fresh.map(|(token, _)| token),
        }
    }

    /// Reacts to a lost connection: a new token then opens the next one.
    pub(super) fn lost(&mut self, now: Now, periods: &Periods) {
        if let Some((token, _)) = self.fresh.take() {
            self.take(token, now, periods);
        }
    }

    /// Notes that the server has accepted the token.
    pub(super) fn accepted(&mut self) {
        self.rejected = None;
    }

    /// Notes that the server has rejected the session's token. Another token, if there is one, is
    /// tried next. Otherwise the provider is asked.
    pub(super) fn reject(&mut self) {
        self.rejected = self.session.take();
        self.asked_before = self.asked;
        if self.current == self.rejected {
            self.current = None;
            self.renew_at = None;
        }
    }

    /// Allows any token again after a pause, because a clock may have been wrong.
    pub(super) fn may_repeat(&mut self) {
        self.rejected = None;
    }

    /// Starts over, because the app resumes.
    pub(super) fn forget(&mut self) {
        let (asked, asked_before) = (self.asked, self.asked);
        *self = Self { asked, asked_before, owner: self.owner.take(), ..Self::default() };
    }

    pub(super) fn renewal_is_due(&self, now: Monotonic) -> bool {
        self.renew_at.is_some_and(|at| at <= now)
    }

    pub(super) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        let turn = self.fresh.as_ref().and_then(|(_, turn)| turn.deadline(now));
        turn.into_iter().chain(self.renew_at).min()
    }
}
