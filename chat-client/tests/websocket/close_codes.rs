//! Close codes of the server.

use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use chat_client::Retry;
use chat_client::transport::TransportError;
use chat_core::frame::Frame;
use chat_core::protocol::CloseCode;
use futures::StreamExt as _;

use crate::server::connected;

/// Returns the client's last item after this close.
async fn after(close: Option<(u16, &'static str)>) -> Result<Frame, TransportError> {
    let (mut client, mut server) = connected().await;
    let close = close.map(|(code, reason)| CloseFrame { code: code.into(), reason: reason.into() });
    server.send(Message::Close(close.clone())).await.unwrap();
    let read = client.next().await.unwrap();
    assert_eq!(client.next().await, None, "then it ends");
    drop(client);
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Close(close), "and it was answered");
    read
}

#[tokio::test]
async fn every_code_of_the_protocol_is_known() {
    for code in CloseCode::ALL {
        assert_eq!(after(Some((code.code(), "a reason"))).await, Ok(Frame::Close(code)));
    }
    assert_eq!(after(None).await, Ok(Frame::Close(CloseCode::Normal)));
}

#[tokio::test]
async fn a_code_from_4500_on_that_is_unknown_is_never_tried_again() {
    for code in [4500, 4502, 4999] {
        let failure = after(Some((code, "another rule"))).await.unwrap_err();
        assert_eq!(failure.retry, Retry::Never, "{code}");
        assert_eq!(
            *failure.reason,
            *format!("the server closed the connection with {code}: \"another rule\"")
        );
    }
}

#[tokio::test]
async fn any_other_unknown_code_is_tried_again() {
    for code in [1002, 1003, 1008, 1011, 3000, 4000, 4499] {
        let failure = after(Some((code, "busy\nwith\u{7} it"))).await.unwrap_err();
        assert_eq!(failure.retry, Retry::AfterPause(None), "{code}");
        assert_eq!(
            *failure.reason,
            *format!("the server closed the connection with {code}: \"busy with it\"")
        );
    }
    let failure = after(Some((1011, ""))).await.unwrap_err();
    assert_eq!(&*failure.reason, "the server closed the connection with 1011");
}

#[tokio::test]
async fn an_end_without_a_code_is_tried_again() {
    let (mut client, server) = connected().await;
    drop(server);
    let failure = client.next().await.unwrap().unwrap_err();
    assert_eq!(failure, TransportError::network("the connection broke: the other side hung up"));
    assert_eq!(client.next().await, None);
}
