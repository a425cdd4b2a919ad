//! The files of the console, embedded in the program.

use std::collections::BTreeMap;
use std::io::Read as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzEncoder;
use http::HeaderValue;
use serde_json::json;
use sha2::{Digest as _, Sha256};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The page. It names the files of the bundle by their paths without versions.
const PAGE: &str = include_str!("../../console/index.html");

/// The style sheet and the script, which `chat-server/tests/console/bundle` makes from the files in
/// `chat-server/console`: path, content type, text.
const BUNDLE: [(&str, &str, &str); 2] = [
    ("/console/console.css", CSS, include_str!("bundle/console.css")),
    ("/console/console.js", SCRIPT, include_str!("bundle/console.js")),
];

/// The icons: path, content type, text.
const ICONS: [(&str, &str, &str); 2] = [
    ("/console/icon.svg", SVG, include_str!("../../console/icon.svg")),
    ("/console/icon_alarm.svg", SVG, include_str!("../../console/icon_alarm.svg")),
];

/// The path of the service worker, which may answer for all paths below its own folder.
const WORKER_PATH: &str = "/sw.js";

/// The service worker. The hashes of all other files come before the text.
const WORKER: &str = include_str!("../../console/sw.js");

/// The limit of time that a browser uses a file without asking for another version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Caching {
    /// No time. An unchanged file is not sent again.
    Ask,
    /// A year. The path has the version of the file.
    Keep,
}

impl Caching {
    /// The value of `Cache-Control` (RFC 9111, section 5.2.2; RFC 8246).
    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Ask => "no-cache",
            Self::Keep => "max-age=31536000, immutable",
        })
    }
}

/// A file, ready to be served.
pub(super) struct Served {
    path: String,
    pub(super) content_type: &'static str,
    pub(super) bytes: Bytes,
    /// The bytes, compressed with gzip.
    pub(super) compressed: Bytes,
    /// The entity tag, derived from the content. It is weak (RFC 9110, section 8.8.3), because the
    /// compressed bytes have the same.
    pub(super) tag: HeaderValue,
    caching: Caching,
}

/// All files, with their paths.
pub(super) struct Files(Vec<Served>);

impl Files {
    pub(super) fn embedded() -> Self {
        let mut page = PAGE.to_owned();
        let mut files = Vec::new();
        for (path, content_type, text) in BUNDLE {
            let versioned = with_version(path, text);
            page = page.replace(path, &versioned);
            files.push(Served::new(&versioned, content_type, text, Caching::Keep));
        }
        files.push(Served::new("/", HTML, &page, Caching::Ask));
        files.extend(
            ICONS.map(|(path, content_type, text)| Served::new(path, content_type, text, Caching::Ask)),
        );
        files.push(Served::new(WORKER_PATH, SCRIPT, &worker(&files), Caching::Ask));
        Self(files)
    }

    /// The file with this path. A file of the bundle is also found under another version: a page of
    /// another version of the program, which runs beside this one or ran before, names that.
    pub(super) fn get(&self, path: &str) -> Option<(&Served, Caching)> {
        let exact = self.0.iter().find(|served| served.path == path);
        let exact = exact.map(|served| (served, served.caching));
        exact.or_else(|| {
            let name = without_version(path)?;
            let other = self.0.iter().find(|served| without_version(&served.path).as_ref() == Some(&name));
            other.map(|served| (served, Caching::Ask))
        })
    }
}

/// The digits of a version: enough to tell all versions of a file apart.
const VERSION_DIGITS: usize = 16;

/// The path with a folder between its folder and its name: the version, from a hash of the text.
fn with_version(path: &str, text: &str) -> String {
    let (folder, name) = path.rsplit_once('/').expect("the paths of the bundle are absolute");
    format!("{folder}/{}/{name}", &hash(text.as_bytes())[..VERSION_DIGITS])
}

/// The path without its version. `None` if it has none.
fn without_version(path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/')?;
    let (folder, version) = folder.rsplit_once('/')?;
    let is_version =
        version.len() == VERSION_DIGITS && version.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_version.then(|| format!("{folder}/{name}"))
}

/// The text of the service worker, another one for each version of the files. Browsers compare a
/// file with its hash, so that no worker keeps files of two versions.
fn worker(files: &[Served]) -> String {
    let integrity =
        |served: &Served| format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(&served.bytes)));
    let files: BTreeMap<_, _> = files.iter().map(|served| (&served.path, integrity(served))).collect();
    let files = json!(files);
    let values = json!({"VERSION": hash(files.to_string().as_bytes()), "FILES": files});
    format!("Object.assign(self, {values});\n{WORKER}")
}

