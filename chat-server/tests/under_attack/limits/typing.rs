//! In how many conversations one connection may type.

use serde_json::{Value, json};
use server_test_support::{create, jane, john, send};

use crate::harness::{Tally, UNHURRIED, under_attack};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn conversations_of_typing() {
    under_attack("conversations in which a connection types", 4, UNHURRIED, async |server| {
        let mut jane = server.connect(&jane()).await;
        let mut john = server.connect(&john()).await;
        let mut ids = Vec::new();
        for _ in 0..60 {
            ids.push(create(&mut john, "t", "c").await);
        }
        for id in &ids {
            let data = json!({"conversation_id": id, "is_typing": true});
            assert_eq!(john.request("typing_indicator", data).await, json!({"success": true}));
        }
        send(&mut john, &ids[59], "all are typed in").await;
        let mut ended: Vec<Value> = Vec::new();
        loop {
            let event = jane.frame().await.unwrap();
            if event["is_typing"] == json!(false) {
                ended.push(event["conversation_id"].clone());
            } else if event["message"]["content"] == json!("all are typed in") {
                break;
            }
        }
        // The oldest end first, each when there is one more than 32.
        assert!(ended.len() >= 28, "{} have ended", ended.len());
        assert_eq!(ended[..28], ids[..28]);
        Tally { tried: 60, refused: 28 }
    })
    .await;
}
