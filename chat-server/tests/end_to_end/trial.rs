//! The trial: tokens for people without a token.

use serde_json::json;
use server_test_support::http::{Answer, ask};
use server_test_support::program::program;
use server_test_support::{Client, Server};
use tempfile::TempDir;

/// A server with its own secret, and the printed key.
struct Tried {
    server: Server,
    key: String,
    _dir: TempDir,
}

impl Tried {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::spawn_without_secret(program(), dir.path(), &[]);
        let (address, key) = server.console.split_once("#trial=").expect("the address carries a key");
        assert_eq!(address, format!("http://{}/", server.authority()));
        let key = key.to_owned();
        Self { server, key, _dir: dir }
    }

    /// The request of the console's own page.
    fn request(&self) -> String {
        let authority = self.server.authority();
        format!(
            "POST /console/trial/driver HTTP/1.1\r\nhost: {authority}\r\norigin: http://{authority}\r\n\
             sec-fetch-site: same-origin\r\nx-trial-key: {}\r\ncontent-length: 0\r\n\r\n",
            self.key
        )
    }

    async fn ask(&self, request: &str) -> Answer {
        ask(&self.server, request).await
    }

    /// Asks as the page does, but for one thing. Nothing that could be a token may come back.
    async fn refused(&self, status: u16, instead_of: &str, this: &str) {
        let request = self.request();
        let (instead_of, this) = (self.filled(instead_of), self.filled(this));
        assert_eq!(request.matches(&instead_of).count(), 1, "{instead_of:?} in {request}");
        let answer = self.ask(&request.replace(&instead_of, &this)).await;
        assert_eq!(answer.status, status, "{this:?}: {answer:?}");
        assert!(!answer.body.contains("eyJ"), "{answer:?}");
    }

    fn filled(&self, text: &str) -> String {
        let port = self.server.authority().rsplit(':').next().unwrap();
        text.replace("KEY", &self.key).replace("PORT", port)
    }
}

#[tokio::test]
async fn one_click_gives_a_token_of_a_marked_user() {
    let tried = Tried::start();
    for (whom, role) in
        [("driver", "BUS_DRIVER"), ("regulator", "QUEUE_REGULATOR"), ("control", "CONTROL_STAFF")]
    {
        let answer = tried.ask(&tried.request().replace("/driver", &format!("/{whom}"))).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{answer:?}");
        let mut client = Client::connect(&format!("{}?token={}", tried.server.url, answer.body)).await;
        client.request("get_active_conversations", json!({})).await;
        if role != "CONTROL_STAFF" {
            let data = json!({"title": "A trial", "content": "Hello?"});
            client.request("create_support_conversation", data).await;
            let list = client.request("get_active_conversations", json!({})).await;
            let creator = &list["conversations"][0]["participants"][0];
            assert_eq!((&creator["role"], &creator["first_name"]), (&json!(role), &json!("Trial")));
        }
    }
}

#[tokio::test]
async fn each_start_has_another_key() {
    let (one, other) = (Tried::start(), Tried::start());
    assert_eq!(one.key.len(), 32);
    assert_ne!(one.key, other.key);
}

#[tokio::test]
async fn there_is_none_with_a_given_secret() {
    let server = Server::start();
    let authority = server.authority();
    let request = format!(
        "POST /console/trial/driver HTTP/1.1\r\nhost: {authority}\r\norigin: http://{authority}\r\n\
         x-trial-key: \r\ncontent-length: 0\r\n\r\n"
    );
    assert_eq!((ask(&server, &request).await.status, server.console.contains('#')), (404, false));
}

#[tokio::test]
async fn there_is_none_beyond_loopback() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["serve", "--listen", "0.0.0.0:0"]).arg("--data-dir").arg(dir.path().join("data"));
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("will not listen on 0.0.0.0"), "{said}");
}

/// Each attack: a request that differs in one thing from the console page's => the answer.
macro_rules! attacks {
    ($($name:ident: $instead_of:literal, $this:literal => $status:literal;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                Tried::start().refused($status, $instead_of, $this).await;
            }
        )*
    };
}