/// The hash in hexadecimal digits.
fn hash(bytes: &[u8]) -> String {
    <[u8; 32]>::from(Sha256::digest(bytes)).map(|byte| format!("{byte:02x}")).concat()
}

/// The bytes, compressed with gzip (RFC 1952).
fn gzip(bytes: &[u8]) -> Bytes {
    let mut compressed = Vec::new();
    GzEncoder::new(bytes, Compression::best())
        .read_to_end(&mut compressed)
        .expect("bytes in memory can be read");
    compressed.into()
}

impl Served {
    fn new(path: &str, content_type: &'static str, text: &str, caching: Caching) -> Self {
        let tag = HeaderValue::from_str(&format!("W/\"{}\"", hash(text.as_bytes())));
        let tag = tag.expect("digits in quotes are a header value");
        let (path, compressed) = (path.to_owned(), gzip(text.as_bytes()));
        Self { path, content_type, bytes: text.to_owned().into(), compressed, tag, caching }
    }
}

#[cfg(test)]
mod tests {
    use chat_core::protocol::{EventType, ServerEventType};

    use super::*;

    /// The script of the bundle.
    const BUNDLED: &str = BUNDLE[1].2;

    #[test]
    fn the_console_knows_every_request_and_event() {
        let requests = EventType::ALL.iter().map(|request| request.as_str());
        for kind in requests.chain(ServerEventType::ALL.iter().map(|event| event.as_str())) {
            // The type of a request is a value, that of an event often the name of a field.
            let is_known = [format!("\"{kind}\""), format!("{kind}:"), format!("{kind}(")];
            let is_known = is_known.iter().any(|named| BUNDLED.contains(named));
            assert!(is_known, "the script does not name {kind}");
        }
    }

    #[test]
    fn the_page_names_the_files_of_the_bundle_by_their_versions() {
        let files = Files::embedded();
        let (page, caching) = files.get("/").unwrap();
        assert_eq!(caching, Caching::Ask);
        let page = str::from_utf8(&page.bytes).unwrap();
        for (path, _, text) in BUNDLE {
            let versioned = with_version(path, text);
            assert!(page.contains(&format!("\"{versioned}\"")) && !page.contains(path), "{page}");
            let (served, caching) = files.get(&versioned).unwrap();
            assert_eq!((served.bytes.as_ref(), caching), (text.as_bytes(), Caching::Keep));
            let (served, caching) = files.get(&with_version(path, "of another version")).unwrap();
            assert_eq!((served.bytes.as_ref(), caching), (text.as_bytes(), Caching::Ask), "{path}");
            assert!(files.get(path).is_none());
        }
    }

    /// The limit of all files together, compressed: some seconds on a slow network of phones.
    const FIRST_LOAD_MOST: usize = 60_000;

    #[test]
    fn the_first_load_is_small() {
        let files = Files::embedded().0;
        let bytes: usize = files.iter().map(|served| served.compressed.len()).sum();
        assert!(bytes < FIRST_LOAD_MOST, "{bytes} bytes");
        let mut text = String::new();
        flate2::read::GzDecoder::new(files[0].compressed.as_ref()).read_to_string(&mut text).unwrap();
        assert_eq!(text.as_bytes(), files[0].bytes);
    }

    #[test]
    fn the_worker_names_every_other_file_by_its_hash() {
        let files = Files::embedded();
        let text = str::from_utf8(&files.get(WORKER_PATH).unwrap().0.bytes).unwrap();
        let values = text.split("Object.assign(self, ").nth(1).unwrap().split(");\n").next().unwrap();
        let values: serde_json::Value = serde_json::from_str(values).unwrap();
        let named = values["FILES"].as_object().unwrap();
        assert_eq!(named.len() + 1, files.0.len());
        for served in files.0.iter().filter(|served| served.path != WORKER_PATH) {
            let hash = BASE64_STANDARD.encode(Sha256::digest(&served.bytes));
            assert_eq!(named[&served.path], format!("sha256-{hash}"), "{}", served.path);
        }
        assert_eq!(values["VERSION"].as_str().unwrap().len(), 64);
    }
}
