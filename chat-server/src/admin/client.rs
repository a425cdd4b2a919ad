//! How other programs ask the running server: the commands of this one do it so.

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

use super::SocketConfig;
use super::lines::ProgressLine;

/// Asks the server that runs on a data directory.
#[derive(Debug)]
pub struct Client {
    data_dir: PathBuf,
    socket: PathBuf,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error(
        "nobody answers on {}: if a server is running on {}, give its --admin-socket or its --config",
        socket.display(),
        data_dir.display()
    )]
    NotRunning {
        /// On which data.
        data_dir: PathBuf,
        /// Where it would listen.
        socket: PathBuf,
    },
    /// The socket is there, but can't be used.
    #[error("can't ask the server on {}: {error}", socket.display())]
    Unreachable {
        /// Where it listens.
        socket: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The connection broke, or what came is no answer.
    #[error("the server did not answer as it should: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// The server says no.
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
    /// Asks by the socket of this data directory, or by another one that is configured.
    pub fn new(socket: &SocketConfig, data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned(), socket: socket.path(data_dir) }
    }

    /// Asks, and reads the whole answer as JSON.
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

    /// Asks for what takes long, shows how far it has come, and gives what its last line says.
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

    /// Sends a request on a connection of its own. What is refused is an error.
    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::broken)?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header(HOST, "localhost");
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
