//! The HTTP handshake of a WebSocket (RFC 6455, section 4.1).
//!
//! The WebSocket library's own handshake is not used: it logs the whole request, token included,
//! and returns only the part of a refusal's body that came with the head.

use std::time::Duration;

use async_tungstenite::tungstenite::handshake::client::generate_key;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use async_tungstenite::tungstenite::http::StatusCode;
use chat_core::time::Timestamp;
use httparse::{EMPTY_HEADER, Header, Response, Status};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::error::{lost, printable_without, quoted};
use super::url::Address;
use crate::retry::Retry;
use crate::token::Token;
use crate::transport::{Attempt, TransportError};

/// Maximum of bytes of a response's head: more than a gateway with all its cookies sends.
const HEAD_BYTES: usize = 16 * 1024;

/// Maximum of headers of a response, for the same reason.
const HEADERS: usize = 64;

/// Bytes of a refusal's body to wait for: the quoted piece, in markup.
const BODY_BYTES: usize = 1024;

/// Time to wait for a refusal's body, which is only a hint.
const BODY_WITHIN: Duration = Duration::from_secs(1);

/// The longest pause that a response can demand: a login page that says "tomorrow" must not strand
/// a driver.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Checks whether a header can carry the token: no character may end the header or be changed on
/// the way.
pub(super) fn check(token: &Token) -> Result<(), TransportError> {
    let token = token.expose();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TransportError::refused(
            "the token is empty, or has characters that no token has: blanks, line ends, accents",
        ));
    }
    Ok(())
}

/// Performs the handshake. Returns the bytes received after the response.
pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    address: &Address,
    attempt: &Attempt,
) -> Result<Vec<u8>, TransportError> {
    let key = generate_key();
    stream.write_all(request(address, attempt, &key).as_bytes()).await.map_err(|error| lost(&error))?;
    stream.flush().await.map_err(|error| lost(&error))?;

    let mut received = Vec::new();
    let (head, answer) = read_head(stream, &mut received, attempt, &key).await?;
    received.drain(..head);
    match answer {
        Answer::Accepted => Ok(received),
        Answer::Refused(refusal) => {
            let wanted = refusal.body.min(BODY_BYTES);
            let _ = timeout(BODY_WITHIN, read_to(stream, &mut received, wanted)).await;
            Err(refusal.explain(&received, &attempt.token))
        }
    }
}

fn request(address: &Address, attempt: &Attempt, key: &str) -> String {
    let target = address.target(attempt.heartbeat);
    let (host, token) = (&address.authority, attempt.token.expose());
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
}

/// Reads until the head of the final response is complete. Returns its length, including
/// informational responses before it.
///
/// The limit on the length covers all of them: a server can't send informational responses for
/// ever.
async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    received: &mut Vec<u8>,
    attempt: &Attempt,
    key: &str,
) -> Result<(usize, Answer), TransportError> {
    let mut start = 0;
    loop {
        match Answer::parse(&received[start..], key, &attempt.token)? {
            Some((length, Some(answer))) => return Ok((start + length, answer)),
            Some((length, None)) => {
                start += length;
                continue;
            }
            None => {}
        }
        let before = received.len();
        if before > HEAD_BYTES {
            return Err(TransportError::network("the answer to the handshake is too long"));
        }
        read_to(stream, received, before + 1).await?;
        if received.len() == before {
            return Err(TransportError::network("the server hung up without answering the handshake"));
        }
    }
}

