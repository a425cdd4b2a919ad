//! Segments of the journal.

use std::fs;
use std::path::Path;

use chat_core::store::{Event, Facts, Hash, Query, Store};
use chat_server::store::journal::{Record, read_all};
use chat_server::store::{LocalStore, OpenError, Options};
use futures::executor::block_on;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// The separator of payload and content in an input.
const TAB: u8 = b'\t';
/// Bytes of the salt at the beginning of a content.
const SALT: usize = 16;

/// Reads the bytes as the first segment.
pub(super) fn read(bytes: &[u8]) {
    check(&records(&journal_of(bytes)));
}

/// Wraps each line as a record with valid checksums: all records before the first invalid one are
/// found.
pub(super) fn read_sealed(bytes: &[u8]) {
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(Line::new).collect();
    let found = records(&journal_of(&sealed(&lines)));
    check(&found);
    let said: Option<Vec<_>> = lines.iter().map(Line::event).collect();
    match said {
        Some(said) => assert!(found.iter().map(|record| &record.event).eq(said.iter())),
        None => assert!(found.is_empty(), "one group, of which not all says something"),
    }
}

/// Opens the segment as a store: either an index is built, or the segment is refused.
pub(super) fn open_sealed(bytes: &[u8]) {
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(Line::new).collect();
    let directory = journal_of(&sealed(&lines));
    let Ok(store) = LocalStore::open(directory.path(), Options::default()) else { return };
    let epoch = |store: &LocalStore| match block_on(store.load(Query::Directory)).map(|loaded| loaded.facts) {
        Ok(Facts::Directory(directory)) => Some(directory.epoch),
        _ => None,
    };
    let before = (epoch(&store), store.report().position);
    store.close().expect("there is room for the mark of a clean stop");
    drop(store);
    let again = LocalStore::open(directory.path(), Options::default()).expect("it was opened before");
    assert_eq!((epoch(&again), again.report().position), before, "opened for the second time");
}

/// A future record: a payload, and the content whose hash replaces `#` in the payload.
struct Line {
    payload: Vec<u8>,
    content: Vec<u8>,
}

impl Line {
    fn new(line: &[u8]) -> Self {
        let mut parts = line.splitn(2, |byte| *byte == TAB);
        let payload = parts.next().unwrap_or_default();
        let content = parts.next().unwrap_or_default().to_vec();
        let hash = hash(&content).to_string();
        let pieces: Vec<_> = payload.split(|byte| *byte == b'#').collect();
        Self { payload: pieces.join(hash.as_bytes()), content }
    }

    /// Returns the record's meaning, if valid and with matching content.
    fn event(&self) -> Option<Event> {
        let mut event: Event = serde_json::from_slice(&self.payload).ok()?;
        let text = self.content.get(SALT..).and_then(|text| str::from_utf8(text).ok());
        let is_erased = self.content.iter().all(|byte| *byte == 0);
        let is_whole = match event.content_mut() {
            None => self.content.is_empty(),
            Some((_, None)) => false,
            Some((content, Some(named))) => {
                let is_named = is_erased || *named == hash(&self.content);
                if let Some(text) = text.filter(|_| !is_erased) {
                    *content = text.into();
                }
                text.is_some() && is_named
            }
        };
        is_whole.then_some(event)
    }
}

fn hash(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

fn journal_of(segment: &[u8]) -> TempDir {
    let directory = super::directory();
    let journal = directory.path().join("journal");
    fs::create_dir(&journal).expect("there is room for a directory");
    fs::write(journal.join(format!("{:020}.log", 1)), segment).expect("there is room for a file");
    directory
}

/// Returns all readable records.
fn records(directory: &TempDir) -> Vec<Record> {
    let path: &Path = directory.path();
    let records = read_all(path).expect("the directory is there");
    let mut read = Vec::new();
    for record in records {
        match record {
            Ok(record) => read.push(record),
            Err(OpenError::Damaged(_) | OpenError::Newer { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    read
}

fn check(records: &[Record]) {
    for (position, record) in (1..).zip(records) {
        assert_eq!(record.position.0, position);
        let encoded = serde_json::to_vec(&record.event).expect("an event has string keys");
        let mut decoded: Event = serde_json::from_slice(&encoded).expect("an event is read again");
        if let (Some((content, _)), Some((text, _))) = (decoded.content_mut(), record.event.content()) {
            content.clone_from(text);
        }
        assert_eq!(decoded, record.event, "as {}", String::from_utf8_lossy(&encoded));
    }
}

/// Builds a segment of one group in chat-server's format: see its `journal` module.
fn sealed(lines: &[Line]) -> Vec<u8> {
    let mut segment = b"chatjrnl".to_vec();
    segment.extend(1_u32.to_be_bytes());
    add_crc(&mut segment, 0);
    segment.extend(1_u64.to_be_bytes());
    segment.extend([0; 32]);
    add_crc(&mut segment, 0);
    let records = records_of(lines);
    let start = segment.len();
    segment.extend([0xff, b'G', b'R', 0xfe]);
    segment.extend(1_u64.to_be_bytes());
    segment.extend(length(lines.len()));
    segment.extend(length(records.len()));
    [0, 1, start as u64].iter().for_each(|before| segment.extend(before.to_be_bytes()));
    add_crc(&mut segment, start);
    segment.extend(records);
    segment
}

fn records_of(lines: &[Line]) -> Vec<u8> {
    let mut records = Vec::new();
    let mut chain = [0; 32];
    for (position, Line { payload, content }) in (1_u64..).zip(lines) {
        let start = records.len();
        records.extend([length(payload.len()), length(content.len())].concat());
        records.extend(position.to_be_bytes());
        records.extend(chain);
        records.extend(crc32fast::hash(payload).to_be_bytes());
        add_crc(&mut records, start);
        records.extend(crc32fast::hash(content).to_be_bytes());
        records.extend([&payload[..], content].concat());
        chain = Sha256::digest([&position.to_be_bytes()[..], &chain, payload].concat()).into();
    }
    records
}

fn add_crc(bytes: &mut Vec<u8>, from: usize) {
    let crc = crc32fast::hash(&bytes[from..]);
    bytes.extend(crc.to_be_bytes());
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("inputs are short").to_be_bytes()
}
