//! A client for single HTTP requests: one connection each, no redirects, bounded in size and time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST};
use http::request::Builder;
use http::uri::Scheme;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::tls::connector;
use crate::transport::Transport;

/// Deadline from the name's look-up to the end of the response.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Part of this time for all addresses of the name together.
const CONNECT_WITHIN: Duration = Duration::from_secs(4);

/// The destination of requests.
pub(crate) struct Target {
    host: String,
    port: u16,
    /// The value of the header `Host`.
    authority: String,
    /// Path and query.
    path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// The reason that a URL can't be used. Errors do not quote the URL, which may contain a password.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Content would be readable on the way, or there is no host.
    #[error("the address must begin with {0} and a host, without a user")]
    Address(&'static str),
    /// The file holds no certificate authority.
    #[error("{} holds no certificate of an authority in PEM format", .0.display())]
    NoAuthority(PathBuf),
}

/// The hosts to which unencrypted requests are allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PlainHttp {
    /// None.
    Never,
    /// This machine only.
    ThisMachine,
    /// Any host, if the URL begins with `http://`.
    #[cfg(feature = "otel")]
    Anywhere,
}

/// The reason that a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("no answer within {} s", ANSWER_WITHIN.as_secs())]
    TooSlow,
    #[error("can't connect: {0}")]
    Unreachable(#[from] io::Error),
    #[error("the response is not HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("the server answers {0}")]
    Status(StatusCode),
    #[error("the response has more than {0} bytes, or is incomplete")]
    TooLong(usize),
}

impl PlainHttp {
    fn allows(self, host: &str) -> bool {
        match self {
            Self::Never => false,
            Self::ThisMachine => host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
            #[cfg(feature = "otel")]
            Self::Anywhere => true,
        }
    }

    fn beginnings(self) -> &'static str {
        match self {
            Self::Never => "https://",
            Self::ThisMachine => "https:// (or http://127.0.0.1, or http://[::1])",
            #[cfg(feature = "otel")]
            Self::Anywhere => "https:// or http://",
        }
    }
}

impl Target {
    /// Parses a URL. Without a file of authorities, those that Mozilla trusts count.
    ///
    /// # Errors
    ///
    /// [`TargetError`].
    pub(crate) fn read(
        text: &str,
        authorities: Option<&Path>,
        plain: PlainHttp,
    ) -> Result<Self, TargetError> {
        let bad = || TargetError::Address(plain.beginnings());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(bad)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
        let may_be_plain = uri.scheme() == Some(&Scheme::HTTP) && plain.allows(&host);
        if !is_secure && !may_be_plain {
            return Err(bad());
        }
        let no_authority = || TargetError::NoAuthority(authorities.unwrap_or(Path::new("")).to_owned());
        let tls = if is_secure {
            let connector = connector(authorities).ok_or_else(no_authority)?;
            Some((connector, ServerName::try_from(host.clone()).map_err(|_| bad())?))
        } else {
            None
        };
        Ok(Self {
            host,
            port: authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            tls,
        })
    }

    /// Posts a body with these headers. Succeeds if the status is 2xx.
    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: Bytes) -> Result<(), RequestError> {
        let mut request = Request::post(&self.path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let taken = async |answer: Response<Incoming>| match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(RequestError::Status(status)),
        };
        self.ask(request, body, taken).await
    }

    /// Gets a JSON document of at most `most` bytes.
    pub(crate) async fn get_json(&self, most: usize) -> Result<Bytes, RequestError> {
        let request = Request::get(&self.path).header(ACCEPT, "application/json");
        let read = async |answer: Response<Incoming>| match answer.status() {
            StatusCode::OK => match Limited::new(answer.into_body(), most).collect().await {
                Ok(body) => Ok(body.to_bytes()),
                Err(_) => Err(RequestError::TooLong(most)),
            },
            status => Err(RequestError::Status(status)),
        };
        self.ask(request, Bytes::new(), read).await
    }

    async fn ask<T>(
        &self,
        request: Builder,
        body: Bytes,
        read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        let request = request.header(HOST, &self.authority).header(CONNECTION, "close");
        let request =
            request.body(Full::new(body)).expect("what it is made of was read from an address, or made here");
        timeout(ANSWER_WITHIN, self.exchange(request, read)).await.map_err(|_| RequestError::TooSlow)?
    }

    async fn exchange<T>(
        &self,
        request: Request<Full<Bytes>>,
        read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        let stream = connect(&self.host, self.port).await?;
        let stream: Box<dyn Transport> = match &self.tls {
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
            None => Box::new(stream),
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let answer = async { read(sender.send_request(request).await?).await };
        // The connection is polled only until the response is complete.
        tokio::select! {
            biased;
            answer = answer => answer,
            Err(error) = connection => Err(error.into()),
        }
    }
}

/// Connects to a host by the first of its addresses that answers.
async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    first(&addresses, TcpStream::connect).await
}

/// The first connection. Each address has its share of the time, so that one that swallows
/// everything leaves time for the others.
async fn first<T>(
    addresses: &[SocketAddr],
    connect: impl AsyncFn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let share = CONNECT_WITHIN / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(share, connect(*address)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{address} does not answer")),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, plain: PlainHttp) -> Option<(String, u16, String)> {
        Target::read(text, None, plain).ok().map(|target| (target.host, target.port, target.path))
    }

    fn assert_read(text: &str, plain: PlainHttp, (host, port, path): (&str, u16, &str)) {
        assert_eq!(read(text, plain), Some((host.to_owned(), port, path.to_owned())), "{text}");
    }

    #[test]
    fn an_address_is_https_or_where_it_may_be_plain() {
        for plain in [PlainHttp::Never, PlainHttp::ThisMachine] {
            assert_read("https://push.example/chat?v=1", plain, ("push.example", 443, "/chat?v=1"));
            assert_read("https://[::1]:8443", plain, ("::1", 8443, "/"));
            for bad in
                ["", "x", "/x", "http://push.example/", "http://localhost/", "ftp://127.0.0.1/", "https:///x"]
            {
                assert_eq!(read(bad, plain), None, "{bad}");
            }
        }
        assert_read("http://127.0.0.1:9000/x", PlainHttp::ThisMachine, ("127.0.0.1", 9000, "/x"));
        assert_read("http://[::1]", PlainHttp::ThisMachine, ("::1", 80, "/"));
        assert_eq!(read("http://127.0.0.1/x", PlainHttp::Never), None);
    }

    #[test]
    fn an_address_with_a_user_is_refused_and_not_quoted() {
        let error = Target::read("https://user:password@x/", None, PlainHttp::Never).err().unwrap();
        assert!(!error.to_string().contains("password"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_swallows_everything_leaves_time_for_the_others() {
        let addresses: Vec<SocketAddr> =
            ["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"].map(|text| text.parse().unwrap()).into();
        let connect = async |address: SocketAddr| match address {
            silent if silent == addresses[0] => std::future::pending().await,
            refusing if refusing == addresses[1] => Err(io::ErrorKind::ConnectionRefused.into()),
            good => Ok(good),
        };
        let connected = timeout(ANSWER_WITHIN, first(&addresses, &connect)).await;
        assert_eq!(connected.unwrap().unwrap(), addresses[2]);
        let error = first(&addresses[..1], &connect).await.unwrap_err();
        assert!(error.to_string().contains("192.0.2.1:1 does not answer"), "{error}");
    }
}
