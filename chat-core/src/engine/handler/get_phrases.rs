//! Handler of the addition `get_phrases`.

use crate::engine::pending_request::{HandlerContext, Step};
use crate::protocol::{GetPhrases, Reply};

pub(super) fn step(request: &GetPhrases, cx: &HandlerContext<'_>) -> Step {
    let language = request.language.as_deref();
    Step::Reply(Reply::GetPhrases(cx.phrases.reply(cx.account.user().role, language)))
}
