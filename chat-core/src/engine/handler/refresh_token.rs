//! The addition `refresh_token`.

use crate::engine::pending_request::Step;
use crate::protocol::RefreshToken;

/// What the token says is compared once it is verified.
pub(super) fn step(request: &RefreshToken) -> Step {
    Step::Verify(request.token.clone())
}
