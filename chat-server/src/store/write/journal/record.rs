//! One record: a header, a payload chained to the record before it, and content that can be erased.
//!
//! ```text
//! payload length u32 · content length u32 · position u64 · hash of the record before 32
//!   · payload crc u32 · crc of all these u32 · content crc u32
//!   · payload (JSON) · content (salt 16, text)
//! ```
//!
//! Numbers are big-endian. The hash of a record is the SHA-256 of its position, the previous hash
//! and its payload. The content is not part of the hash; a salted hash in the payload covers it.
//! Content of zeros with the checksum of zeros is *erased*, and the chain still holds.

use std::ops::Range;

use chat_core::store::{Content, Event, Hash, Position};
use sha2::{Digest, Sha256};

use super::fields::Fields;

/// Bytes of a record's header.
pub(super) const HEADER: usize = 60;
/// Offset of the content's checksum in the header.
pub(super) const CONTENT_CRC: usize = 56;
const CHECKED: usize = 52;
const SALT: usize = 16;
/// Salts fetched at once.
const SALTS: usize = 256;

/// Most bytes of a payload: a conversation of 60,000 participants with the longest ids.
const PAYLOAD_MOST: usize = 16 << 20;

/// Most bytes of content: far beyond any frame, and small enough to read into memory.
const CONTENT_MOST: usize = 1 << 20;

/// A record of the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The position: 1, 2, 3 … without holes.
    pub position: Position,
    /// The hash of the previous record; zeros for the first.
    pub previous: Hash,
    /// The hash of this record.
    pub hash: Hash,
    /// The event, with the text of its message unless erased.
    pub event: Event,
}

/// Content in its stored form, made before the event that names its hash.
pub(crate) struct SaltedContent {
    bytes: Vec<u8>,
    /// The hash that the event names.
    pub(crate) hash: Hash,
}

/// Fresh random salts, each used once. One system call fetches hundreds, because a call for one
/// costs as much.
#[derive(Default)]
pub(crate) struct SaltPool(Vec<[u8; SALT]>);

impl SaltPool {
    fn next(&mut self) -> Result<[u8; SALT], getrandom::Error> {
        if self.0.is_empty() {
            self.0.resize(SALTS, [0; SALT]);
            getrandom::fill(self.0.as_flattened_mut())?;
        }
        Ok(self.0.pop().expect("there are some"))
    }
}

impl SaltedContent {
    /// The salt and the text.
    #[cfg(feature = "postgres")]
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Salts a text.
    pub(crate) fn new(text: &str, salts: &mut SaltPool) -> Result<Self, getrandom::Error> {
        let mut bytes = Vec::with_capacity(SALT + text.len());
        bytes.extend(salts.next()?);
        bytes.extend(text.as_bytes());
        let hash = sha256([&bytes[..]]);
        Ok(Self { bytes, hash })
    }
}

/// The record is longer than a reader accepts.
#[derive(Debug, thiserror::Error)]
#[error("a change is too large to be stored: {0} bytes")]
pub(in crate::store) struct RecordTooLargeError(pub(super) usize);

/// Appends a record to `bytes` and returns its hash.
pub(super) fn encode(
    bytes: &mut Vec<u8>,
    position: Position,
    previous: Hash,
    event: &Event,
    content: Option<&SaltedContent>,
) -> Result<Hash, RecordTooLargeError> {
    let content = content.map(|sealed| &sealed.bytes[..]).unwrap_or_default();
    let start = bytes.len();
    bytes.resize(start + HEADER, 0);
    serde_json::to_writer(&mut *bytes, event).expect("an event has string keys, and memory takes all of it");
    seal(bytes, start, (position, previous), content)
}

/// Appends a record with the bytes that another journal or a database has, and returns its hash.
#[cfg(feature = "postgres")]
pub(super) fn encode_stored(
    bytes: &mut Vec<u8>,
    position: Position,
    previous: Hash,
    payload: &[u8],
    content: &[u8],
) -> Result<Hash, RecordTooLargeError> {
    let start = bytes.len();
    bytes.resize(start + HEADER, 0);
    bytes.extend(payload);
    seal(bytes, start, (position, previous), content)
}

/// Completes the header of the record that begins at `start` and ends with its payload.
fn seal(
    bytes: &mut Vec<u8>,
    start: usize,
    (position, previous): (Position, Hash),
    content: &[u8],
) -> Result<Hash, RecordTooLargeError> {
    let (header, payload) = bytes[start..].split_at_mut(HEADER);
    let mut fields = Vec::with_capacity(HEADER);
    fields.extend(length(payload, PAYLOAD_MOST)?.to_be_bytes());
    fields.extend(length(content, CONTENT_MOST)?.to_be_bytes());
    fields.extend(position.0.to_be_bytes());
    fields.extend(previous.0);
    fields.extend(crc32fast::hash(payload).to_be_bytes());
    fields.extend(crc32fast::hash(&fields).to_be_bytes());
    fields.extend(crc32fast::hash(content).to_be_bytes());
    header.copy_from_slice(&fields);
    let hash = chain(position, previous, payload);
    bytes.extend(content);
    Ok(hash)
}

