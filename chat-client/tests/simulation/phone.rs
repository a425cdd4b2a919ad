//! The surroundings of an app on a device: the file of the outbox, the provider of tokens, and a
//! clock that may be wrong.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_client::outbox::{Change, Entry, OutboxError};
use chat_client::{Token, TokenError};
use chat_core::protocol::{Role, User};
use chat_core::testing::simulation::Surroundings;
use chat_core::time::{Now, Timestamp};

/// The outbox of a device: on its disk, or in the memory of the app.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) entries: Vec<Entry>,
    /// The changes that are being written.
    writing: Vec<Change>,
}

impl Outbox {
    pub(crate) fn begin(&mut self, changes: Vec<Change>) {
        self.writing = changes;
    }

    /// Ends a write: the changes are on the disk, or the disk was full.
    pub(crate) fn end(&mut self, is_full: bool) -> Result<(), OutboxError> {
        let changes = std::mem::take(&mut self.writing);
        if is_full {
            return Err(OutboxError::new("the disk is full"));
        }
        changes.into_iter().for_each(|change| self.apply(change));
        Ok(())
    }

    /// Notes that the app was killed: only this number of the pending changes has reached the disk.
    pub(crate) fn killed(&mut self, kept: u64) {
        let kept = usize::try_from(kept).unwrap_or_default();
        let changes = std::mem::take(&mut self.writing);
        changes.into_iter().take(kept).for_each(|change| self.apply(change));
    }

    pub(crate) fn being_written(&self) -> u64 {
        self.writing.len() as u64
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Put(entry) => self.entries.push(entry),
            Change::Remove(id) => self.entries.retain(|entry| entry.client_message_id != id),
        }
    }
}

/// Gives a device its tokens, and keeps the last one for a while.
#[derive(Default)]
pub(crate) struct Provider {
    last: Option<(Token, Timestamp)>,
    /// Whether a token of another role was given. This happens once, because an account changes its
    /// role at most three times an hour.
    has_strayed: bool,
    /// Whether the other role is one of the other side, control or the field.
    crosses: bool,
}

/// The role beside this one, with which the user sees the same.
fn beside(role: Role) -> Role {
    match role {
        Role::BusDriver => Role::QueueRegulator,
        Role::QueueRegulator => Role::BusDriver,
        Role::ControlStaff => Role::ControlAdmin,
        Role::ControlAdmin => Role::ControlStaff,
    }
}

/// The role of the other side, with which the user sees other conversations.
fn across(role: Role) -> Role {
    match role {
        Role::BusDriver => Role::ControlStaff,
        Role::QueueRegulator => Role::ControlAdmin,
        Role::ControlStaff => Role::BusDriver,
        Role::ControlAdmin => Role::QueueRegulator,
    }
}

impl Provider {
    pub(crate) fn new(crosses: bool) -> Self {
        Self { crosses, ..Self::default() }
    }

    /// Whether a token of the other side was given.
    pub(crate) fn has_crossed(&self) -> bool {
        self.crosses && self.has_strayed
    }

    pub(crate) fn token(
        &mut self,
        user: &User,
        is_calm: bool,
        around: &mut Surroundings<'_>,
    ) -> Result<Token, TokenError> {
        let now = around.now().wall;
        if !is_calm && around.random().percent(8) {
            return Err(TokenError::Unavailable("the issuer can't be reached".into()));
        }
        let is_lazy = !is_calm && around.random().percent(20);
        if let Some((token, expires_at)) = &self.last
            && is_lazy
            && now < *expires_at
        {
            return Ok(token.clone());
        }
        let strays = !is_calm && !self.has_strayed && around.random().percent(3);
        self.has_strayed |= strays;
        let astray = if self.crosses { across } else { beside };
        let role = if strays { astray(user.role) } else { user.role };
        let user = &User { role, ..user.clone() };
        let mut expires_at = now;
        let text = around.tokens().issue(user, now, |claims, number| {
            expires_at = claims.expires_at;
            let payload = serde_json::json!({
                "sub": claims.user.id,
                "exp": claims.expires_at.as_millis() / 1_000,
            });
            format!("e30.{}.{number}", URL_SAFE_NO_PAD.encode(payload.to_string()))
        });
        let token = Token::from(text);
        self.last = (!strays).then(|| (token.clone(), expires_at));
        Ok(token)
    }
}

/// A clock that is ahead or behind by this many milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Clock(pub(crate) i64);

impl Clock {
    pub(crate) fn show(self, now: Now) -> Now {
        let wrong_by = Duration::from_millis(self.0.unsigned_abs());
        let wall = if self.0 < 0 { now.wall.minus(wrong_by) } else { now.wall.plus(wrong_by) };
        Now { wall, ..now }
    }
}
