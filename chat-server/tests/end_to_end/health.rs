//! Health checks of a load balancer or a supervisor.

use server_test_support::Server;
use server_test_support::http::{ask, probe};

#[tokio::test]
async fn a_server_that_serves_lives_and_is_ready() {
    let server = Server::start();
    assert_eq!(probe(&server, "/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(probe(&server, "/readyz").await, (200, "ready\n".to_owned()));
    let head = ask(&server, "HEAD /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!((head.header("cache-control"), head.header("connection")), (Some("no-store"), Some("close")));
    let post = ask(&server, "POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!((post.status, post.header("allow")), (405, Some("get, head")));
}
