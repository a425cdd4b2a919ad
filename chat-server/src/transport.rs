//! The bound on a connection's byte stream.

use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream in both directions, such as a TCP or Unix socket, with or without TLS.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for S {}
