//! Responses of the administrative API.

use std::borrow::Cow;
use std::convert::Infallible;

use bytes::Bytes;
use chat_core::store::UnavailableError;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use serde::Serialize;

/// The body of a response: complete, or produced while it is sent.
pub type AdminBody = UnsyncBoxBody<Bytes, Infallible>;

/// A response of the administrative API.
pub(super) type AdminResponse = Response<AdminBody>;

/// The result of a route's handler.
pub(super) type AdminResult = Result<AdminResponse, AdminRefusal>;

/// A request refused, as status, text and at most one extra header.
#[derive(Debug)]
pub(super) struct AdminRefusal {
    status: StatusCode,
    text: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl AdminRefusal {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), header: None }
    }

    /// Adds a header.
    pub(super) fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }
}

impl From<UnavailableError> for AdminRefusal {
    fn from(unavailable: UnavailableError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, unavailable.to_string())
    }
}

impl From<AdminRefusal> for AdminResponse {
    fn from(refusal: AdminRefusal) -> Self {
        let mut answer = json(&serde_json::json!({ "error": refusal.text }));
        *answer.status_mut() = refusal.status;
        answer.headers_mut().extend(refusal.header);
        answer
    }
}

/// A response with one JSON value.
pub(super) fn json(value: &impl Serialize) -> AdminResponse {
    let mut text = serde_json::to_vec(value).expect("answers have names for keys");
    text.push(b'\n');
    answer("application/json", Full::from(text).boxed_unsync())
}

/// The query parameter `name`, decoded.
pub(super) fn parameter<'a, B>(request: &'a Request<B>, name: &str) -> Option<Cow<'a, str>> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(found, _)| found == name).map(|(_, value)| value)
}

/// A response with any body.
pub(super) fn answer(content_type: &'static str, body: AdminBody) -> AdminResponse {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
