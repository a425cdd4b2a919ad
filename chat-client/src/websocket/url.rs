//! The address of a server, parsed and checked.

use std::fmt;
use std::time::Duration;

use async_tungstenite::tungstenite::http::Uri;
use tokio_rustls::rustls::pki_types::ServerName;

/// Seconds of heartbeat that the server accepts (protocol, connecting).
const HEARTBEAT: std::ops::RangeInclusive<u64> = 25..=300;

/// The error of an invalid address. Does not repeat the address, which may hold a secret by
/// mistake.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UrlError {
    /// The address is no absolute ASCII URL with a host, or holds a `#`.
    #[error("the address is not a URL such as wss://chat.example.com/api/websocket/connect")]
    Syntax,
    /// The scheme is not that of a WebSocket, but `https://` for example.
    #[error("the address must begin with ws:// or wss://")]
    Scheme,
    /// The host is no name that a certificate could have.
    #[error("the host of the address is neither a domain name nor an IP address")]
    Host,
    /// The address holds a user's name or password before the host.
    #[error("the address must not hold a user's name or password")]
    Credentials,
    /// The query holds a `token`, which every proxy would log.
    #[error("the address must not hold the token: it travels in a header")]
    Token,
}

/// A valid address.
pub(super) struct Address {
    /// A name or an IP address, without the brackets around version 6.
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and port as in the header `Host`.
    pub(super) authority: String,
    /// The required name in the certificate, if TLS is used.
    pub(super) server_name: Option<ServerName<'static>>,
    path: String,
    /// The parameters of the query, without the heartbeat.
    query: Vec<String>,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, UrlError> {
        let uri = url.parse::<Uri>().map_err(|_| UrlError::Syntax)?;
        let authority = uri.authority().ok_or(UrlError::Syntax)?.as_str();
        if url.contains('#') {
            return Err(UrlError::Syntax);
        }
        let secure = match uri.scheme_str() {
            Some(scheme) if scheme.eq_ignore_ascii_case("wss") => true,
            Some(scheme) if scheme.eq_ignore_ascii_case("ws") => false,
            _ => return Err(UrlError::Scheme),
        };
        if authority.contains('@') {
            return Err(UrlError::Credentials);
        }
        let (host, port) = host_and_port(authority, if secure { 443 } else { 80 })?;
        let server_name = ServerName::try_from(host.to_owned()).map_err(|_| UrlError::Host)?;
        Ok(Self {
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            server_name: secure.then_some(server_name),
            path: if uri.path().is_empty() { "/".to_owned() } else { uri.path().to_owned() },
            query: parameters(uri.query().unwrap_or_default())?,
        })
    }

    /// Returns path and query, with the heartbeat in whole seconds within the server's range.
    pub(super) fn target(&self, heartbeat: Duration) -> String {
        let seconds = heartbeat.as_secs().clamp(*HEARTBEAT.start(), *HEARTBEAT.end());
        let heartbeat = format!("heartbeat={seconds}");
        let query = self.query.iter().chain([&heartbeat]).map(String::as_str).collect::<Vec<_>>().join("&");
        format!("{}?{query}", self.path)
    }
}

/// Leaves the query out, which may hold a key of the app.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.server_name.is_some() { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

/// Splits host and port. The URI's own `port()` treats an invalid port as none.
fn host_and_port(authority: &str, default: u16) -> Result<(&str, u16), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(UrlError::Syntax)?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, default)),
        None => Err(UrlError::Syntax),
        Some(port) => Ok((host, port.parse().map_err(|_| UrlError::Syntax)?)),
    }
}

fn parameters(query: &str) -> Result<Vec<String>, UrlError> {
    let name = |parameter: &&str| parameter.split('=').next() != Some("heartbeat") && !parameter.is_empty();
    let kept = query.split('&').filter(name).map(str::to_owned).collect::<Vec<_>>();
    if kept.iter().any(|parameter| parameter.split('=').next() == Some("token")) {
        return Err(UrlError::Token);
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_understood() {
        let all = [
            (
                "ws://localhost:8000/api/websocket/connect",
                "localhost",
                8000,
                false,
                "/api/websocket/connect?",
            ),
            ("wss://chat.example.com/api", "chat.example.com", 443, true, "/api?"),
            ("WS://chat.example.com", "chat.example.com", 80, false, "/?"),
            ("ws://h?a=1", "h", 80, false, "/?a=1&"),
            ("ws://127.0.0.1:1/", "127.0.0.1", 1, false, "/?"),
            ("wss://[::1]:65535/x", "::1", 65535, true, "/x?"),
            ("wss://[2001:db8::1]/x", "2001:db8::1", 443, true, "/x?"),
        ];
        for (url, host, port, secure, target) in all {
            let address = Address::parse(url).unwrap();
            assert_eq!((&*address.host, address.port), (host, port), "{url}");
            assert_eq!(address.server_name.is_some(), secure, "{url}");
            assert_eq!(address.target(Duration::from_secs(25)), format!("{target}heartbeat=25"), "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        let all = [
            ("", UrlError::Syntax),
            ("chat.example.com:8000", UrlError::Scheme),
            ("/api/websocket/connect", UrlError::Syntax),
            ("ws://", UrlError::Syntax),
            ("ws:///path", UrlError::Syntax),
            ("ws://host name/", UrlError::Syntax),
            ("ws://bücher.example/", UrlError::Syntax),
            ("ws://host:port/", UrlError::Syntax),
            ("ws://host:/", UrlError::Syntax),
            ("ws://host:65536/", UrlError::Syntax),
            ("ws://host:-1/", UrlError::Syntax),
            ("ws://[::1]8/", UrlError::Syntax),
            ("ws://[::1/", UrlError::Syntax),
            ("ws://host/#part", UrlError::Syntax),
            ("ws://host/\r\nX: y", UrlError::Syntax),
            ("https://host/", UrlError::Scheme),
            ("wss://-.-/", UrlError::Host),
            ("ws://:80/", UrlError::Host),
            ("ws://user:secret@host/", UrlError::Credentials),
            ("ws://host/?token=secret", UrlError::Token),
            ("ws://host/?a=b&token", UrlError::Token),
        ];
        for (url, error) in all {
            assert_eq!(Address::parse(url).unwrap_err(), error, "{url:?}");
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn the_query_is_kept_but_for_the_heartbeat() {
        let address = Address::parse("ws://h/p?tenant=a%26b&heartbeat=7&flag&&heartbeats=1").unwrap();
        assert_eq!(address.target(Duration::from_mins(4)), "/p?tenant=a%26b&flag&heartbeats=1&heartbeat=240");
        assert_eq!(format!("{address:?}"), "ws://h/p");
    }

    #[test]
    fn the_heartbeat_is_pressed_into_what_the_server_takes() {
        let address = Address::parse("ws://h/").unwrap();
        for (asked, told) in [(0, 25), (25_999, 25), (26_000, 26), (300_000, 300), (301_000, 300)] {
            let target = address.target(Duration::from_millis(asked));
            assert_eq!(target, format!("/?heartbeat={told}"));
        }
    }
}
