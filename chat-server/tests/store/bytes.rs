//! The journal's bytes, for forging them.
//!
//! A segment's header has 60 bytes, a group's 48, a record's 60.

use chat_core::store::Hash;
use sha2::{Digest as _, Sha256};

/// The offsets of a record: its header, its payload, its content, and its end.
pub(crate) type Place = [usize; 4];

/// Where the records of a segment are.
pub(crate) fn records(bytes: &[u8]) -> Vec<Place> {
    let length =
        |at: usize| usize::try_from(u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap();
    let mut places = Vec::new();
    let mut start = 60;
    while start < bytes.len() {
        let group_end = start + 48 + length(start + 16);
        start += 48;
        while start < group_end {
            let payload = start + 60;
            let text = payload + length(start);
            let end = text + length(start + 4);
            places.push([start, payload, text, end]);
            start = end;
        }
    }
    places
}

/// Where the record with this content is.
pub(crate) fn find_record(bytes: &[u8], content: &[u8]) -> Place {
    let mut places = records(bytes).into_iter();
    places.find(|[_, _, text, end]| text < end && bytes[*text..*end].ends_with(content)).unwrap()
}

/// Corrects the checksums of a record, as a forger would to hide a change.
pub(crate) fn fix_checksums(bytes: &mut [u8], [start, payload, content, end]: Place) {
    let crc = |range: &[u8]| crc32fast::hash(range).to_be_bytes();
    let fixed = crc(&bytes[payload..content]);
    bytes[start + 48..start + 52].copy_from_slice(&fixed);
    let fixed = crc(&bytes[start..start + 52]);
    bytes[start + 52..start + 56].copy_from_slice(&fixed);
    let fixed = crc(&bytes[content..end]);
    bytes[start + 56..start + 60].copy_from_slice(&fixed);
}

/// Corrects checksums and chain of the first segment, as a forger would who knows the format.
pub(crate) fn chain_anew(bytes: &mut [u8]) {
    let mut chain = [0; 32];
    for place in records(bytes) {
        let [start, payload, content, _] = place;
        bytes[start + 16..start + 48].copy_from_slice(&chain);
        let mut sha = Sha256::new();
        sha.update(&bytes[start + 8..start + 48]);
        sha.update(&bytes[payload..content]);
        chain = Hash(sha.finalize().into()).0;
        fix_checksums(bytes, place);
    }
}
