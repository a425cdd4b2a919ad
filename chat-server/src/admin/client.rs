//! A client of the running server's administrative API, as used by this program's own commands.

use std::io;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::lines::ProgressLine;
use super::{OPERATOR, SocketConfig};
use crate::audit;

/// Sends requests to the server of one data directory, over its Unix socket.
#[derive(Debug)]
pub struct Client {
    data_dir: PathBuf,
    socket: PathBuf,
}

/// The reason that a request got no useful answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens on the socket.
    #[error(
        "nobody answers on {}: if a server is running on {}, give its --admin-socket or its --config",
        socket.display(),
        data_dir.display()
    )]
    NotRunning {
        /// The data directory.
        data_dir: PathBuf,
        /// The socket's path.
        socket: PathBuf,
    },
    /// The socket exists and can't be used.
    #[error("can't ask the server on {}: {error}", socket.display())]
    Unreachable {
        /// The socket's path.
        socket: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The connection broke, or the response could not be parsed.
    #[error("the server did not answer as it should: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// The server refused the request. Its text is for the operator.
    #[error("{0}")]
    Refused(String),
}

impl ClientError {
    fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Broken(error.into())
    }
}

/// The body of a refusal.
#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl Client {
    /// Uses the configured socket, or the default one in the data directory.
    pub fn new(socket: &SocketConfig, data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned(), socket: socket.path(data_dir) }
    }

    /// Sends a request and parses the whole response as JSON.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<T, ClientError> {
        let answer = self.send(method, path, body.into()).await?;
        let body = answer.into_body().collect().await.map_err(ClientError::broken)?.to_bytes();
        serde_json::from_slice(&body).map_err(ClientError::broken)
    }

    /// Sends a request whose response is a stream of JSON lines. Calls `show` for each progress
    /// line and returns the content of the last one.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn follow<P: DeserializeOwned, D: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
        mut show: impl FnMut(P),
    ) -> Result<D, ClientError> {
        let mut body = self.send(method, path, body.into()).await?.into_body();
        let mut waiting = BytesMut::new();
        while let Some(frame) = body.frame().await {
            waiting.extend(frame.map_err(ClientError::broken)?.into_data().ok());
            while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
                let line = waiting.split_to(end + 1);
                match serde_json::from_slice(&line).map_err(ClientError::broken)? {
                    ProgressLine::Progress(progress) => show(progress),
                    ProgressLine::Done(done) => return Ok(done),
                    ProgressLine::Error(error) => return Err(ClientError::Refused(error)),
                }
            }
        }
        Err(ClientError::broken("it stopped before it was done"))
    }

    /// Sends one request on a new connection. A status other than 2xx is an error.
    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::broken)?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header(HOST, "localhost");
        if let Some(name) = audit::sudo_user() {
            request = request.header(OPERATOR, name);
        }
        let request = request.body(Full::new(body)).map_err(ClientError::broken)?;
        let answer = sender.send_request(request).await.map_err(ClientError::broken)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let body = answer.into_body().collect().await.map_err(ClientError::broken)?.to_bytes();
        let Refused { error } = serde_json::from_slice(&body).map_err(ClientError::broken)?;
        Err(ClientError::Refused(error))
    }

    fn unreachable(&self, error: io::Error) -> ClientError {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::NotRunning { data_dir: self.data_dir.clone(), socket: self.socket.clone() }
            }
            _ => ClientError::Unreachable { socket: self.socket.clone(), error },
        }
    }
}
