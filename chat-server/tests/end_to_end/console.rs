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
}

/// The paths of the script and the style sheet that the page names.
async fn bundle(server: &Server) -> Vec<String> {
    let page = get(server, "/", "").await.body;
    let quoted = page.split('"').skip(1).step_by(2);
    quoted.filter(|path| path.contains("/console.")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_script_and_a_style_sheet_are_kept_for_a_year_under_the_path_of_their_version() {
    let server = Server::start();
    let named = bundle(&server).await;
    let types = ["text/css; charset=utf-8", "text/javascript; charset=utf-8"];
    assert_eq!(named.len(), types.len(), "{named:?}");
    for (path, content_type) in named.iter().zip(types) {
        let file = get(&server, path, "").await;
        assert_eq!((file.status, file.header("content-type")), (200, Some(content_type)));
        assert_eq!(file.header("cache-control"), Some("max-age=31536000, immutable"));
        let (folder, name) = path.rsplit_once('/').unwrap();
        let other = format!("{}/{}/{name}", folder.rsplit_once('/').unwrap().0, "0123456789abcdef");
        let other = get(&server, &other, "").await;
        assert_eq!((other.status, other.header("cache-control")), (200, Some("no-cache")));
        assert_eq!(other.body, file.body, "a page of another version gets the file of this one");
    }
}

#[tokio::test]
async fn a_browser_that_decompresses_gets_fewer_bytes() {
    let server = Server::start();
    let path = &bundle(&server).await[1];
    let head = async |accepted: &str| {
        ask(&server, &format!("HEAD {path} HTTP/1.1\r\nhost: x\r\naccept-encoding: {accepted}\r\n\r\n")).await
    };
    let plain = head("br, gzip;q=0").await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    let less = head("br, GZIP").await;
    assert_eq!(
        (less.header("content-encoding"), less.header("vary")),
        (Some("gzip"), Some("accept-encoding"))
    );
    assert_eq!(less.header("etag"), plain.header("etag"));
    let length = |answer: &Answer| answer.header("content-length").unwrap().parse::<usize>().unwrap();
    assert!(length(&less) * 2 < length(&plain), "{} and {} bytes", length(&less), length(&plain));
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
    let first = get(&server, "/console/icon.svg", "").await;
    let strong = first.header("etag").unwrap().trim_start_matches("w/");
    let tag = format!("W/{strong}");
    for held in [&tag, &format!("\"other\", {tag}"), strong, "*"] {
        let again = get(&server, "/console/icon.svg", &format!("if-none-match: {held}\r\n")).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{held}");
        assert_eq!(again.header("etag"), first.header("etag"));
    }
    let other = get(&server, "/console/icon.svg", "if-none-match: \"other\"\r\n").await;
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
