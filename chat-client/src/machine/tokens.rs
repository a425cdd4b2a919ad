//! The token: which one is used, and when another one is asked for.

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

/// What is known of the tokens.
#[derive(Default)]
pub(super) struct Tokens {
    /// What the next connection is opened with, if it has not expired.
    current: Option<Token>,
    /// Of the current one.
    hints: Hints,
    /// The user of the outbox, or else the one whom the first token named.
    owner: Option<UserId>,
    /// What the connection that stands, or is being opened, was begun or prolonged with.
    session: Option<Token>,
    /// The one that the server has not taken: it is not tried again before a pause.
    rejected: Option<Token>,
    /// Whether the provider is being asked.
    asked: bool,
    /// Whether it was asked before the server rejected a token, and so could not know that.
    asked_before: bool,
    /// Tokens in a row that looked as good as expired when they came.
    short_lived: u32,
    /// When it is asked for the next one, while the current one is still good.
    renew_at: Option<Monotonic>,
    /// A new one for the session that stands.
    fresh: Option<(Token, Turn)>,
}

impl Tokens {
    /// No token yet. The first one must be of this user, if there is one.
    pub(super) fn of(owner: Option<UserId>) -> Self {
        Self { owner, ..Self::default() }
    }

    pub(super) fn current(&self) -> Option<&Token> {
        self.current.as_ref()
    }

    /// Whom the tokens name.
    pub(super) fn user(&self) -> Option<&UserId> {
        self.owner.as_ref()
    }

    /// Asks the provider, unless it is being asked.
    pub(super) fn ask(&mut self, outputs: &mut VecDeque<Output>) {
        self.renew_at = None;
        if !self.asked {
            self.asked = true;
            outputs.push_back(Output::GetToken);
        }
    }

    /// The provider has answered. Whether it was asked before it could know that the server has rejected a token.
    pub(super) fn told(&mut self) -> bool {
        self.asked = false;
        std::mem::take(&mut self.asked_before)
    }

    /// Whether this is the one that the server has not taken, and there was no pause since.
    pub(super) fn is_rejected(&self, token: &Token) -> bool {
        self.rejected.as_ref() == Some(token)
    }

    /// Whether the server may not have taken the token because its clock is behind.
    pub(super) fn may_be_early(&self) -> bool {
        self.session.as_ref().is_some_and(|token| Hints::of(token).has_beginning)
    }

    /// Whether it is of the same user as those before: the outbox is that user's.
    pub(super) fn fits(&self, token: &Token) -> bool {
        match (&self.owner, Hints::of(token).user) {
            (Some(owner), Some(user)) => *owner == user,
            _ => true,
        }
    }

    /// Whether the server has not taken the last token.
    pub(super) fn was_rejected(&self) -> bool {
        self.rejected.is_some()
    }

    /// This token is used from now on.
    ///
    /// The next one is asked for after four fifths of its time: early enough for a provider that needs a while, and by
    /// a clock that may be wrong, for the server says when it is really over.
    pub(super) fn take(&mut self, token: Token, now: Now, periods: &Periods) {
        self.hints = Hints::of(&token);
        self.current = Some(token);
        self.owner = self.owner.take().or_else(|| self.hints.user.clone());
        let left = self.hints.expires_at.map(|end| end.since(now.wall));
        let left = left.filter(|left| !left.is_zero());
        self.renew_at = left.map(|left| now.monotonic.plus(self.renewal_pause(left / 5 * 4, periods)));
    }

    /// How long to wait before the next token is asked for.
    fn renewal_pause(&mut self, wanted: Duration, periods: &Periods) -> Duration {
        let is_short = wanted < periods.backoff_to_token;
        self.short_lived = if is_short { self.short_lived.saturating_add(1).min(31) } else { 0 };
        let least = periods.token_pause.saturating_mul(1 << self.short_lived.saturating_sub(1));
        wanted.max(least.min(periods.backoff_to_token))
    }

    /// The session lasts as long as this token does.
    pub(super) fn use_for_session(&mut self, token: Token) {
        self.session = Some(token);
    }

    /// A new token for the session that stands.
    pub(super) fn refresh(&mut self, token: Token) {
        self.fresh = Some((token, Turn::NOW));
    }

    /// The provider has no newer one yet: it is asked again later.
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

    /// The server has answered `refresh_token`: the new one, if it is not to be asked again.
    pub(super) fn refreshed(&mut self, again: Option<Turn>) -> Option<Token> {
        match (self.fresh.take(), again) {
            (Some((token, _)), Some(turn)) => {
                self.fresh = Some((token, turn));
                None
            }
            (fresh, _) => fresh.map(|(token, _)| token),
        }
    }

    /// The connection is lost: a new token is then what the next one is opened with.
    pub(super) fn lost(&mut self, now: Now, periods: &Periods) {
        if let Some((token, _)) = self.fresh.take() {
            self.take(token, now, periods);
        }
    }

    /// The server took the token.
    pub(super) fn accepted(&mut self) {
        self.rejected = None;
    }

    /// The server did not take the session's token. If there is another one, it is tried next; if not, the provider is asked.
    pub(super) fn reject(&mut self) {
        self.rejected = self.session.take();
        self.asked_before = self.asked;
        if self.current == self.rejected {
            self.current = None;
            self.renew_at = None;
        }
    }

    /// There was a pause: any token is worth another try, because it may have been a clock that was wrong.
    pub(super) fn may_repeat(&mut self) {
        self.rejected = None;
    }

    /// The app wants to begin anew.
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