attacks! {
    // The key.
    without_the_key: "x-trial-key: KEY\r\n", "" => 403;
    with_an_empty_key: "x-trial-key: KEY", "x-trial-key: " => 403;
    with_another_key: "x-trial-key: KEY", "x-trial-key: 00000000000000000000000000000000" => 403;
    with_the_beginning_of_the_key: "x-trial-key: KEY", "x-trial-key: 0" => 403;
    with_more_than_the_key: "x-trial-key: KEY", "x-trial-key: KEY0" => 403;
    with_two_keys: "x-trial-key: KEY", "x-trial-key: KEY\r\nx-trial-key: KEY" => 403;
    with_the_key_in_the_address: "driver HTTP/1.1\r\n", "driver?trial=KEY HTTP/1.1\r\nx-trial-key: 0\r\n" => 403;

    // Names that were bent to loopback.
    by_another_name: "host: 127.0.0.1:PORT", "host: evil.example" => 403;
    by_another_name_and_port: "host: 127.0.0.1:PORT", "host: evil.example:PORT" => 403;
    by_a_name_that_begins_so: "host: 127.0.0.1:PORT", "host: 127.0.0.1.evil.example:PORT" => 403;
    by_the_name_of_loopback: "host: 127.0.0.1:PORT", "host: localhost:PORT" => 403;
    by_another_address_of_loopback: "host: 127.0.0.1:PORT", "host: 127.0.0.2:PORT" => 403;
    by_a_number: "host: 127.0.0.1:PORT", "host: 2130706433:PORT" => 403;
    by_another_port: "host: 127.0.0.1:PORT", "host: 127.0.0.1:1" => 403;
    without_a_port: "host: 127.0.0.1:PORT", "host: 127.0.0.1" => 403;
    with_a_user: "host: 127.0.0.1:PORT", "host: evil@127.0.0.1:PORT" => 403;
    without_a_host: "host: 127.0.0.1:PORT\r\n", "" => 403;
    with_two_hosts: "host: 127.0.0.1:PORT", "host: 127.0.0.1:PORT\r\nhost: evil.example" => 403;
    of_a_proxy: "POST /", "POST http://127.0.0.1:PORT/" => 403;

    // Other pages in the same browser.
    from_another_page: "origin: http://127.0.0.1:PORT", "origin: http://evil.example" => 403;
    from_another_port: "origin: http://127.0.0.1:PORT", "origin: http://127.0.0.1:1" => 403;
    from_an_origin_that_begins_so: "origin: http://127.0.0.1:PORT", "origin: http://127.0.0.1:PORT.evil.example" => 403;
    from_behind_tls: "origin: http://127.0.0.1:PORT", "origin: https://127.0.0.1:PORT" => 403;
    from_a_sandbox: "origin: http://127.0.0.1:PORT", "origin: null" => 403;
    from_nowhere: "origin: http://127.0.0.1:PORT\r\n", "" => 403;
    from_two_origins: "origin: http://127.0.0.1:PORT", "origin: http://127.0.0.1:PORT\r\norigin: http://evil.example" => 403;
    from_another_site: "sec-fetch-site: same-origin", "sec-fetch-site: cross-site" => 403;
    from_the_same_site: "sec-fetch-site: same-origin", "sec-fetch-site: same-site" => 403;
    from_the_address_bar: "sec-fetch-site: same-origin", "sec-fetch-site: none" => 403;
    by_a_link: "POST ", "GET " => 405;
    by_a_question: "POST ", "OPTIONS " => 405;

    // Proxies, behind which everyone comes from loopback.
    forwarded: "content-length", "forwarded: for=192.0.2.1\r\ncontent-length" => 403;
    forwarded_for: "content-length", "x-forwarded-for: 192.0.2.1\r\ncontent-length" => 403;
    forwarded_for_itself: "content-length", "x-forwarded-for: 127.0.0.1\r\ncontent-length" => 403;
    forwarded_host: "content-length", "x-forwarded-host: evil.example\r\ncontent-length" => 403;
    forwarded_proto: "content-length", "x-forwarded-proto: https\r\ncontent-length" => 403;
    forwarded_in_capitals: "content-length", "X-FORWARDED-FOR: 192.0.2.1\r\ncontent-length" => 403;
    forwarded_by_an_empty_header: "content-length", "x-forwarded-for:\r\ncontent-length" => 403;
    via: "content-length", "via: 1.1 proxy\r\ncontent-length" => 403;
    real_ip: "content-length", "x-real-ip: 192.0.2.1\r\ncontent-length" => 403;
    in_the_version_of_old_proxies: "HTTP/1.1", "HTTP/1.0" => 403;

    // Paths.
    as_an_admin: "/driver", "/admin" => 404;
    as_nobody: "/driver", "/" => 404;
    below_a_role: "/driver", "/driver/" => 404;
}
