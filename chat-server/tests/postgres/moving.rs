//! A history on its way from a data directory into a database, and out again.

use std::fs;
use std::path::Path;

use chat_core::store::{Directory, Facts, Query, Store};
use chat_server::shared::SharedStore;
use chat_server::store::{Checks, Selection, export, restore, verify};
use serde_json::json;
use server_test_support::program::program;
use server_test_support::store::{commit, conv, copy_dir, creation, everything, load, open};
use server_test_support::{Server, conversation, jane, john, send};

use super::command::{refused, run_program, says};
use super::database::{connect, create, run};
use super::nodes::node_with;

/// The head at the end of a command's output.
fn head(said: &str) -> String {
    said.lines().find_map(|line| line.strip_prefix("head: ")).unwrap_or_else(|| panic!("{said}")).to_owned()
}

/// The answers of a store about all users, which do not say where it is.
fn answers(store: &impl Store) -> Vec<Facts> {
    let users = [
        "control_1",
        "control_2",
        "control_3",
        "control_4",
        "driver_1",
        "driver_2",
        "driver_gone",
        "regulator_1",
        "user_jane",
        "user_john",
    ];
    let mut all = everything(store, &users, &["c1"]);
    if let Some(Facts::Directory(directory)) = all.pop() {
        all.push(Facts::Directory(Directory { shared: false, ..directory }));
    }
    all
}

fn epoch(store: &impl Store) -> String {
    match load(store, Query::Directory).facts {
        Facts::Directory(directory) => directory.epoch.as_str().to_owned(),
        other => panic!("{other:?}"),
    }
}

fn exported(dir: &Path) -> String {
    let mut text = Vec::new();
    export(dir, &Selection::default(), &mut text, &|_, _| ()).unwrap();
    String::from_utf8(text).unwrap()
}

/// Moves a data directory, takes the history out again, and compares all answers.
fn moves(data: &Path, dir: &Path) {
    let store = open(data);
    let (before, epoch_before) = (answers(&store), epoch(&store));
    store.close().unwrap();
    let text = exported(data);
    let address = run(create());
    let (data_dir, out) = (data.to_str().unwrap(), dir.join("out"));
    let out = out.to_str().unwrap();
    let verified = head(&says(&["verify", "--data-dir", data_dir]));
    let moved = says(&["move", "--data-dir", data_dir, "--database-url", &address]);
    assert_eq!(head(&moved), verified);

    let store = run(SharedStore::open(&address)).unwrap();
    assert_eq!(epoch(&store), epoch_before);
    assert_eq!(answers(&store), before);
    drop(store);
    assert_eq!(head(&says(&["journal", "--database-url", &address, "--out", out])), verified);
    says(&["verify", "--backup", out, "--expect", &verified]);
    assert_eq!(exported(Path::new(out)), text);
    let restored = dir.join("restored");
    restore(Path::new(out), &restored, &|_, _| ()).unwrap();
    let store = open(&restored);
    assert_eq!(answers(&store), before);
    assert_ne!(epoch(&store), epoch_before, "the database may have gone on");

    // A second move is refused, and no server opens the old place.
    let again = run_program(&["move", "--data-dir", data_dir, "--database-url", &address]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("have a history already"), "{again:?}");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
    let refused = program().args(serve).env("CHAT_JWT_SECRET", server_test_support::SECRET).output().unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("backup"));
}

#[test]
fn data_of_older_versions_moves_with_all_that_it_says() {
    for name in ["data_of_0_1_0", "data_before_teams"] {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        copy_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name), &data);
        moves(&data, dir.path());
    }
}

#[tokio::test]
async fn clients_notice_nothing_of_a_move() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &["--messages-per-second", "0"]);
    let (mut john_before, _jane, id) = conversation(&server).await;
    let draft = json!({"conversation_id": id, "content": "once", "client_message_id": "c1"});
    let reply = john_before.request("send_chat_message", draft.clone()).await;
    john_before
        .request("mark_message_read", json!({"conversation_id": id, "message_id": reply["message_id"]}))
        .await;
    let listed = john_before.request("get_active_conversations", json!({})).await;
    assert!(server.stop().await.0.success());

    let address = create().await;
    let data = dir.path().join("data");
    says(&["move", "--data-dir", data.to_str().unwrap(), "--database-url", &address]);
    let server = node_with(dir.path(), "node", &address, &[]);
    let mut john_after = server.connect(&john()).await;
    assert_eq!(john_after.request("send_chat_message", draft).await, reply, "a repeat is a repeat");
    let again = john_after.request("get_active_conversations", json!({})).await;
    assert_eq!(again["conversations"], listed["conversations"]);
    let mut jane_after = server.connect(&jane()).await;
    let joined = jane_after.request("join_conversation", json!({"conversation_id": id})).await;
    assert_eq!(joined["reset"], json!(null), "{joined}");
    send(&mut jane_after, &id, "goes on").await;
    assert_eq!(john_after.event("new_message").await["message"]["seq"], json!(3));
}

