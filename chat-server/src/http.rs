//! The HTTP request that opens a WebSocket, and its response.

use std::borrow::Cow;

use async_tungstenite::tungstenite::handshake::derive_accept_key;
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::Full;

/// The WebSocket's path, as the protocol document has it.
pub(crate) const CONNECT_PATH: &str = "/api/websocket/connect";

/// The subprotocol in which browsers send a token outside of the URL.
const BEARER: &str = "bearer";

/// The only version of the WebSocket protocol (RFC 6455, section 4.1).
const WEBSOCKET_VERSION: &str = "13";

/// A response with a line of text for people.
pub(crate) type HttpResponse = Response<Full<Bytes>>;

/// A valid request to open a WebSocket.
pub(crate) struct UpgradeRequest<'a> {
    /// The token, if the request has one.
    pub(crate) token: Option<Cow<'a, str>>,
    /// The requested seconds between pings.
    pub(crate) heartbeat: Option<u64>,
    accept: String,
    /// The subprotocol that announces a token, as spelled by the client.
    bearer: Option<&'a str>,
}

impl<'a> UpgradeRequest<'a> {
    /// Parses a request. A response is returned as an error if the request is no opening handshake.
    pub(crate) fn read<B>(request: &'a Request<B>) -> Result<Self, Box<HttpResponse>> {
        if request.uri().path() != CONNECT_PATH {
            return Err(refusal(StatusCode::NOT_FOUND, "there is nothing here"));
        }
        let headers = request.headers();
        let accept = accept_key(request)?;
        let query = Query::of(request.uri().query().unwrap_or_default());
        let mut subprotocols = tokens(headers, &SEC_WEBSOCKET_PROTOCOL);
        let bearer = subprotocols.find(|offered| offered.eq_ignore_ascii_case(BEARER));
        let offered = bearer.and_then(|_| subprotocols.next());
        let places = [query.token, authorization(headers).map(Cow::Borrowed), offered.map(Cow::Borrowed)];
        Ok(Self {
            token: places.into_iter().flatten().find(|token| !token.trim().is_empty()),
            heartbeat: query.heartbeat,
            accept,
            bearer,
        })
    }

    /// The response that switches protocols.
    pub(crate) fn switch(&self) -> HttpResponse {
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let accept = HeaderValue::from_str(&self.accept).expect("base 64 is a header value");
        let headers = answer.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        if let Some(bearer) = self.bearer {
            let bearer = HeaderValue::from_str(bearer).expect("it was a header value");
            headers.insert(SEC_WEBSOCKET_PROTOCOL, bearer);
        }
        answer
    }
}

/// A response with a line of text for people.
pub(crate) fn refusal(status: StatusCode, text: &'static str) -> Box<HttpResponse> {
    let mut answer = Response::new(Full::from(format!("{text}\n")));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    if status == StatusCode::UPGRADE_REQUIRED {
        let headers = answer.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(WEBSOCKET_VERSION));
    }
    Box::new(answer)
}

/// Checks the opening handshake (RFC 6455, section 4.2.1) and computes `Sec-WebSocket-Accept`.
fn accept_key<B>(request: &Request<B>) -> Result<String, Box<HttpResponse>> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(refusal(StatusCode::METHOD_NOT_ALLOWED, "connect with GET"));
    }
    let has = |name, value: &str| tokens(headers, name).any(|token| token.eq_ignore_ascii_case(value));
    if request.version() != Version::HTTP_11 || !has(&CONNECTION, "upgrade") || !has(&UPGRADE, "websocket") {
        return Err(refusal(StatusCode::UPGRADE_REQUIRED, "connect with a WebSocket client"));
    }
    if !has(&SEC_WEBSOCKET_VERSION, WEBSOCKET_VERSION) {
        return Err(refusal(
            StatusCode::UPGRADE_REQUIRED,
            "only version 13 of the WebSocket protocol is known",
        ));
    }
    match headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes) {
        // Base64 of 16 bytes.
        Some(key) if key.len() == 24 && key.ends_with(b"==") => Ok(derive_accept_key(key)),
        _ => Err(refusal(StatusCode::BAD_REQUEST, "the header Sec-WebSocket-Key is missing or wrong")),
    }
}

/// The comma-separated values of a header over all its lines.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// The token of the first `Authorization: Bearer …`.
fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get_all(AUTHORIZATION).into_iter().find_map(|line| {
        let (scheme, token) = line.to_str().ok()?.trim().split_once([' ', '\t'])?;
        scheme.eq_ignore_ascii_case(BEARER).then(|| token.trim())
    })
}

/// The query parameters. Unknown ones are ignored, and the first of a repeated one counts.
#[derive(Default)]
struct Query<'a> {
    token: Option<Cow<'a, str>>,
    heartbeat: Option<u64>,
}

