//! The files of the console, embedded in the program.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::HeaderValue;
use serde_json::json;
use sha2::{Digest as _, Sha256};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Each file below `chat-server/console`: path on the server, content type, bytes.
macro_rules! embedded {
    ($($path:literal $content_type:ident $file:literal)*) => {
        &[$(($path, $content_type, include_bytes!(concat!("../../console/", $file)))),*]
    };
}

/// All embedded files.
const EMBEDDED: &[(&str, &str, &[u8])] = embedded! {
    "/" HTML "index.html"
    "/console/style/base.css" CSS "style/base.css"
    "/console/style/control.css" CSS "style/control.css"
    "/console/style/driver.css" CSS "style/driver.css"
    "/console/style/people.css" CSS "style/people.css"
    "/console/style/shell.css" CSS "style/shell.css"
    "/console/style/sign_in.css" CSS "style/sign_in.css"
    "/console/style/thread.css" CSS "style/thread.css"
    "/console/icon.svg" SVG "icon.svg"
    "/console/icon_alarm.svg" SVG "icon_alarm.svg"
    "/console/address.js" SCRIPT "address.js"
    "/console/client.js" SCRIPT "client.js"
    "/console/kept.js" SCRIPT "kept.js"
    "/console/language.js" SCRIPT "language.js"
    "/console/main.js" SCRIPT "main.js"
    "/console/offline.js" SCRIPT "offline.js"
    "/console/outbox.js" SCRIPT "outbox.js"
    "/console/session.js" SCRIPT "session.js"
    "/console/token.js" SCRIPT "token.js"
    "/console/trial.js" SCRIPT "trial.js"
    "/console/machine/actions.js" SCRIPT "machine/actions.js"
    "/console/machine/asking.js" SCRIPT "machine/asking.js"
    "/console/machine/backoff.js" SCRIPT "machine/backoff.js"
    "/console/machine/connection.js" SCRIPT "machine/connection.js"
    "/console/machine/conversation.js" SCRIPT "machine/conversation.js"
    "/console/machine/conversations.js" SCRIPT "machine/conversations.js"
    "/console/machine/emergency.js" SCRIPT "machine/emergency.js"
    "/console/machine/handover.js" SCRIPT "machine/handover.js"
    "/console/machine/incoming.js" SCRIPT "machine/incoming.js"
    "/console/machine/limits.js" SCRIPT "machine/limits.js"
    "/console/machine/machine.js" SCRIPT "machine/machine.js"
    "/console/machine/people.js" SCRIPT "machine/people.js"
    "/console/machine/phrases.js" SCRIPT "machine/phrases.js"
    "/console/machine/queue.js" SCRIPT "machine/queue.js"
    "/console/machine/rooms.js" SCRIPT "machine/rooms.js"
    "/console/machine/sending.js" SCRIPT "machine/sending.js"
    "/console/machine/turn.js" SCRIPT "machine/turn.js"
    "/console/machine/typing.js" SCRIPT "machine/typing.js"
    "/console/machine/wire.js" SCRIPT "machine/wire.js"
    "/console/machine/works.js" SCRIPT "machine/works.js"
    "/console/view/alarm.js" SCRIPT "view/alarm.js"
    "/console/view/badge.js" SCRIPT "view/badge.js"
    "/console/view/calls.js" SCRIPT "view/calls.js"
    "/console/view/composer.js" SCRIPT "view/composer.js"
    "/console/view/control.js" SCRIPT "view/control.js"
    "/console/view/dom.js" SCRIPT "view/dom.js"
    "/console/view/driver.js" SCRIPT "view/driver.js"
    "/console/view/emergency.js" SCRIPT "view/emergency.js"
    "/console/view/fault.js" SCRIPT "view/fault.js"
    "/console/view/hand_over.js" SCRIPT "view/hand_over.js"
    "/console/view/help.js" SCRIPT "view/help.js"
    "/console/view/keys.js" SCRIPT "view/keys.js"
    "/console/view/language.js" SCRIPT "view/language.js"
    "/console/view/limited.js" SCRIPT "view/limited.js"
    "/console/view/list.js" SCRIPT "view/list.js"
    "/console/view/notify.js" SCRIPT "view/notify.js"
    "/console/view/pace.js" SCRIPT "view/pace.js"
    "/console/view/people.js" SCRIPT "view/people.js"
    "/console/view/phrases.js" SCRIPT "view/phrases.js"
    "/console/view/place.js" SCRIPT "view/place.js"
    "/console/view/requests.js" SCRIPT "view/requests.js"
    "/console/view/rooms.js" SCRIPT "view/rooms.js"
    "/console/view/row.js" SCRIPT "view/row.js"
    "/console/view/shell.js" SCRIPT "view/shell.js"
    "/console/view/sign_in.js" SCRIPT "view/sign_in.js"
    "/console/view/sound.js" SCRIPT "view/sound.js"
    "/console/view/start.js" SCRIPT "view/start.js"
    "/console/view/thread.js" SCRIPT "view/thread.js"
    "/console/view/transcript.js" SCRIPT "view/transcript.js"
    "/console/view/unsent.js" SCRIPT "view/unsent.js"
    "/console/view/words.js" SCRIPT "view/words.js"
    "/console/view/work.js" SCRIPT "view/work.js"
    "/console/view/work_tabs.js" SCRIPT "view/work_tabs.js"
    "/console/words/de.js" SCRIPT "words/de.js"
    "/console/words/en.js" SCRIPT "words/en.js"
};

