//! The token: which one is used, and when another one is asked for.

use std::collections::VecDeque;

use chat_core::id::UserId;
use chat_core::protocol::{RefreshToken, Request};
use chat_core::time::{Monotonic, Now};

use super::io::Output;
use super::limits::Periods;
use super::turn::Turn;
use crate::token::Hints;
use crate::transport::Token;

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
    /// The one that the server has called expired.
    expired: Option<Token>,
    /// Tokens that the server called expired, since it last took one.
    expired_in_a_row: u32,
    /// Whether the provider is being asked.
    asked: bool,
    /// Whether it was asked before the server called a token expired, and so could not know that.
    asked_before: bool,
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

    /// The provider has answered. Whether it was asked before it could know that a token has expired.
    pub(super) fn told(&mut self) -> bool {
        self.asked = false;
        std::mem::take(&mut self.asked_before)
    }

    /// Whether this is the one that the server has called expired.
    pub(super) fn is_expired(&self, token: &Token) -> bool {
        self.expired.as_ref() == Some(token)
    }

    /// Whether it is of the same user as those before: the outbox is that user's.
    pub(super) fn fits(&self, token: &Token) -> bool {
        match (&self.owner, Hints::of(token).user) {
            (Some(owner), Some(user)) => *owner == user,
            _ => true,
        }
    }

    /// Whether the server has called the last token expired.
    pub(super) fn has_expired(&self) -> bool {
        self.expired.is_some()
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
        self.renew_at = left
            .filter(|left| !left.is_zero())
            .map(|left| now.monotonic.plus((left / 5 * 4).max(periods.token_pause)));
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
        self.expired_in_a_row = 0;
        self.expired = None;
    }

    /// The server called the session's token expired. Whether there is another to try, or it is worth asking for one: two
    /// in a row mean that the provider, or a clock, is wrong, and no further one would help.
    pub(super) fn expired(&mut self) -> bool {
        self.expired = self.session.take();
        self.asked_before = self.asked;
        if self.current != self.expired {
            return true;
        }
        self.current = None;
        self.renew_at = None;
        self.expired_in_a_row += 1;
        self.expired_in_a_row < 2
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
