//! The additions that change the work on a conversation.

use serde_json::json;
use server_test_support::program::{now, program};
use server_test_support::{Server, assert_shape, conversation, jane as jane_smith, john as john_doe, until};

#[tokio::test]
async fn a_taken_conversation_is_told_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let (mut john, mut jane, id) = conversation(&server).await;
    let data = json!({"conversation_id": id, "version": 0, "client_message_id": "once"});
    let reply = jane.request("take_conversation", data.clone()).await;
    let work = json!({
        "state": "TAKEN", "assignee": "user_jane", "since": "<time>", "waiting_since": "<time>", "version": 2,
    });
    assert_eq!((&reply["success"], &reply["seq"]), (&json!(true), &json!(2)));
    assert_shape(&reply["work"], &work);
    let heard = john.event("new_message").await;
    assert_eq!(heard["message"]["content"], "Jane Smith has taken this conversation.");
    assert_eq!(heard["message"]["work"]["action"], "TAKE");
    let late = json!({"conversation_id": id, "version": 0});
    assert_eq!(jane.refused("take_conversation", late).await, "conflict");
    assert_eq!(john.refused("take_conversation", data.clone()).await, "forbidden");
    let row = json!({"conversation_id": id});
    let before = john.request("get_active_conversations", row.clone()).await;
    assert!(server.stop().await.0.success());
    let server = Server::start_in(dir.path(), &[]);
    let (mut john, mut jane) = (server.connect(&john_doe()).await, server.connect(&jane_smith()).await);
    let after = john.request("get_active_conversations", row).await;
    assert_eq!(after["conversations"], before["conversations"]);
    let again = jane.request("take_conversation", data).await;
    assert_eq!(again["work"], reply["work"], "the original reply");
}

#[tokio::test]
async fn control_speaks_first_and_finds_people_and_lists_by_work() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let (mut john, mut jane) = (server.connect(&john_doe()).await, server.connect(&jane_smith()).await);
    let people = jane.request("get_people", json!({"find": "john", "role": "BUS_DRIVER"})).await;
    let person = json!({
        "id": "user_john", "first_name": "John", "last_name": "Doe", "role": "BUS_DRIVER", "connected": true,
    });
    assert_eq!(people["people"], json!([person]));
    let data = json!({
        "to": ["user_john"], "title": "Detour", "content": "Take the second exit.", "client_message_id": "once",
    });
    let started = jane.request("start_conversation", data.clone()).await;
    let heard = john.event("new_message").await;
    assert_eq!(
        (&heard["message"]["seq"], &heard["conversation_id"]),
        (&json!(1), &started["conversation_id"])
    );
    assert_eq!(started["work"]["assignee"], "user_jane");
    let mine = json!({"work": "mine", "participants": "brief"});
    let before = jane.request("get_active_conversations", mine.clone()).await;
    assert_eq!(before["work_counts"], json!({"waiting": 0, "mine": 1, "others": 0, "resolved": 0}));
    assert_eq!(before["conversations"][0]["id"], started["conversation_id"]);
    assert!(server.stop().await.0.success());
    let server = Server::start_in(dir.path(), &[]);
    let mut jane = server.connect(&jane_smith()).await;
    let after = jane.request("get_active_conversations", mine).await;
    assert_eq!(after["conversations"], before["conversations"]);
    let again = jane.request("start_conversation", data).await;
    assert_eq!(again["conversation_id"], started["conversation_id"], "the original");
}

#[tokio::test]
async fn an_order_is_answered_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let (mut john, mut jane, id) = conversation(&server).await;
    let data = json!({"conversation_id": id, "content": "Turn back.", "answers": ["Yes", "No"]});
    let given = jane.request("send_chat_message", data).await;
    let before = john.request("get_open_orders", json!({})).await;
    assert_eq!(before["orders"][0]["id"], given["message_id"]);
    assert!(server.stop().await.0.success());
    let server = Server::start_in(dir.path(), &[]);
    let (mut john, mut jane) = (server.connect(&john_doe()).await, server.connect(&jane_smith()).await);
    assert_eq!(john.request("get_open_orders", json!({})).await["orders"], before["orders"]);
    let data = json!({"conversation_id": id, "message_id": given["message_id"], "answer": 1});
    let reply = john.request("answer_message", data.clone()).await;
    assert_eq!(reply["order"]["people"][0]["state"], "ANSWERED");
    let heard = jane.event("new_message").await;
    assert_eq!(heard["message"]["content"], "John Doe has answered: No");
    assert_eq!(john.refused("answer_message", data).await, "already_answered");
    assert_eq!(jane.request("get_open_orders", json!({})).await["orders"], json!([]));
}

#[tokio::test]
async fn the_history_of_a_user_names_changes_of_the_work() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start_in(dir.path(), &[]);
    let (_john, mut jane, id) = conversation(&server).await;
    let take = json!({"conversation_id": id, "version": 0, "client_message_id": "once"});
    jane.request("take_conversation", take.clone()).await;
    jane.request("take_conversation", take).await;
    let history = || {
        let around = now().to_string();
        let arguments = ["history", "--user", "user_jane", "--around", &around, "--data-dir"];
        let output = program().args(arguments).arg(&data).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    until("the repeat", async || history().contains("repeated take_conversation")).await;
    let told = history();
    let took = told.lines().find(|line| line.contains(&format!("took {id} by entry 2"))).expect(&told);
    assert!(took.contains("once") && took.contains("from 127.0.0.1"), "{took}");
    assert!(!told.contains("Jane Smith has taken"), "no text: {told}");
}
