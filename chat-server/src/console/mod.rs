//! The console: the control room's and the driver's user interface, for browsers.
//!
//! The server provides its files beside the WebSocket. The console speaks the public protocol, like
//! any client. One feature is special: the trial, which issues tokens for a first look.

mod files;
mod trial;

use std::net::SocketAddr;

use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;

use crate::auth::SecretOrigin;
use crate::config::{Config, TokenConfigError};
use crate::http::{CONNECT_PATH, HttpResponse, refusal};
use crate::start_error::StartError;
use files::{Caching, Files, Served};
use trial::{Trial, TrialRefusal};

/// Content Security Policy: a page may load its own files and connect to this server. Trusted Types
/// prevent text from becoming markup or a script: their one policy, of `offline.js`, admits the
/// service worker's address alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types worker";

/// Headers of every response of the console.
const HEADERS: [(HeaderName, &str); 8] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    // A response occupies a newcomer's place. Closing frees the place within seconds.
    (CONNECTION, "close"),
];

/// The embedded files, and the trial if enabled.
pub(crate) struct Console {
    origin: String,
    files: Files,
    trial: Option<Trial>,
}

impl Console {
    /// The console of a server with this address.
    ///
    /// # Errors
    ///
    /// [`StartError`]: the secret can't be read, or the system's random generator failed.
    pub(crate) fn new(
        address: SocketAddr,
        config: &Config,
        origin: &SecretOrigin,
    ) -> Result<Self, StartError> {
        let scheme = if config.tls.tls_certificate_file.is_some() { "https" } else { "http" };
        let trial = match origin {
            SecretOrigin::Made { .. } if address.ip().is_loopback() => {
                let secrets = config.tokens.secret.resolve(&config.data.data_dir);
                let (secret, _) = secrets.map_err(TokenConfigError::from)?;
                let trial = Trial::new(address, scheme, secret, config.tokens.expected.expected());
                Some(trial.map_err(StartError::NoRandomness)?)
            }
            _ => None,
        };
        Ok(Self { origin: format!("{scheme}://{address}"), files: Files::embedded(), trial })
    }

    /// The files alone, for tests of a part of the server.
    #[cfg(test)]
    pub(crate) fn without_trial() -> Self {
        Self { origin: "http://127.0.0.1:0".to_owned(), files: Files::embedded(), trial: None }
    }

    /// The URL for browsers. With a trial, its fragment carries the trial's key; browsers do not
    /// send fragments.
    pub(crate) fn url(&self) -> String {
        let fragment = self.trial.as_ref().map(|trial| format!("#trial={}", trial.key())).unwrap_or_default();
        format!("{}/{fragment}", self.origin)
    }

    /// Answers a request. `None` for the WebSocket's path.
    pub(crate) fn answer<B>(&self, request: &Request<B>) -> Option<Box<HttpResponse>> {
        let path = request.uri().path();
        if path == CONNECT_PATH {
            return None;
        }
        let mut answer = match (self.files.get(path), trial::user_of(path)) {
            (Some((served, caching)), _) => file(served, caching, request),
            (None, Some(user)) => self.token(user, request),
            (None, None) => refusal(StatusCode::NOT_FOUND, "there is nothing here"),
        };
        for (name, value) in HEADERS {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Some(answer)
    }

    /// Issues a token of the trial for the given user.
    fn token<B>(&self, user: trial::TrialUser, request: &Request<B>) -> Box<HttpResponse> {
        let token =
            self.trial.as_ref().ok_or(TrialRefusal::None).and_then(|trial| trial.token(user, request));
        let mut answer = match token {
            Ok(token) => Box::new(Response::new(Full::from(token))),
            Err(refused) => refusal(refused.status(), refused.text()),
        };
        if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

/// One of the files, or 304 if the browser has a current copy.
fn file<B>(served: &Served, caching: Caching, request: &Request<B>) -> Box<HttpResponse> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = refusal(StatusCode::METHOD_NOT_ALLOWED, "ask with GET or HEAD");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let mut answer = if holds(request.headers(), &served.tag) {
        let mut unchanged = Response::new(Full::default());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        content(served, accepts_gzip(request.headers()))
    };
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, caching.header());
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(ETAG, served.tag.clone());
    Box::new(answer)
}

/// The content of a file.
fn content(served: &Served, compressed: bool) -> HttpResponse {
    let bytes = if compressed { &served.compressed } else { &served.bytes };
    let mut answer = Response::new(Full::new(bytes.clone()));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(served.content_type));
    if compressed {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// Whether the client decompresses gzip (RFC 9110, section 12.5.3). A client that gives gzip any
/// weight gets the file as it is.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|coding| coding.trim().eq_ignore_ascii_case("gzip"))
}

/// Whether the browser has this version (RFC 9110, section 13.1.2). The comparison is the weak one.
fn holds(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.to_str().expect("a tag of a file is ASCII").trim_start_matches("W/");
    let lines = headers.get_all(IF_NONE_MATCH).into_iter().filter_map(|line| line.to_str().ok());
    let mut held = lines.flat_map(|line| line.split(',')).map(|held| held.trim().trim_start_matches("W/"));
    held.any(|held| held == "*" || held == tag)
}
