//! A WebSocket as a transport: axum's on the server's side, async-tungstenite's on the client's.
//!
//! Both libraries answer pings and check UTF-8. The rest is a conversion between message types.

use std::future::ready;
use std::net::SocketAddr;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::{ConnectStream, connect_async};
use async_tungstenite::tungstenite::client::IntoClientRequest;
use async_tungstenite::tungstenite::http::HeaderValue;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::{Error, Message};
use axum::extract::ws;
use chat_core::drive::{Frame, Handle, Session};
use chat_core::protocol::CloseCode;
use futures::{Sink, SinkExt, Stream, TryStreamExt};

use crate::{Peer, play};

/// Runs a session over a socket upgraded by axum, to its end.
pub async fn serve(session: Session, socket: ws::WebSocket) {
    let mut transport = server(socket);
    session.run(&mut transport).await;
    // A peer that has closed waits for an answer. If the chat has closed first, this fails, without
    // harm.
    let _best_effort = transport.close().await;
}

/// Plays the script against the server of `mounted_in_axum`, and then stops the chat.
///
/// # Errors
///
/// The connections failed, or someone heard something else than the protocol says.
pub async fn demo(server: SocketAddr, chat: &Handle) -> Result<(), crate::Error> {
    let mut driver = Peer::new("driver_1", connect(server, "s1").await?);
    let mut control = Peer::new("control_1", connect(server, "s2").await?);
    play(&mut driver, &mut control).await?;
    chat.drain().await;
    driver.hear_end().await?;
    control.hear_end().await
}

/// Converts a socket upgraded by axum into a session's transport.
fn server(
    socket: ws::WebSocket,
) -> impl Stream<Item = Result<Frame, axum::Error>> + Sink<Frame, Error = axum::Error> + Unpin {
    let outgoing = |frame| {
        ready(match frame {
            Frame::Text(text) => text.try_into().map(ws::Message::Text).map_err(axum::Error::new),
            // Neither occurs: the protocol has no binary frames, and this drive has no framing of
            // its own.
            Frame::Binary(bytes) | Frame::Framed(bytes) => Ok(ws::Message::Binary(bytes)),
            Frame::Close(code) => {
                let frame = ws::CloseFrame { code: code.code(), reason: code.reason().into() };
                Ok(ws::Message::Close(Some(frame)))
            }
        })
    };
    let incoming = |message| {
        ready(Ok(match message {
            ws::Message::Text(text) => Some(Frame::Text(text.into())),
            ws::Message::Binary(bytes) => Some(Frame::Binary(bytes)),
            ws::Message::Close(frame) => Some(close(frame.map(|frame| frame.code))),
            ws::Message::Ping(_) | ws::Message::Pong(_) => None,
        }))
    };
    socket.with(outgoing).try_filter_map(incoming)
}

async fn connect(
    server: SocketAddr,
    session: &'static str,
) -> Result<impl Stream<Item = Result<Frame, Error>> + Sink<Frame, Error = Error> + Unpin, Error> {
    let mut request = format!("ws://{server}/chat").into_client_request()?;
    request.headers_mut().insert("x-session", HeaderValue::from_static(session));
    let (socket, _response) = connect_async(request).await?;
    Ok(client(socket))
}

/// Converts a client's socket into a [`Peer`](crate::Peer)'s transport.
fn client(
    socket: WebSocketStream<ConnectStream>,
) -> impl Stream<Item = Result<Frame, Error>> + Sink<Frame, Error = Error> + Unpin {
    let outgoing = |frame| {
        ready(match frame {
            Frame::Text(text) => text.try_into().map(Message::Text).map_err(Error::from),
            Frame::Binary(bytes) | Frame::Framed(bytes) => Ok(Message::Binary(bytes)),
            Frame::Close(code) => {
                let frame = CloseFrame { code: code.code().into(), reason: code.reason().into() };
                Ok(Message::Close(Some(frame)))
            }
        })
    };
    let incoming = |message| {
        ready(Ok(match message {
            Message::Text(text) => Some(Frame::Text(text.into())),
            Message::Binary(bytes) => Some(Frame::Binary(bytes)),
            Message::Close(frame) => Some(close(frame.map(|frame| frame.code.into()))),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => None,
        }))
    };
    socket.with(outgoing).try_filter_map(incoming)
}

/// Converts a peer's close code. An unknown code means a normal end.
fn close(code: Option<u16>) -> Frame {
    Frame::Close(code.and_then(CloseCode::from_code).unwrap_or(CloseCode::Normal))
}
