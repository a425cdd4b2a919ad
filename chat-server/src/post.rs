//! One POST: a connection of its own, no redirects, bounded in size and time.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::uri::Scheme;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::connection::Transport;
use crate::tls::connector;

/// How long an attempt may take, from the name's look-up to the head of the answer.
const POST_WITHIN: Duration = Duration::from_secs(5);

/// Where requests go.
pub(crate) struct Target {
    host: String,
    port: u16,
    /// As the header `Host` names them.
    authority: String,
    /// The path and what is behind it.
    path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// Why an address is no good.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Who writes to whom would be told to anybody on the way.
    #[error(
        "--webhook-url is no address of a webhook: it must begin with https:// and a host without a user, or with \
         http://127.0.0.1 or http://[::1]"
    )]
    Address,
    /// Whom to trust is not clear.
    #[error("{} holds no certificate of an authority in PEM format", .0.display())]
    NoAuthority(PathBuf),
}

/// Where requests may go without encryption.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Plain {
    /// To this machine, and else nowhere.
    ThisMachine,
    /// Wherever the address says so.
    #[cfg(feature = "otel")]
    Anywhere,
}

/// Why the other side has not taken it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    #[error("no answer within {} s", POST_WITHIN.as_secs())]
    TooSlow,
    #[error("can't reach it: {0}")]
    Unreachable(#[from] io::Error),
    #[error("no HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("it answers {0}")]
    Status(StatusCode),
}

impl Target {
    /// Reads an address. Without a file of authorities, those count that Mozilla trusts.
    ///
    /// # Errors
    ///
    /// [`TargetError`].
    pub(crate) fn read(text: &str, authorities: Option<&Path>, plain: Plain) -> Result<Self, TargetError> {
        let bad = || TargetError::Address;
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(bad)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
        let is_near = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let may_be_plain = is_near || plain != Plain::ThisMachine;
        if uri.scheme() != Some(if may_be_plain && !is_secure { &Scheme::HTTP } else { &Scheme::HTTPS }) {
            return Err(bad());
        }
        let no_authority = || TargetError::NoAuthority(authorities.unwrap_or(Path::new("")).to_owned());
        let tls = match is_secure {
            true => Some((
                connector(authorities).ok_or_else(no_authority)?,
                ServerName::try_from(host.clone()).map_err(|_| bad())?,
            )),
            false => None,
        };
        Ok(Self {
            host,
            port: authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            tls,
        })
    }

    /// Posts a body with these headers. It is taken if the answer is a success (2xx).
    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: Bytes) -> Result<(), PostError> {
        let mut request = Request::post(&self.path).header(HOST, &self.authority).header(CONNECTION, "close");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request =
            request.body(Full::new(body)).expect("what it is made of was read from an address, or made here");
        timeout(POST_WITHIN, self.exchange(request)).await.map_err(|_| PostError::TooSlow)?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(), PostError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let stream: Box<dyn Transport> = match &self.tls {
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
            None => Box::new(stream),
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let answer = async {
            let answer = sender.send_request(request).await?;
            match answer.status() {
                status if status.is_success() => Ok(()),
                status => Err(PostError::Status(status)),
            }
        };
        // The connection is driven only until there is an answer, and dropped with it.
        tokio::select! {
            biased;
            answer = answer => answer,
            Err(error) = connection => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_or_on_this_machine() {
        let read = |text| {
            Target::read(text, None, Plain::ThisMachine)
                .ok()
                .map(|target| (target.host, target.port, target.path))
        };
        let some = |host: &str, port, path: &str| Some((host.to_owned(), port, path.to_owned()));
        assert_eq!(read("https://push.example/chat?v=1"), some("push.example", 443, "/chat?v=1"));
        assert_eq!(read("http://127.0.0.1:9000/x"), some("127.0.0.1", 9000, "/x"));
        assert_eq!(read("http://[::1]"), some("::1", 80, "/"));
        for bad in
            ["", "/x", "http://push.example/", "http://localhost/", "ftp://127.0.0.1/", "https://u:p@x/"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