fn length(part: &[u8], most: usize) -> Result<u32, RecordTooLargeError> {
    if part.len() <= most {
        Ok(u32::try_from(part.len()).expect("the most is below 4 GiB"))
    } else {
        Err(RecordTooLargeError(part.len()))
    }
}

/// The fields of a header with a valid checksum.
pub(super) struct RecordHeader {
    payload: usize,
    content: usize,
    pub(super) position: Position,
    previous: Hash,
    payload_crc: u32,
    content_crc: u32,
}

impl RecordHeader {
    /// Reads a header.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut fields = Fields(bytes.get(..HEADER).ok_or("the header of a record is cut short")?);
        let (payload, content) = (fields.length(), fields.length());
        let (position, previous) = (Position(fields.u64()), Hash(fields.array()));
        let payload_crc = fields.u32();
        if crc32fast::hash(&bytes[..CHECKED]) != fields.u32() {
            return Err("the header of a record fails its checksum");
        }
        if payload > PAYLOAD_MOST || content > CONTENT_MOST {
            return Err("a record claims to be longer than any may be");
        }
        Ok(Self { payload, content, position, previous, payload_crc, content_crc: fields.u32() })
    }

    /// The range of the payload in the record.
    pub(super) fn payload(&self) -> Range<usize> {
        HEADER..HEADER + self.payload
    }

    /// The range of the content in the record.
    pub(super) fn content(&self) -> Range<usize> {
        HEADER + self.payload..self.length()
    }

    /// The hash of the previous record.
    pub(super) fn previous(&self) -> Hash {
        self.previous
    }

    /// Bytes of the record, including its header.
    pub(super) fn length(&self) -> usize {
        HEADER + self.payload + self.content
    }
}

/// A record with valid checksums, except perhaps for content that is being erased.
pub(super) struct Framed<'a> {
    header: RecordHeader,
    payload: &'a [u8],
    content: &'a [u8],
    /// Whether the content may be partly erased.
    erasing: bool,
}

impl<'a> Framed<'a> {
    /// Reads the record at the start of `bytes`. Returns it with the rest.
    ///
    /// With `erasing`, the content may be anything between its old bytes and zeros.
    pub(super) fn split(bytes: &'a [u8], erasing: bool) -> Result<(Self, &'a [u8]), &'static str> {
        let header = RecordHeader::decode(bytes)?;
        let (record, rest) = bytes.split_at_checked(header.length()).ok_or("a record is cut short")?;
        let (payload, content) = record[HEADER..].split_at(header.payload);
        if crc32fast::hash(payload) != header.payload_crc {
            return Err("a payload fails its checksum");
        }
        if crc32fast::hash(content) != header.content_crc && !erasing {
            return Err("a content fails its checksum");
        }
        Ok((Self { header, payload, content, erasing }, rest))
    }

    /// The position of the record.
    pub(super) fn position(&self) -> Position {
        self.header.position
    }

    /// The hash of the previous record, as stored in this one.
    pub(super) fn previous(&self) -> Hash {
        self.header.previous
    }

    /// The hash of this record.
    pub(super) fn hash(&self) -> Hash {
        chain(self.header.position, self.header.previous, self.payload)
    }

    /// Decodes the event, and checks the content against the hash in the event.
    pub(super) fn open(&self) -> Result<Record, &'static str> {
        let content = if self.content.is_empty() { None } else { Some(self.content) };
        let event = open(self.payload, content, self.erasing)?;
        let (position, previous) = (self.position(), self.previous());
        Ok(Record { position, previous, hash: self.hash(), event })
    }
}

/// Decodes an event, and checks its content against the hash in the event.
///
/// Content of zeros is erased, and so is empty content. With `erasing`, it may be partly erased.
pub(crate) fn open(payload: &[u8], content: Option<&[u8]>, erasing: bool) -> Result<Event, &'static str> {
    let mut event: Event = serde_json::from_slice(payload).map_err(|_| "a payload is no known event")?;
    match (event.content_mut(), content) {
        (Some((place, Some(hash))), Some(content)) => *place = text_of(content, *hash, erasing)?,
        (Some((_, Some(_))), None) => return Err("a message without content"),
        (Some((_, None)), _) => return Err("a message without the hash of its content"),
        (None, Some(_)) => return Err("content without a message"),
        (None, None) => {}
    }
    Ok(event)
}

fn text_of(content: &[u8], expected: Hash, erasing: bool) -> Result<Content, &'static str> {
    if content.is_empty() || (content.len() >= SALT && content.iter().all(|byte| *byte == 0)) {
        return Ok(Content::Erased);
    }
    if sha256([content]) != expected {
        if erasing {
            return Ok(Content::Erased);
        }
        return Err("a content does not have the hash that its payload names");
    }
    let text = content.get(SALT..).ok_or("a content without salt")?;
    let text = str::from_utf8(text).map_err(|_| "a content is not UTF-8")?;
    Ok(Content::Text(text.into()))
}

/// The hash of a record.
pub(crate) fn chain(position: Position, previous: Hash, payload: &[u8]) -> Hash {
    sha256([&position.0.to_be_bytes()[..], &previous.0, payload])
}

fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Hash {
    let mut sha = Sha256::new();
    parts.into_iter().for_each(|part| sha.update(part));
    Hash(sha.finalize().into())
}
