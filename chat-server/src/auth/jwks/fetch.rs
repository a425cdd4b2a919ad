//! Getting a document over HTTPS: one request, no redirects, bounded in size and time.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::uri::Scheme;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::tls::connector;

/// Most bytes of a document.
pub(super) const DOCUMENT_MOST: usize = 256 * 1024;

/// How long it may take in all.
const FETCH_WITHIN: Duration = Duration::from_secs(5);

/// The port of HTTPS.
const USUAL_PORT: u16 = 443;

/// Where a document is, and whom to trust for it.
pub(super) struct Address {
    host: String,
    port: u16,
    /// As the header `Host` names them.
    authority: String,
    /// The path and what is behind it.
    target: String,
    name: ServerName<'static>,
    tls: TlsConnector,
}

/// Why an address is no good.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Anyone on the way could put another key there.
    #[error("{0} is no address of a key set: it must begin with https:// and a host, without a user")]
    NotHttps(String),
    /// Whom to trust is not clear.
    #[error("{} holds no certificate of an authority in PEM format", .0.display())]
    NoAuthority(std::path::PathBuf),
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("no answer within {} s", FETCH_WITHIN.as_secs())]
    TooSlow,
    #[error("can't reach it: {0}")]
    Unreachable(#[from] io::Error),
    #[error("no HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("it has more than {DOCUMENT_MOST} bytes, or breaks off")]
    TooLong,
}

impl Address {
    /// Reads an address. Without a file of authorities, those count that Mozilla trusts.
    ///
    /// # Errors
    ///
    /// [`AddressError`].
    pub(super) fn read(text: &str, authorities: Option<&Path>) -> Result<Self, AddressError> {
        let not_https = || AddressError::NotHttps(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| not_https())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.filter(|_| uri.scheme() == Some(&Scheme::HTTPS)).ok_or_else(not_https)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let no_authority = || AddressError::NoAuthority(authorities.unwrap_or(Path::new("")).to_owned());
        Ok(Self {
            name: ServerName::try_from(host.clone()).map_err(|_| not_https())?,
            host,
            port: authority.port_u16().unwrap_or(USUAL_PORT),
            authority: authority.to_string(),
            target: uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            tls: connector(authorities).ok_or_else(no_authority)?,
        })
    }

    /// Gets the document.
    pub(super) async fn fetch(&self) -> Result<Bytes, FetchError> {
        timeout(FETCH_WITHIN, self.ask()).await.map_err(|_| FetchError::TooSlow)?
    }

    async fn ask(&self) -> Result<Bytes, FetchError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let stream = self.tls.connect(self.name.clone(), stream).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request =
            Request::get(&self.target).header(HOST, &self.authority).header(ACCEPT, "application/json");
        let request = request.body(Empty::<Bytes>::new()).expect("they came out of an address");
        let answer = async {
            let answer = sender.send_request(request).await?;
            if answer.status() != StatusCode::OK {
                return Err(FetchError::Status(answer.status()));
            }
            let body = Limited::new(answer.into_body(), DOCUMENT_MOST).collect().await;
            Ok(body.map_err(|_| FetchError::TooLong)?.to_bytes())
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
    fn an_address_is_https_to_a_host() {
        let read =
            |text| Address::read(text, None).ok().map(|address| (address.host, address.port, address.target));
        let some = |host: &str, port, target: &str| Some((host.to_owned(), port, target.to_owned()));
        assert_eq!(read("https://id.example/keys?v=1"), some("id.example", 443, "/keys?v=1"));
        assert_eq!(read("https://[::1]:8443"), some("::1", 8443, "/"));
        for bad in
            ["", "keys", "/keys", "http://127.0.0.1/keys", "ftp://x/", "https://u:p@x/", "https:///keys"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
