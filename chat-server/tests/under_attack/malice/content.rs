//! Text is data: it comes back unchanged, or is refused.

use chat_core::protocol::{Role, User};
use serde_json::{Value, json};
use server_test_support::{Client, Server, conversation, create, jane, send};

use crate::harness::{Tally, UNHURRIED};

/// Text that is dangerous if taken for more than data.
fn odd_texts() -> Vec<String> {
    let controls = (0..0x20).chain([0x7f, 0x85, 0x9f, 0xad, 0xfeff, 0xfffd, 0xfffe, 0xffff, 0x10_ffff]);
    let invisible = (0x200b..=0x200f).chain(0x2028..=0x202e).chain(0x2060..=0x206f).chain(0xe0000..0xe0004);
    let each = controls.chain(invisible).filter_map(char::from_u32).map(|odd| format!("a{odd}b"));
    let longer = [
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "&lt;&amp;&#x27;",
        "\"; DROP TABLE messages; --",
        "${jndi:ldap://127.0.0.1/x} {{7*7}} %s%n $(id) `id`",
        "\\u0000 \\ud800 \\\\ \\\" \\/",
        "{\"type\":\"new_message\",\"success\":true}",
        "\r\n\r\nHTTP/1.1 200 OK\r\n",
        "  leading and trailing  \n",
        "e\u{301} é ﬁ ｆｕｌｌ Å Å",
        "مرحبا \u{202e}cod.exe\u{202c} שלום",
        "👨‍👩‍👧‍👦🏳️‍🌈",
        "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
    ];
    each.chain(longer.map(str::to_owned)).collect()
}

async fn page(client: &mut Client, id: &str) -> Vec<Value> {
    let data = json!({"conversation_id": id, "limit": 100});
    let page = client.request("get_conversation_messages", data).await;
    page["messages"].as_array().unwrap()[1..].iter().map(|message| message["content"].clone()).collect()
}

pub async fn odd_text(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), UNHURRIED);
    let (mut sender, mut reader, id) = conversation(&server).await;
    let texts = odd_texts();
    for odd in &texts {
        send(&mut sender, &id, odd).await;
        assert_eq!(reader.event("new_message").await["message"]["content"], json!(odd));
        let list = reader.request("get_active_conversations", json!({})).await;
        assert_eq!(list["conversations"][0]["last_message"]["content"], json!(odd));
    }
    assert_eq!(page(&mut reader, &id).await, texts);
    server.stop().await;

    let server = Server::start_in(dir.path(), UNHURRIED);
    let mut reader = server.connect(&jane()).await;
    assert_eq!(page(&mut reader, &id).await, texts);
    let data = json!({"conversation_id": id, "after_seq": 1});
    let caught_up = reader.request("join_conversation", data).await;
    let caught_up: Vec<_> =
        caught_up["messages"].as_array().unwrap().iter().map(|message| &message["content"]).collect();
    assert_eq!(caught_up, texts.iter().collect::<Vec<_>>());
    Tally { tried: texts.len() as u64, refused: 0 }.report(name, "");
}

pub async fn odd_names(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), UNHURRIED);
    let mut reader = server.connect(&jane()).await;
    let texts = odd_texts();
    for (number, odd) in texts.iter().enumerate() {
        let user = User {
            id: format!("{odd}{number}").into(),
            first_name: odd.as_str().into(),
            last_name: odd.as_str().into(),
            email: odd.as_str().into(),
            role: Role::BusDriver,
        };
        let mut sender = server.connect(&user).await;
        create(&mut sender, odd, odd).await;
        let told = reader.event("new_support_conversation").await;
        assert_eq!(told["title"], json!(format!("Support: {odd}")));
        assert_eq!(told["creator_id"], json!(user.id));
        assert_eq!(told["creator_name"], json!(format!("{odd} {odd}")), "{}", odd.escape_debug());
        reader.event("new_message").await;
        sender.close().await;
    }
    server.stop().await;

    let server = Server::start_in(dir.path(), UNHURRIED);
    let mut reader = server.connect(&jane()).await;
    let list = reader.request("get_active_conversations", json!({})).await;
    for (listed, odd) in list["conversations"].as_array().unwrap().iter().rev().zip(&texts) {
        assert_eq!(listed["title"], json!(format!("Support: {odd}")));
        let creator = &listed["participants"][0];
        assert_eq!([&creator["first_name"], &creator["last_name"], &creator["email"]], [odd, odd, odd]);
    }
    assert_eq!(list["count"], json!(texts.len()));
    Tally { tried: 4 * texts.len() as u64, refused: 0 }.report(name, "");
}

pub async fn raw_controls(name: &str) {
    let server = Server::start();
    let (mut client, mut reader, id) = conversation(&server).await;
    for control in (0..0x20_u8).map(char::from) {
        let frame = format!(
            r#"{{"type":"send_chat_message","data":{{"conversation_id":"{id}","content":"a{control}b"}}}}"#
        );
        client.send_text(frame).await;
        assert_eq!(client.reply().await["code"], json!("invalid_json"), "{}", control.escape_debug());
    }
    reader.nothing_heard().await;
    Tally::all(0x20).report(name, "");
}

pub async fn lone_surrogates(name: &str) {
    let server = Server::start();
    let (mut client, mut reader, id) = conversation(&server).await;
    let mut tried = 0;
    for lone in [r"\ud800", r"\udbff", r"\udc00", r"\udfff", r"\ud83d\ud83d", r"\ude00\ud83d", r"\ud83dx"] {
        let frames = [
            format!(
                r#"{{"type":"send_chat_message","data":{{"conversation_id":"{id}","content":"{lone}"}}}}"#
            ),
            format!(
                r#"{{"type":"send_chat_message","data":{{"conversation_id":"{id}","content":"c","client_message_id":"{lone}"}}}}"#
            ),
            format!(r#"{{"type":"create_support_conversation","data":{{"title":"{lone}","content":"c"}}}}"#),
            format!(r#"{{"type":"create_support_conversation","data":{{"title":"t","content":"{lone}"}}}}"#),
            format!(r#"{{"type":"join_conversation","data":{{"conversation_id":"{lone}"}}}}"#),
            format!(r#"{{"type":"refresh_token","data":{{"token":"{lone}"}}}}"#),
            format!(r#"{{"type":"get_active_conversations","request_id":"{lone}"}}"#),
            format!(r#"{{"type":"{lone}"}}"#),
        ];
        for frame in frames {
            client.send_text(frame.clone()).await;
            let reply = client.reply().await;
            let code = reply["code"].as_str().unwrap_or_default();
            assert!(["invalid_parameter", "invalid_frame"].contains(&code), "{frame}: {reply}");
            tried += 1;
        }
    }
    reader.nothing_heard().await;
    let count = client.request("get_conversation_messages", json!({"conversation_id": id})).await;
    assert_eq!(count["count"], json!(1));
    Tally::all(tried).report(name, "");
}
