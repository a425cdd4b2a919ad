//! Settings by flag, environment and file, and the command that checks them.

use std::path::Path;
use std::process::Output;

use server_test_support::program::program;
use server_test_support::{SECRET, Server, john};

const FILE: &str = "# of a depot
listen = '127.0.0.1:0'
max-connections = 1
max-waiting-mib = 5
jwt-issuer = 'depot'
";

fn run(dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    program().args(arguments).envs(environment.iter().copied()).current_dir(dir).output().unwrap()
}

fn with_file(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("chat.toml"), text).unwrap();
    dir
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_flag_wins_over_the_environment_and_both_over_the_file() {
    let dir = with_file(FILE);
    let environment =
        [("CHAT_CONFIG", "chat.toml"), ("CHAT_MAX_WAITING_MIB", "6"), ("CHAT_JWT_SECRET", SECRET)];
    let output = run(dir.path(), &["check", "--jwt-issuer", "flag"], &environment);
    assert!(output.status.success(), "{output:?}");
    let shown = text(output.stdout);
    for line in [
        "listen = \"127.0.0.1:0\"  # chat.toml, line 2\n",
        "data-dir = \"./chat-data\"  # default\n",
        "max-connections = 1  # chat.toml, line 3\n",
        "max-waiting-mib = 6  # CHAT_MAX_WAITING_MIB\n",
        "jwt-issuer = \"flag\"  # --jwt-issuer\n",
        "# jwt-audience is not set\n",
        "# the secret itself: given, not shown  # CHAT_JWT_SECRET\n",
    ] {
        assert!(shown.contains(line), "{line}{shown}");
    }
    assert!(!shown.contains(SECRET), "{shown}");
}

#[test]
fn what_check_prints_is_a_file_of_the_same_settings() {
    let dir = with_file(FILE);
    let first = text(run(dir.path(), &["check", "--config", "chat.toml", "--log", "a \"b\""], &[]).stdout);
    std::fs::write(dir.path().join("again.toml"), &first).unwrap();
    let again = text(run(dir.path(), &["check", "--config", "again.toml"], &[]).stdout);
    let settings = |shown: &str| -> Vec<_> {
        shown.lines().map(|line| line.split("  # ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(settings(&first), settings(&again));
    assert!(first.contains(r#"log = "a \"b\"""#), "{first}");
}

#[test]
fn check_says_all_that_is_wrong_and_changes_nothing() {
    let dir = with_file("listen = '0.0.0.0:0'\nlog = 'a=b=c'\n");
    let output = run(dir.path(), &["check", "--config", "chat.toml"], &[]);
    assert!(!output.status.success());
    let said = text(output.stderr);
    for wrong in
        ["will not listen on 0.0.0.0:0 with a generated secret", "can't read the log filter \"a=b=c\""]
    {
        assert!(said.contains(wrong), "{said}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only the file of settings is there");
}

#[test]
fn check_looks_where_administrators_come_in_and_where_the_data_is() {
    let dir = with_file("data-dir = 'chat.toml'\nadmin-listen = 'nowhere'\nadmin-token-file = 'token'\n");
    std::fs::write(dir.path().join("token"), SECRET).unwrap();
    let output = run(dir.path(), &["check", "--config", "chat.toml", "--jwt-secret-file", "token"], &[]);
    let said = text(output.stderr);
    for wrong in ["can't listen on nowhere for administrators", "could not read chat.toml: Not a directory"] {
        assert!(said.contains(wrong), "{said}");
    }
}

#[test]
fn the_address_of_a_webhook_is_not_shown_for_it_may_be_a_secret() {
    for address in ["https://push.example/hidden?key=hidden", "http://hidden@push.example/hidden"] {
        let dir = with_file(&format!("webhook-url = '{address}'\n"));
        for arguments in [&["check", "--config", "chat.toml"][..], &["--help"]] {
            let output = run(dir.path(), arguments, &[("CHAT_WEBHOOK_URL", address)]);
            let said = text(output.stdout) + &text(output.stderr);
            assert!(said.contains("webhook-url") && !said.contains("hidden"), "{said}");
        }
    }
}

#[test]
fn every_command_refuses_what_the_file_must_not_say() {
    for (line, said) in [
        (
            "max_connections = 1",
            "chat.toml, line 2: there is no setting max_connections: write max-connections",
        ),
        ("user = 'x'", "chat.toml, line 2: there is no setting user"),
        ("config = 'x'", "chat.toml, line 2: there is no setting config"),
        ("max-connections = '1'", "chat.toml, line 2: max-connections must be an integer, and is string"),
        ("max-connections = 0", "chat.toml, line 2: max-connections can't be \"0\": 0 is not in 1..=1000000"),
        (
            "jwt-algorithm = 'none'",
            "chat.toml, line 2: jwt-algorithm can't be \"none\": [possible values: HS256",
        ),
    ] {
        let dir = with_file(&format!("\n{line}\n"));
        for command in [&["serve"][..], &["check"], &["token", "--user", "u", "--role", "BUS_DRIVER"]] {
            let output = run(dir.path(), command, &[("CHAT_CONFIG", "chat.toml")]);
            assert!(!output.status.success() && output.stdout.is_empty(), "{line}: {output:?}");
            let error = text(output.stderr);
            assert!(error.contains(said), "{line}: {error}");
        }
    }
    let output = run(tempfile::tempdir().unwrap().path(), &["check", "--config", "none.toml"], &[]);
    assert!(text(output.stderr).contains("can't read the settings in none.toml"));
}

/// Statuses of starts by their arguments. systemd restarts the server after 1 only.
#[test]
fn a_start_that_can_never_succeed_has_a_status_of_its_own() {
    let dir = with_file("log = 'warning'\n");
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap().to_string();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let unit = include_str!("../../operation/chat-server.service");
    assert!(unit.contains("\nRestartPreventExitStatus=2 78\n"));
    for (arguments, status) in [
        (&["--config", "chat.toml"][..], 78),
        (&["--config", "none.toml"], 78),
        (&["--log", ""], 78),
        (&["--jwt-secret-file", "file"], 78),
        (&["--tls-key-file", "file"], 78),
        (&["--require-store"], 78),
        (&["--admin-read-token-file", "file"], 78),
        (&["--webhook-ca-file", "file"], 78),
        (&["--jwks-ca-file", "file"], 78),
        (&["--max-connections", "0"], 2),
        (&["--listen", &address], 1),
    ] {
        let output = run(dir.path(), arguments, &[]);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(output.stderr));
    }
}

#[tokio::test]
async fn a_server_goes_by_its_file() {
    let dir = with_file("max-connections = 1\nlog = 'off'\n");
    let file = dir.path().join("chat.toml");
    let server = Server::start_in(dir.path(), &["--config", file.to_str().unwrap()]);
    let _first = server.connect(&john()).await;
    assert_eq!(server.connect(&john()).await.close_code().await, Some(1013));
    let (_, log, _) = server.stop().await;
    assert_eq!(log, "", "the log is off");
}

#[test]
fn a_token_is_made_by_the_settings_of_the_file() {
    let dir = with_file("data-dir = 'data'\njwt-secret-file = 'secret'\n");
    std::fs::write(dir.path().join("secret"), "short").unwrap();
    let command = ["token", "--config", "chat.toml", "--user", "u", "--role", "BUS_DRIVER"];
    let said = text(run(dir.path(), &command, &[]).stderr);
    assert!(said.contains("the secret in secret has 5 bytes"), "{said}");
}
