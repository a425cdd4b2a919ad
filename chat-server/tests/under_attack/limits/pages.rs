//! How much one reply holds.

use serde_json::{Value, json};
use server_test_support::{Client, Server};

use crate::harness::{Tally, UNHURRIED, john_and_jane, under_attack, wire};

/// Sends many requests at once and reads their replies.
async fn ask_often(client: &mut Client, times: usize, kind: &str, data: &Value) {
    for _ in 0..times {
        client.send_text(wire::request(kind, data)).await;
    }
    for _ in 0..times {
        assert_eq!(client.reply().await["success"], json!(true));
    }
}

async fn long_conversation(server: &Server, messages: usize, length: usize) -> (Client, String) {
    let (mut john, jane, id) = john_and_jane(server).await;
    jane.close().await;
    let data = json!({"conversation_id": id, "content": "x".repeat(length)});
    ask_often(&mut john, messages - 1, "send_chat_message", &data).await;
    (john, id)
}

/// The room is for pages, and for the 13 MiB that the index replaces while 2,000 long messages are
/// written.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_page_of_history() {
    under_attack("page of history", 32, UNHURRIED, async |server| {
        let (mut john, id) = long_conversation(server, 2_000, 1_000).await;
        for limit in [json!(101), json!(2_000), json!(u32::MAX), json!(i64::MAX)] {
            let data = json!({"conversation_id": id, "limit": limit});
            let page = john.request("get_conversation_messages", data).await;
            assert_eq!((&page["count"], &page["has_more"]), (&json!(100), &json!(true)), "{limit}");
        }
        let page = john.request("get_conversation_messages", json!({"conversation_id": id})).await;
        assert_eq!((&page["count"], &page["has_more"]), (&json!(50), &json!(true)), "without a limit");
        Tally::all(5)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_catch_up() {
    under_attack("catch-up, by messages and by bytes", 12, UNHURRIED, async |server| {
        let mut refused = 0;
        for (messages, length, most) in [(700, 10, 300), (300, 4_000, 66)] {
            let (mut john, id) = long_conversation(server, messages, length).await;
            let mut held = 0;
            while held < messages {
                let data = json!({"conversation_id": id, "after_seq": held});
                let caught = john.request("join_conversation", data).await;
                let count = caught["messages"].as_array().unwrap().len();
                assert!((1..=most).contains(&count), "{count} messages");
                held += count;
                assert_eq!(caught["complete"], json!(held == messages), "after {held}");
                refused += u64::from(held < messages);
            }
        }
        Tally::all(refused)
    })
    .await;
}

/// The room is for 1,100 conversations in the caches, and for the pages that the index replaces
/// meanwhile. Each of the 12,000 keys makes a page anew, and the old pages are freed when all are
/// written. 38 to 67 MiB were seen: with more layers, fewer.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_list_of_conversations() {
    under_attack("list of conversations", 96, UNHURRIED, async |server| {
        let (mut john, _jane, _) = john_and_jane(server).await;
        let data = json!({"title": "t", "content": "c"});
        ask_often(&mut john, 1_100, "create_support_conversation", &data).await;
        for data in [json!({}), json!({"limit": 1_001}), json!({"limit": u32::MAX})] {
            let list = john.request("get_active_conversations", data).await;
            assert_eq!((&list["count"], &list["has_more"]), (&json!(1_000), &json!(true)));
        }
        let rest = john.request("get_active_conversations", json!({"skip": 1_000})).await;
        assert_eq!((&rest["count"], &rest["has_more"]), (&json!(101), &Value::Null));
        let (mut walked, mut cursor) = (0, Value::Null);
        loop {
            let data = json!({"participants": "brief", "cursor": cursor});
            let page = john.request("get_active_conversations", data).await;
            let bytes = page["conversations"].to_string().len();
            assert!(bytes <= 65_536, "a brief page of {bytes} bytes");
            walked += page["count"].as_u64().unwrap();
            cursor = page["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
            assert!(bytes > 60_000, "{bytes} bytes, and there is more");
        }
        assert_eq!(walked, 1_101, "all, by brief pages");
        Tally::all(4)
    })
    .await;
}