#[test]
fn a_record_that_was_changed_in_the_database_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    copy_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data_before_teams"), &data);
    let address = run(create());
    says(&["move", "--data-dir", data.to_str().unwrap(), "--database-url", &address]);
    let change = "UPDATE chat.record SET payload = convert_to(\
        replace(convert_from(payload, 'UTF8'), 'driver_1', 'driver_2'), 'UTF8') WHERE position = \
        (SELECT min(position) FROM chat.record WHERE convert_from(payload, 'UTF8') LIKE '%driver_1%')";
    run(async { connect(&address).await.batch_execute(change).await.unwrap() });
    let out = dir.path().join("out");
    let refused = run_program(&["journal", "--database-url", &address, "--out", out.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("was changed"), "{refused:?}");
    assert!(!out.exists());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    assert_eq!(verify(&data, &Checks::default(), &|_, _| ()).unwrap().count, 0);
}

#[test]
fn holds_and_the_record_of_erasures_travel_with_a_history() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out, restored) =
        (dir.path().join("data"), dir.path().join("out"), dir.path().join("restored"));
    let store = open(&data);
    commit(&store, vec![creation(&conv(), None)]);
    store.close().unwrap();
    drop(store);
    let address = run(create());
    let data_dir = data.to_str().unwrap();
    says(&["hold", "add", "--data-dir", data_dir, "--user", "driver", "--why", "a claim"]);
    says(&["hold", "add", "--data-dir", data_dir, "--conversation", "conv_1", "--why", "court"]);
    says(&["erase", "--data-dir", data_dir, "--user", "control", "--why", "asked", "--yes"]);
    let keeping = fs::read_to_string(data.join("journal/keeping")).unwrap();
    assert!(keeping.contains("asked"), "{keeping}");
    let list = says(&["hold", "list", "--data-dir", data_dir]);
    assert_eq!(list.lines().count(), 2, "{list}");
    let moved = says(&["move", "--data-dir", data_dir, "--database-url", &address]);
    assert!(moved.contains("and 2 holds"), "{moved}");
    assert_eq!(says(&["hold", "list", "--database-url", &address]), list);
    says(&["journal", "--database-url", &address, "--out", out.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(out.join("journal/keeping")).unwrap(), keeping);
    says(&["restore", out.to_str().unwrap(), "--data-dir", restored.to_str().unwrap()]);
    assert_eq!(says(&["hold", "list", "--data-dir", restored.to_str().unwrap()]), list);
    let erase = ["erase", "--user", "driver", "--why", "asked", "--yes", "--database-url", &address];
    assert!(refused(&erase).contains("a claim"));
}

#[test]
fn a_database_is_exported_as_its_journal_is() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    copy_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data_of_0_1_0"), &data);
    open(&data).close().unwrap();
    let address = run(create());
    let users = dir.path().join("users");
    says(&["move", "--data-dir", data.to_str().unwrap(), "--database-url", &address]);
    for name in ["Before", "After"] {
        let john = json!({"id": "driver_1", "role": "BUS_DRIVER", "first_name": name});
        fs::write(&users, john.to_string()).unwrap();
        says(&["users", "import", users.to_str().unwrap(), "--database-url", &address]);
    }
    let out = dir.path().join("out");
    says(&["journal", "--database-url", &address, "--out", out.to_str().unwrap()]);
    assert_eq!(says(&["export", "--database-url", &address]), exported(&out));
    let of_one = says(&["export", "--user", "driver_1", "--database-url", &address]);
    let accounts: Vec<_> = of_one.lines().filter(|line| line.contains(r#""type":"account","#)).collect();
    assert!(accounts.iter().any(|line| line.contains("Before")), "{of_one}");
    assert!(accounts.iter().any(|line| line.contains("After")), "{of_one}");
    assert!(accounts.iter().all(|line| line.contains("driver_1")), "{of_one}");
    assert!(of_one.contains(r#""type":"message","#) && of_one.contains(r#""type":"end","#), "{of_one}");
    let salvage = ["export", "--salvage", "--database-url", &address];
    assert!(refused(&salvage).contains("leave it out with --database-url"));
}

/// A server's settings name its database, and the commands take it from there.
#[test]
fn commands_find_the_database_in_the_settings_of_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let address = run(create());
    let (config, out) = (dir.path().join("settings.toml"), dir.path().join("out"));
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(&config, format!("data-dir = {data:?}\ndatabase-url = {address:?}\n")).unwrap();
    let (config, out) = (config.to_str().unwrap(), out.to_str().unwrap());
    assert!(says(&["database", "upgrade", "--config", config]).contains("nothing was changed"));
    says(&["journal", "--out", out, "--config", config]);
    says(&["verify", "--backup", out, "--config", config]);
    for command in [&["backup", "/tmp/never"][..], &["verify"], &["repair"], &["rebuild"]] {
        let told = refused(&[command, &["--config", config]].concat());
        assert!(told.contains("The settings name a database"), "{told}");
    }
    assert!(refused(&["journal", "--out", out]).contains("give --database-url"));
}
