//! A second server on the same data.

use server_test_support::program::program;
use server_test_support::{Server, john};

use crate::environment::chat::Chat;
use crate::environment::start::refusal;

#[tokio::test]
async fn it_is_refused_while_the_first_serves_on_and_may_start_when_that_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let first = Server::start_in(dir.path(), &[]);
    let mut chat = Chat::begin(&first).await;
    let said = refusal(program(), dir.path());
    assert!(said.contains("is in use by another server") && said.contains("Stop the other one"), "{said}");
    chat.go_on(&mut first.connect(&john()).await).await;
    first.kill().await;

    let second = Server::start_in(dir.path(), &[]);
    chat.go_on(&mut second.connect(&john()).await).await;
}