impl<'a> Query<'a> {
    fn of(text: &'a str) -> Self {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "token" => query.token = query.token.or(Some(value)),
                "heartbeat" => query.heartbeat = query.heartbeat.or(value.parse().ok()),
                _ => {}
            }
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn request(address: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri(address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn opening(address: &str, more: &[(&str, &str)]) -> Request<()> {
        let upgrade = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ];
        request(address, &[&upgrade, more].concat())
    }

    fn token(address: &str, more: &[(&str, &str)]) -> Option<String> {
        let request = opening(address, more);
        UpgradeRequest::read(&request).ok().unwrap().token.map(Cow::into_owned)
    }

    fn status<B>(request: &Request<B>) -> StatusCode {
        UpgradeRequest::read(request).err().unwrap().status()
    }

    #[test]
    fn the_challenge_is_answered_as_the_rfc_shows() {
        let request = opening(CONNECT_PATH, &[]);
        let answer = UpgradeRequest::read(&request).ok().unwrap().switch();
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(answer.headers()[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!answer.headers().contains_key(SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn the_token_comes_from_address_header_or_subprotocol_in_this_order() {
        let header = ("authorization", "bearer two");
        let subprotocol = ("sec-websocket-protocol", "bearer, three");
        let address = "/api/websocket/connect?x=y&token=o%6Ee&token=no";
        assert_eq!(token(address, &[header, subprotocol]).as_deref(), Some("one"));
        assert_eq!(token(CONNECT_PATH, &[header, subprotocol]).as_deref(), Some("two"));
        assert_eq!(token(CONNECT_PATH, &[subprotocol]).as_deref(), Some("three"));
        let lines = [("sec-websocket-protocol", "bearer"), ("sec-websocket-protocol", "three")];
        assert_eq!(token(CONNECT_PATH, &lines).as_deref(), Some("three"));
        for none in [("authorization", "Basic two"), ("sec-websocket-protocol", "chat, three")] {
            assert_eq!(token(CONNECT_PATH, &[none]), None);
        }
    }

    #[test]
    fn an_empty_token_is_none_and_the_next_place_counts() {
        let (header, empty_header) = (("authorization", "Bearer two"), ("authorization", "Bearer "));
        let subprotocol = ("sec-websocket-protocol", "bearer, three");
        let empty = "/api/websocket/connect?token=&token=no";
        assert_eq!(token(empty, &[header, subprotocol]).as_deref(), Some("two"));
        assert_eq!(token("/api/websocket/connect?token=%20", &[header]).as_deref(), Some("two"));
        assert_eq!(token(empty, &[empty_header, subprotocol]).as_deref(), Some("three"));
        assert_eq!(token(empty, &[("sec-websocket-protocol", "bearer,")]), None);
        assert_eq!(token(empty, &[]), None, "of a repeated parameter the first counts");
    }

    #[test]
    fn the_header_is_read_as_http_allows_it() {
        for line in ["Bearer two", "BEARER   two", "bearer\ttwo ", "bEaReR two"] {
            assert_eq!(token(CONNECT_PATH, &[("authorization", line)]).as_deref(), Some("two"), "{line}");
        }
        let lines = [("authorization", "Basic eDp5"), ("authorization", "Bearer two")];
        assert_eq!(token(CONNECT_PATH, &lines).as_deref(), Some("two"));
    }

    #[test]
    fn other_subprotocols_may_stand_beside_the_token() {
        for offered in ["bearer, three", "chat.v1, bearer, three", "bearer,three,chat.v1", "x, Bearer, three"]
        {
            let offer = [("sec-websocket-protocol", offered)];
            assert_eq!(token(CONNECT_PATH, &offer).as_deref(), Some("three"), "{offered}");
        }
        let lines = [("sec-websocket-protocol", "chat.v1"), ("sec-websocket-protocol", "bearer, three")];
        assert_eq!(token(CONNECT_PATH, &lines).as_deref(), Some("three"));
    }

    #[test]
    fn an_offered_bearer_is_answered_as_it_was_spelled() {
        for (offered, answered) in
            [("bearer, one", Some("bearer")), ("chat.v1, Bearer, one", Some("Bearer")), ("chat.v1", None)]
        {
            let request = opening("/api/websocket/connect?token=one", &[("sec-websocket-protocol", offered)]);
            let answer = UpgradeRequest::read(&request).ok().unwrap().switch();
            let chosen = answer.headers().get(SEC_WEBSOCKET_PROTOCOL);
            assert_eq!(chosen.map(|chosen| chosen.to_str().unwrap()), answered, "{offered}");
        }
    }

    #[test]
    fn a_heartbeat_can_be_asked_for() {
        for (asked, read) in [("30", Some(30)), ("0", Some(0)), ("soon", None), ("-1", None), ("", None)] {
            let request = opening(&format!("{CONNECT_PATH}?heartbeat={asked}"), &[]);
            assert_eq!(UpgradeRequest::read(&request).ok().unwrap().heartbeat, read, "{asked}");
        }
    }

    #[test]
    fn what_is_no_opening_handshake_is_refused() {
        let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
        let version = ("sec-websocket-version", "13");
        assert_eq!(status(&opening("/", &[])), StatusCode::NOT_FOUND);
        assert_eq!(status(&opening("/api/websocket/connect/", &[])), StatusCode::NOT_FOUND);
        assert_eq!(status(&request(CONNECT_PATH, &[])), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(status(&request(CONNECT_PATH, &upgrade)), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(
            status(&request(CONNECT_PATH, &[&upgrade[..], &[version]].concat())),
            StatusCode::BAD_REQUEST
        );
        let key = ("sec-websocket-key", "short");
        let bad_key = [&upgrade[..], &[version, key]].concat();
        assert_eq!(status(&request(CONNECT_PATH, &bad_key)), StatusCode::BAD_REQUEST);
        let mut post = opening(CONNECT_PATH, &[]);
        *post.method_mut() = Method::POST;
        assert_eq!(status(&post), StatusCode::METHOD_NOT_ALLOWED);
        let mut old = opening(CONNECT_PATH, &[]);
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(status(&old), StatusCode::UPGRADE_REQUIRED);
    }
}