/// The path of the service worker, which may answer for all paths below its own folder.
const WORKER_PATH: &str = "/sw.js";

/// The service worker. The hashes of all other files come before the text.
const WORKER: &[u8] = include_bytes!("../../console/sw.js");

/// A file, ready to be served.
pub(super) struct Served {
    path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) bytes: Bytes,
    /// The entity tag, derived from the content.
    pub(super) tag: HeaderValue,
}

/// All files, with their paths.
pub(super) struct Files(Vec<Served>);

impl Files {
    pub(super) fn embedded() -> Self {
        let embedded = EMBEDDED.iter();
        let embedded =
            embedded.map(|&(path, content_type, bytes)| (path, content_type, Bytes::from_static(bytes)));
        let worker = (WORKER_PATH, SCRIPT, worker().into());
        let all = embedded.chain([worker]);
        Self(all.map(|(path, content_type, bytes)| Served::new(path, content_type, bytes)).collect())
    }

    pub(super) fn get(&self, path: &str) -> Option<&Served> {
        self.0.iter().find(|served| served.path == path)
    }
}

/// The text of the service worker, another one for each version of the files. Browsers compare a
/// file with its hash, so that no worker keeps files of two versions.
fn worker() -> Vec<u8> {
    let integrity = |bytes| format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(bytes)));
    let files: BTreeMap<_, _> = EMBEDDED.iter().map(|&(path, _, bytes)| (path, integrity(bytes))).collect();
    let files = json!(files);
    let values = json!({"VERSION": hash(files.to_string().as_bytes()), "FILES": files});
    [format!("Object.assign(self, {values});\n").as_bytes(), WORKER].concat()
}

/// The hash in hexadecimal digits.
fn hash(bytes: &[u8]) -> String {
    <[u8; 32]>::from(Sha256::digest(bytes)).map(|byte| format!("{byte:02x}")).concat()
}

impl Served {
    fn new(path: &'static str, content_type: &'static str, bytes: Bytes) -> Self {
        let hash = hash(&bytes);
        let tag = HeaderValue::from_str(&format!("\"{hash}\"")).expect("digits in quotes are a header value");
        Self { path, content_type, bytes, tag }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use chat_core::protocol::{EventType, ServerEventType};

    use super::*;

    /// The requests and the event about orders. The console shows orders as text so far.
    const UNKNOWN: [&str; 4] = ["answer_message", "withdraw_order", "get_open_orders", "order_overdue"];

    #[test]
    fn the_console_knows_every_request_and_event() {
        let scripts = EMBEDDED.iter().filter(|(_, content_type, _)| *content_type == SCRIPT);
        let scripts: Vec<_> = scripts.map(|(.., bytes)| str::from_utf8(bytes).unwrap()).collect();
        let requests = EventType::ALL.iter().map(|request| request.as_str());
        for kind in requests.chain(ServerEventType::ALL.iter().map(|event| event.as_str())) {
            let is_known = scripts.iter().any(|script| script.contains(&format!("\"{kind}\"")));
            assert_eq!(is_known, !UNKNOWN.contains(&kind), "whether a script names {kind}");
        }
    }

    /// The files of a directory and its subdirectories, without the README's pictures and the type
    /// checker's files.
    fn files_in(dir: &Path, below: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let (path, name) = {
                let entry = entry.unwrap();
                (entry.path(), entry.file_name().into_string().unwrap())
            };
            if path.is_dir() {
                files_in(&path, &format!("{below}{name}/"), found);
            } else if [".html", ".css", ".js", ".svg"].iter().any(|end| name.ends_with(end)) {
                found.insert(format!("{below}{name}"));
            }
        }
    }

    #[test]
    fn every_file_of_the_console_is_embedded_under_its_name() {
        let mut there = BTreeSet::new();
        files_in(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/console")), "/console/", &mut there);
        there.remove("/console/index.html");
        there.insert("/".to_owned());
        // The worker is served at the root, whose files it keeps.
        there.remove("/console/sw.js");
        let served: BTreeSet<_> = EMBEDDED.iter().map(|(path, ..)| (*path).to_owned()).collect();
        assert_eq!(served, there);
    }

    #[test]
    fn the_worker_names_every_file_by_its_hash() {
        let files = Files::embedded();
        let text = String::from_utf8(files.get(WORKER_PATH).unwrap().bytes.to_vec()).unwrap();
        let values = text.split("Object.assign(self, ").nth(1).unwrap().split(");\n").next().unwrap();
        let values: serde_json::Value = serde_json::from_str(values).unwrap();
        let named = values["FILES"].as_object().unwrap();
        assert_eq!(named.len(), EMBEDDED.len());
        for (path, _, bytes) in EMBEDDED {
            let hash = BASE64_STANDARD.encode(Sha256::digest(bytes));
            assert_eq!(named[*path], format!("sha256-{hash}"), "{path}");
        }
        assert_eq!(values["VERSION"].as_str().unwrap().len(), 64);
    }
}
