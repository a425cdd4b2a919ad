//! The trial: tokens at one click, for the person who started the server on this machine.
//!
//! The trial exists only if the server generated its secret and listens on loopback. Anyone who may
//! read the data directory could then sign the same tokens. A connection from loopback alone proves
//! nothing, because a reverse proxy connects from loopback, and any web page can make a browser
//! send requests to loopback. A request for a token must therefore look like one from the console's
//! own page, without a proxy:
//!
//! - the trial's random key, contained only in the URL that the server prints;
//! - `Host` with the literal address, against DNS rebinding;
//! - `Origin` with the same address, by POST, over HTTP/1.1;
//! - no header in which proxies name their client.

use std::net::SocketAddr;
use std::time::Duration;

use chat_core::protocol::{Role, User};
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use http::{Method, Request, StatusCode, Version};
use subtle::ConstantTimeEq as _;

use crate::auth::{Expected, Secret, issue};
use crate::clock;

/// Validity of the trial's tokens.
const LIFETIME: Duration = Duration::from_hours(12);

/// The header with the key. A custom header: a page of another origin can't send one without a
/// preflight.
const KEY: HeaderName = HeaderName::from_static("x-trial-key");

/// The browser's statement about the requesting page; old browsers omit the header.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Random bytes of a key.
const KEY_BYTES: usize = 16;

/// The users offered by the trial.
#[derive(Clone, Copy)]
pub(super) enum TrialUser {
    Driver,
    Regulator,
    Control,
}

/// The user for a path of the trial.
pub(super) fn user_of(path: &str) -> Option<TrialUser> {
    match path {
        "/console/trial/driver" => Some(TrialUser::Driver),
        "/console/trial/regulator" => Some(TrialUser::Regulator),
        "/console/trial/control" => Some(TrialUser::Control),
        _ => None,
    }
}

impl TrialUser {
    /// The user's details, always the same and recognizable by the name.
    fn user(self) -> User {
        let (id, role, last_name) = match self {
            Self::Driver => ("trial_driver", Role::BusDriver, "Driver"),
            Self::Regulator => ("trial_regulator", Role::QueueRegulator, "Regulator"),
            Self::Control => ("trial_control", Role::ControlStaff, "Controller"),
        };
        User { first_name: "Trial".into(), last_name: last_name.into(), ..User::new(id, role) }
    }
}

/// The reason that no token is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrialRefusal {
    /// This server has no trial.
    None,
    /// The method is not POST. Other methods must have no effects, and this request issues a token.
    Method,
    /// The request does not come from the console's own page, opened on this machine without a
    /// proxy.
    Foreign,
    /// The key is not the one that this server printed.
    Key,
}

impl TrialRefusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::None => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Foreign | Self::Key => StatusCode::FORBIDDEN,
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::None => "there is no trial here",
            Self::Method => "ask with POST",
            Self::Foreign => "the trial is only for the page that this server serves, opened on this machine",
            Self::Key => "the trial needs the address that this server printed when it started",
        }
    }
}

/// The trial of one server.
pub(super) struct Trial {
    address: SocketAddr,
    scheme: &'static str,
    secret: Secret,
    expected: Expected,
    key: String,
}

impl Trial {
    /// A trial with a new key.
    pub(super) fn new(
        address: SocketAddr,
        scheme: &'static str,
        secret: Secret,
        expected: Expected,
    ) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes)?;
        let key = bytes.map(|byte| format!("{byte:02x}")).concat();
        Ok(Self { address, scheme, secret, expected, key })
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Issues a token if the request is allowed to have one.
    pub(super) fn token<B>(&self, user: TrialUser, request: &Request<B>) -> Result<String, TrialRefusal> {
        if request.method() != Method::POST {
            return Err(TrialRefusal::Method);
        }
        if !self.is_ours(request) || is_forwarded(request.headers()) {
            return Err(TrialRefusal::Foreign);
        }
        // Compared in constant time. The key's length is no secret.
        let key = only(request.headers(), &KEY).ok_or(TrialRefusal::Key)?;
        if !bool::from(key.as_bytes().ct_eq(self.key.as_bytes())) {
            return Err(TrialRefusal::Key);
        }
        Ok(issue(&self.secret, &user.user(), clock::wall(), LIFETIME, &self.expected))
    }

    /// Whether the request comes from the page that this server provides under its literal address.
    fn is_ours<B>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        let is_host = only(headers, &HOST).is_some_and(|host| self.is_authority(host));
        let origin = only(headers, &ORIGIN).and_then(|origin| origin.to_str().ok()?.split_once("://"));
        let is_origin = origin
            .is_some_and(|(scheme, authority)| scheme == self.scheme && self.is_authority_text(authority));
        let mut sites = headers.get_all(SEC_FETCH_SITE).into_iter();
        let is_site = sites.all(|site| site == "same-origin");
        // Clients send a target in absolute form to proxies only.
        let is_direct = request.uri().authority().is_none() && request.version() == Version::HTTP_11;
        is_host && is_origin && is_site && is_direct
    }

    fn is_authority(&self, value: &HeaderValue) -> bool {
        value.to_str().is_ok_and(|text| self.is_authority_text(text))
    }

    /// Whether `text` is the literal address. Browsers omit the scheme's default port.
    fn is_authority_text(&self, text: &str) -> bool {
        let address = self.address.to_string();
        let usual = if self.scheme == "https" { ":443" } else { ":80" };
        text == address || address.strip_suffix(usual).is_some_and(|usual| text == usual)
    }
}

/// The value of a header that must occur exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).into_iter();
    values.next().filter(|_| values.next().is_none())
}

/// Prefixes of the headers in which proxies name their client.
const FORWARDING: [&str; 6] = ["forwarded", "via", "x-client-ip", "x-forwarded", "x-original-", "x-real-ip"];

/// Whether a proxy forwarded the request.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| FORWARDING.iter().any(|start| name.as_str().starts_with(start)))
}