/// Reads until there are this many bytes, or the stream ends.
async fn read_to<S: AsyncRead + Unpin>(
    stream: &mut S,
    received: &mut Vec<u8>,
    wanted: usize,
) -> Result<(), TransportError> {
    let mut buffer = [0; 1024];
    while received.len() < wanted {
        match stream.read(&mut buffer).await.map_err(|error| lost(&error))? {
            0 => break,
            read => received.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(())
}

enum Answer {
    Accepted,
    Refused(HttpRefusal),
}

/// An HTTP response that opens no WebSocket.
struct HttpRefusal {
    status: u16,
    /// Bytes of the body, if announced by the head.
    body: usize,
    retry_after: Option<Duration>,
}

impl Answer {
    /// Parses the head and returns its length; `None` if incomplete. An informational response (a
    /// status of 100 to 199 except 101) is no answer: the final one follows (RFC 9110, section
    /// 15.2).
    fn parse(
        received: &[u8],
        key: &str,
        token: &Token,
    ) -> Result<Option<(usize, Option<Self>)>, TransportError> {
        let mut headers = [EMPTY_HEADER; HEADERS];
        let mut response = Response::new(&mut headers);
        let length = match response.parse(received) {
            Ok(Status::Partial) => return Ok(None),
            Ok(Status::Complete(length)) => length,
            Err(_) => {
                let said = quoted(&printable_without(received, token));
                return Err(TransportError::network(format_args!("the server does not speak HTTP{said}")));
            }
        };
        let status = response.code.expect("a whole head has a status");
        let answer = match status {
            101 => {
                verify(response.headers, key)?;
                Some(Self::Accepted)
            }
            100..=199 => None,
            _ => Some(Self::Refused(HttpRefusal::new(status, response.headers))),
        };
        Ok(Some((length, answer)))
    }
}

/// Checks that a WebSocket server answered this very handshake, without unrequested extensions.
fn verify(headers: &[Header<'_>], key: &str) -> Result<(), TransportError> {
    let accept = derive_accept_key(key.as_bytes());
    let wrong = if !has_token(headers, "Upgrade", "websocket") {
        "Upgrade"
    } else if !has_token(headers, "Connection", "upgrade") {
        "Connection"
    } else if !values(headers, "Sec-WebSocket-Accept").eq([accept.as_str()]) {
        "Sec-WebSocket-Accept"
    } else if tokens(headers, "Sec-WebSocket-Extensions").next().is_some() {
        "Sec-WebSocket-Extensions"
    } else if tokens(headers, "Sec-WebSocket-Protocol").next().is_some() {
        "Sec-WebSocket-Protocol"
    } else {
        return Ok(());
    };
    Err(TransportError::network(format_args!(
        "the server does not speak WebSocket: its header {wrong} is wrong"
    )))
}

impl HttpRefusal {
    fn new(status: u16, headers: &[Header<'_>]) -> Self {
        let length = values(headers, "Content-Length").find_map(|value| value.parse::<usize>().ok());
        let now = values(headers, "Date").find_map(http_date);
        let pause = |value| retry_after(value, now).map(|pause| pause.min(LONGEST_PAUSE));
        Self {
            status,
            body: length.unwrap_or(0),
            retry_after: values(headers, "Retry-After").find_map(pause),
        }
    }

    /// Explains a refusal. Whatever the status, the client tries again after a pause.
    ///
    /// The chat's own server refuses no token by a status: it opens the WebSocket and closes it
    /// with a code. An HTTP refusal comes from a captive portal (200, 302, 403, 511), a proxy (407,
    /// 502, 504), a server that is full or being replaced (503, and 404 while a route is missing),
    /// or a gateway that checks tokens itself (401). All but the last go away by themselves. Taking
    /// a portal's 403 as final would leave a driver without a chat all day.
    fn explain(&self, body: &[u8], token: &Token) -> TransportError {
        let status =
            StatusCode::from_u16(self.status).map_or(self.status.to_string(), |status| status.to_string());
        let page = match self.status {
            200..=399 | 511 => " (a login page of this network?)",
            _ => "",
        };
        let said = quoted(&printable_without(body, token));
        let reason = format!("the server refused the WebSocket with {status}{page}{said}");
        TransportError { retry: Retry::AfterPause(self.retry_after), reason: reason.into() }
    }
}

/// Parses `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date. A date is compared with
/// `now`, the response's own date, because this device's clock may be wrong.
fn retry_after(value: &str, now: Option<Timestamp>) -> Option<Duration> {
    let seconds = value.parse::<u64>().ok().map(Duration::from_secs);
    seconds.or_else(|| Some(http_date(value)?.since(now?)))
}

/// Parses a date in the form that senders must use, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110,
/// section 5.6.7).
fn http_date(value: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words = value.split_ascii_whitespace().collect::<Vec<_>>();
    let [_, day, month, year, time, "GMT"] = words[..] else { return None };
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    serde_json::from_value(format!("{year}-{month:02}-{day}T{time}Z").into()).ok()
}

/// Returns the textual values of a header, one for each line with this name.
fn values<'a>(headers: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.filter_map(|header| std::str::from_utf8(header.value).ok()).map(str::trim)
}

/// Returns the elements of a list header. Several lines form one list, and empty elements do not
/// count (RFC 9110, sections 5.3 and 5.6.1).
fn tokens<'a>(headers: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a str> {
    values(headers, name).flat_map(|value| value.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

fn has_token(headers: &[Header<'_>], name: &str, wanted: &str) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests;
