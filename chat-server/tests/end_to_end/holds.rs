//! Holds and erasing on request, as an operator does them, beside a running server and without.

use std::path::Path;
use std::process::Output;

use serde_json::json;
use server_test_support::program::program;
use server_test_support::{Server, conversation, john, send};

fn run(data: &Path, arguments: &[&str]) -> Output {
    program().args(arguments).arg("--data-dir").arg(data).output().unwrap()
}

fn done(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_user_s_texts_are_erased_once_no_hold_is_left_and_the_record_stays() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start_in(dir.path(), &[]);
    let (mut john_, mut jane, id) = conversation(&server).await;
    send(&mut john_, &id, "the secret plan").await;
    send(&mut jane, &id, "an answer").await;
    for typo in [["--conversation", "conv_0000000000000000"], ["--user", "user_jon"]] {
        let told = refused(&data, &[&["hold", "add", "--why", "an accident"][..], &typo].concat());
        assert!(told.contains("nothing is known of the") && told.contains(typo[1]), "{told}");
    }
    done(&data, &["hold", "add", "--conversation", &id, "--why", "an accident"]);
    let held = done(&data, &["hold", "list"]);
    assert!(held.contains(&id) && held.contains("an accident") && held.contains("by uid "), "{held}");
    let erase = ["erase", "--user", "user_john", "--why", "on request"];
    assert!(refused(&data, &erase).contains("add --yes"));
    let counted = String::from_utf8(run(&data, &erase).stdout).unwrap();
    assert!(counted.contains(&format!("on hold, and not erased: 2 texts, in {id}\n")), "{counted}");
    assert_eq!(
        done(&data, &[&erase[..], &["--yes"]].concat()).lines().last(),
        Some("erased: 0 texts of user_john")
    );

    done(&data, &["hold", "release", "--conversation", &id]);
    let told = done(&data, &[&erase[..], &["--yes"]].concat());
    assert_eq!(told, "erased: 2 texts of user_john\n");
    let data_of = json!({"conversation_id": id});
    let page = jane.request("get_conversation_messages", data_of).await;
    let texts: Vec<_> =
        page["messages"].as_array().unwrap().iter().map(|message| &message["content"]).collect();
    assert_eq!(texts, [&json!(""), &json!(""), &json!("an answer")]);
    server.stop().await;
    assert!(refused(&data, &["hold", "release", "--conversation", &id]).contains("no hold"));
    done(&data, &["hold", "add", "--user", john().id.as_str(), "--why", "a quarrel"]);
    assert!(refused(&data, &[&erase[..], &["--yes"]].concat()).contains("a quarrel"));
    let acts = std::fs::read_to_string(data.join("audit/acts.jsonl")).unwrap();
    for act in ["\"act\":\"hold\"", "\"act\":\"release\"", "\"act\":\"erase\",\"by\":\"uid ", "on request"] {
        assert!(acts.contains(act), "{act}: {acts}");
    }
    assert!(done(&data, &["verify"]).contains("erased"), "the chain holds");
}
