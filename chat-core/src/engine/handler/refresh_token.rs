//! Handler of the addition `refresh_token`.

use crate::engine::pending_request::Step;
use crate::protocol::RefreshToken;

/// Requests the verification. The claims are compared once the token is verified.
pub(super) fn step(request: &RefreshToken) -> Step {
    Step::Verify(request.token.clone())
}
