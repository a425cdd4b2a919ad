//! The files of the console.

use server_test_support::Server;
use server_test_support::http::{Answer, ask};

async fn get(server: &Server, path: &str, more: &str) -> Answer {
    ask(server, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n{more}\r\n")).await
}

#[tokio::test]
async fn a_browser_gets_the_page_and_is_told_to_run_nothing_else() {
    let server = Server::start();
    assert_eq!(server.console, format!("http://{}/", server.authority()), "no trial with a given secret");
    let page = get(&server, "/", "").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    for rule in ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "trusted-types worker"]
    {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-cache"),
        ("connection", "close"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    let script = get(&server, "/console/main.js", "").await;
    assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
}

#[tokio::test]
async fn the_page_has_nothing_inline_and_nothing_from_elsewhere() {
    let page = get(&Server::start(), "/", "").await.body;
    for inline in ["<style", " style=", "onclick=", "onload=", "http://", "https://"] {
        assert!(!page.contains(inline), "{inline}");
    }
    assert_eq!(
        page.matches("<script").count(),
        page.matches("<script type=\"module\" src=\"/console/").count()
    );
}

#[tokio::test]
async fn what_a_browser_holds_is_not_sent_again() {
    let server = Server::start();
    let first = get(&server, "/console/style/base.css", "").await;
    let tag = first.header("etag").unwrap();
    for held in [tag, &format!("\"other\", {tag}"), &format!("W/{tag}"), "*"] {
        let again = get(&server, "/console/style/base.css", &format!("if-none-match: {held}\r\n")).await;
        assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", Some(tag)), "{held}");
    }
    let other = get(&server, "/console/style/base.css", "if-none-match: \"other\"\r\n").await;
    assert_eq!((other.status, other.body), (200, first.body));
}

#[tokio::test]
async fn files_are_only_read() {
    let server = Server::start();
    let head = ask(&server, "HEAD / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer =
            ask(&server, &format!("{method} / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("get, head")), "{method}");
    }
}

#[tokio::test]
async fn nothing_else_is_served() {
    let server = Server::start();
    for path in [
        "/console",
        "/console/",
        "/console/types.d.ts",
        "/console/../Cargo.toml",
        "/console/%2e%2e/Cargo.toml",
        "//etc/passwd",
        "/index.html",
        "/jwt-secret",
    ] {
        assert_eq!(get(&server, path, "").await.status, 404, "{path}");
    }
}
