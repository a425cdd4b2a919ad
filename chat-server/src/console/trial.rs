//! The trial: a token at one click, for who started the server on this machine and wants to see it.
//!
//! It exists only if the server made its secret itself and listens on loopback, so that whoever may read the data
//! directory could sign the same token. Yet loopback is no proof: a proxy makes everyone come from there, and any web
//! page can make its visitor's browser send a request there. So a request for a token must show all that the console's
//! own page shows, and no sign of a proxy:
//!
//! - the random key, which only the address that the server prints carries;
//! - as its `Host` the literal address, so that no name was bent to loopback;
//! - as its `Origin` the same, by POST, over HTTP/1.1;
//! - no header by which a proxy says for whom it asks.

use std::net::SocketAddr;
use std::time::Duration;

use chat_core::protocol::{Role, User};
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use http::{Method, Request, StatusCode, Version};
use subtle::ConstantTimeEq as _;

use crate::auth::{Expected, Secret, issue};
use crate::clock;

/// How long a token of the trial is good.
const LIFETIME: Duration = Duration::from_hours(12);

/// The header of the key: one of our own, which no page of another origin can send without being asked first.
const KEY: HeaderName = HeaderName::from_static("x-trial-key");

/// Where the browser says which page asks; absent in old ones.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Random bytes of a key.
const KEY_BYTES: usize = 16;

/// As whom one tries the chat.
#[derive(Clone, Copy)]
pub(super) enum TrialUser {
    Driver,
    Regulator,
    Control,
}

/// Whom a path below the trial's names.
pub(super) fn whom(path: &str) -> Option<TrialUser> {
    match path {
        "/console/trial/driver" => Some(TrialUser::Driver),
        "/console/trial/regulator" => Some(TrialUser::Regulator),
        "/console/trial/control" => Some(TrialUser::Control),
        _ => None,
    }
}

impl TrialUser {
    /// The same user each time, marked by the name.
    fn user(self) -> User {
        let (id, role, last_name) = match self {
            Self::Driver => ("trial_driver", Role::BusDriver, "Driver"),
            Self::Regulator => ("trial_regulator", Role::QueueRegulator, "Regulator"),
            Self::Control => ("trial_control", Role::ControlStaff, "Controller"),
        };
        User { first_name: "Trial".into(), last_name: last_name.into(), ..User::new(id, role) }
    }
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrialRefusal {
    /// This server has no trial.
    None,
    /// Only POST can change anything, and this makes a token.
    Method,
    /// It does not come from the console's own page, opened on this machine without a proxy.
    Foreign,
    /// Not the key that this server printed.
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

/// What a server with a trial keeps.
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

    /// A token, if the request may have one.
    pub(super) fn token<B>(&self, whom: TrialUser, request: &Request<B>) -> Result<String, TrialRefusal> {
        if request.method() != Method::POST {
            return Err(TrialRefusal::Method);
        }
        if !self.is_ours(request) || is_forwarded(request.headers()) {
            return Err(TrialRefusal::Foreign);
        }
        // Its length is no secret; the time of the comparison says nothing of how much of it was right.
        let key = only(request.headers(), &KEY).ok_or(TrialRefusal::Key)?;
        if !bool::from(key.as_bytes().ct_eq(self.key.as_bytes())) {
            return Err(TrialRefusal::Key);
        }
        Ok(issue(&self.secret, &whom.user(), clock::wall(), LIFETIME, &self.expected))
    }

    /// Whether it comes from the page that this server serves under its literal address.
    fn is_ours<B>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        let is_host = only(headers, &HOST).is_some_and(|host| self.is_authority(host));
        let origin = only(headers, &ORIGIN).and_then(|origin| origin.to_str().ok()?.split_once("://"));
        let is_origin = origin
            .is_some_and(|(scheme, authority)| scheme == self.scheme && self.is_authority_text(authority));
        let mut sites = headers.get_all(SEC_FETCH_SITE).into_iter();
        let is_site = sites.all(|site| site == "same-origin");
        // A target in absolute form is what a proxy is asked for.
        let is_direct = request.uri().authority().is_none() && request.version() == Version::HTTP_11;
        is_host && is_origin && is_site && is_direct
    }

    fn is_authority(&self, value: &HeaderValue) -> bool {
        value.to_str().is_ok_and(|text| self.is_authority_text(text))
    }

    /// Whether this is the literal address. A browser leaves the port out where it is the usual one.
    fn is_authority_text(&self, text: &str) -> bool {
        let address = self.address.to_string();
        let usual = if self.scheme == "https" { ":443" } else { ":80" };
        text == address || address.strip_suffix(usual).is_some_and(|usual| text == usual)
    }
}

/// The value of a header that must be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).into_iter();
    values.next().filter(|_| values.next().is_none())
}

/// How the names of the headers begin by which proxies say for whom they ask.
const FORWARDING: [&str; 6] = ["forwarded", "via", "x-client-ip", "x-forwarded", "x-original-", "x-real-ip"];

/// Whether a proxy has had a hand in it.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| FORWARDING.iter().any(|start| name.as_str().starts_with(start)))
}
