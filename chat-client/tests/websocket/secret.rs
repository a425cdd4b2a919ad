//! The token is in no text: neither in errors nor in `Debug`.

use chat_client::websocket::WebSocket;

use crate::server::{TOKEN, attempt, failure_after};

/// No recognisable piece of the token appears.
fn assert_clean(text: &str) {
    for start in 0..=TOKEN.len() - 8 {
        let piece = &TOKEN[start..start + 8];
        assert!(!text.contains(piece), "{piece} in {text}");
    }
}

/// Returns the request's line with the token.
fn authorization(head: &str) -> &str {
    head.lines().find(|line| line.starts_with("Authorization: ")).unwrap()
}

#[tokio::test]
async fn an_answer_that_repeats_the_request_is_shown_without_the_token() {
    let refusal = |body: &str| format!("HTTP/1.1 403 No\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let whole = failure_after(|head| refusal(&format!("{} refused", authorization(head))).into_bytes()).await;
    assert!(whole.reason.ends_with("\"Authorization: Bearer … refused\""), "{whole}");
    assert_clean(&format!("{whole} {whole:?}"));

    let not_http = failure_after(|head| format!("you said {}", authorization(head)).into_bytes()).await;
    assert!(not_http.reason.ends_with("\"you said Authorization: Bearer …\""), "{not_http}");
    assert_clean(&format!("{not_http} {not_http:?}"));

    for cut in 5..TOKEN.len() {
        let piece = failure_after(|_| refusal(&format!("sent {}", &TOKEN[..cut])).into_bytes()).await;
        assert!(piece.reason.ends_with("\"sent\""), "{piece}");
    }
}

#[test]
fn debug_shows_neither_token_nor_query() {
    let connector = WebSocket::new("wss://chat.example.com/connect?key=secret").unwrap();
    assert_eq!(format!("{connector:?}"), "WebSocket { addresses: [wss://chat.example.com/connect], .. }");
    assert_clean(&format!("{:?}", attempt()));
    let error = WebSocket::new(&format!("wss://chat.example.com/connect?token={TOKEN}")).unwrap_err();
    assert_clean(&format!("{error} {error:?}"));
}
