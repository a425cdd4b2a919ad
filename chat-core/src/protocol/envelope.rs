//! The envelope of a frame: `type`, `data`, `request_id`, and the fields of every reply.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::error::{Error, ErrorCode};
use super::request::{EventType, RequestIds};

/// An id chosen by the client to recognise the reply. Echoed, never interpreted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RequestId {
    /// An integer that a browser can hold, from −(2^53 − 1) to 2^53 − 1.
    Number(i64),
    /// A string of at most 64 characters.
    Text(Arc<str>),
}

impl RequestId {
    /// The limit of characters of a text.
    pub const MAX_CHARS: usize = 64;
    /// The largest integer that every JavaScript engine holds exactly (ECMA-262,
    /// `Number.MAX_SAFE_INTEGER`).
    pub const MAX_NUMBER: i64 = (1 << 53) - 1;

    fn is_valid(&self) -> bool {
        match self {
            Self::Number(number) => (-Self::MAX_NUMBER..=Self::MAX_NUMBER).contains(number),
            Self::Text(text) => text.chars().nth(Self::MAX_CHARS).is_none(),
        }
    }
}

/// A capacity that fits most frames of a server.
const USUAL_BYTES: usize = 512;

/// The `success` of a successful reply, always `true`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Success;

impl Serialize for Success {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

impl<'de> Deserialize<'de> for Success {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if bool::deserialize(deserializer)? { Ok(Self) } else { Err(D::Error::custom("success is false")) }
    }
}

/// A request frame with raw `data`, which is decoded once the type is known.
#[derive(Deserialize)]
struct RawRequest<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
}

/// A string, borrowed unless it contains escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The envelope of a request.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    pub(super) kind: Cow<'a, str>,
    data: &'a str,
}

/// A frame that could not be decoded as a request, with the readable `request_id` for the error
/// reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undecodable {
    /// The id for the error reply.
    pub request_id: Option<RequestId>,
    /// The kind of request, if the frame names one.
    pub event: Option<EventType>,
    /// The ids that the request names, if its `data` could be read.
    pub ids: RequestIds,
    /// The error.
    pub error: Error,
}

impl Undecodable {
    /// A frame of no known kind.
    pub(crate) fn new(request_id: Option<RequestId>, error: Error) -> Self {
        Self { request_id, event: None, ids: RequestIds::default(), error }
    }
}

/// Reads the envelope of a request frame. Of `data`, only the depth is checked.
pub(super) fn open(text: &[u8], max_depth: usize) -> Result<(Option<RequestId>, Envelope<'_>), Undecodable> {
    let refuse = Undecodable::new;
    if is_deeper_than(text, max_depth) {
        let error = Error::with_detail(ErrorCode::TooDeep, format_args!("at most {max_depth} levels"));
        return Err(refuse(None, error));
    }
    let text = str::from_utf8(text).map_err(|_| refuse(None, ErrorCode::InvalidJson.into()))?;
    let raw = read_outside(text).map_err(|error| refuse(None, error))?;
    let request_id = raw.request_id.map(read_request_id).transpose().map_err(|e| refuse(None, e))?;
    match raw.kind.map(|kind| serde_json::from_str::<Name<'_>>(kind.get())) {
        Some(Ok(Name(kind))) => {
            Ok((request_id, Envelope { kind, data: raw.data.map_or("{}", RawValue::get) }))
        }
        Some(Err(_)) => {
            Err(refuse(request_id, Error::with_detail(ErrorCode::InvalidFrame, "type must be a string")))
        }
        None => Err(refuse(request_id, Error::with_detail(ErrorCode::MissingParameter, "type"))),
    }
}

fn read_outside(text: &str) -> Result<RawRequest<'_>, Error> {
    let read = if is_array(text) {
        serde_json::from_str::<IgnoredAny>(text).map(|_| None)
    } else {
        serde_json::from_str(text).map(Some)
    };
    match read {
        Ok(Some(raw)) => Ok(raw),
        Ok(None) => Err(ErrorCode::InvalidFrame.into()),
        Err(error) if !error.is_data() => Err(ErrorCode::InvalidJson.into()),
        Err(error) => match reason(&error.to_string()).strip_prefix("duplicate ") {
            Some(what) => Err(Error::with_detail(ErrorCode::InvalidFrame, format_args!("duplicate {what}"))),
            None => Err(ErrorCode::InvalidFrame.into()),
        },
    }
}

/// Whether a JSON text is an array, which serde would accept as an object without names.
fn is_array(json: &str) -> bool {
    json.trim_start().starts_with('[')
}

/// The error text without its location.
fn reason(error: &str) -> &str {
    error.rsplit_once(" at line ").map_or(error, |(reason, _)| reason)
}

fn read_request_id(raw: &RawValue) -> Result<RequestId, Error> {
    serde_json::from_str(raw.get()).ok().filter(RequestId::is_valid).ok_or_else(|| {
        let detail = "request_id must be a string of at most 64 characters or an integer of at most 2^53 - 1";
        Error::with_detail(ErrorCode::InvalidFrame, detail)
    })
}

impl Envelope<'_> {
    /// Decodes `data` by its type.
    pub(super) fn data<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if is_array(self.data) {
            return Err(data_is_no_object());
        }
        serde_json::from_str(self.data).map_err(|_| self.explain::<T>())
    }

    /// Decodes again, slowly, to find the wrong field.
    ///
    /// The error names the expected type and never the given value, which may be a token or the
    /// text of a message.
    fn explain<T: DeserializeOwned>(&self) -> Error {
        let mut json = serde_json::Deserializer::from_str(self.data);
        let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut json) else {
            return ErrorCode::InvalidFrame.into();
        };
        let path = error.path().to_string();
        let error = error.into_inner().to_string();
        let reason = reason(&error);
        if let Some(field) = reason.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            return Error::with_detail(ErrorCode::MissingParameter, field);
        }
        match (&*path, reason.rsplit_once(", expected ")) {
            (".", Some(_)) => data_is_no_object(),
            (".", None) => Error::with_detail(ErrorCode::InvalidFrame, format_args!("data: {reason}")),
            (_, Some((_, wanted))) => {
                let detail = format!("{path} must be {}", in_words(wanted));
                Error::with_detail(ErrorCode::InvalidParameter, detail)
            }
            (_, None) => Error::with_detail(ErrorCode::InvalidParameter, format_args!("{path}: {reason}")),
        }
    }
}

fn data_is_no_object() -> Error {
    Error::with_detail(ErrorCode::InvalidFrame, "data must be an object")
}

/// The type expected by serde, in words for the author of an app.
fn in_words(wanted: &str) -> String {
    match wanted {
        "i64" => "an integer".to_owned(),
        "u64" => "an integer of at least 0".to_owned(),
        other => other.replace('`', ""),
    }
}

/// Whether arrays and objects are nested deeper than `max`.
///
/// Counted before anything is decoded, so depth costs neither stack nor time. Nearly every frame
/// has fewer brackets than `max`, inside strings and out.
fn is_deeper_than(text: &[u8], max: usize) -> bool {
    // Chunks of at most 255 bytes, so that a byte can count the brackets.
    let brackets = |part: &[u8]| part.iter().map(|byte| u8::from(matches!(byte, b'{' | b'['))).sum::<u8>();
    if text.chunks(255).map(|part| usize::from(brackets(part))).sum::<usize>() <= max {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    text.iter().any(|byte| {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > max
    })
}

/// An outgoing request.
#[derive(Serialize)]
pub(super) struct OutgoingRequest<'a, T> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) data: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<&'a RequestId>,
}

/// Encodes a reply, with the `request_id` at the end.
///
/// # Panics
///
/// Never: see [`encode`].
pub fn encode_reply<T: Serialize>(reply: &T, request_id: Option<&RequestId>) -> Bytes {
    let mut json = to_json(reply);
    if let Some(request_id) = request_id {
        // Every reply is an object with at least the field `success`.
        let end = json.pop();
        debug_assert_eq!(end, Some(b'}'));
        json.extend(b",\"request_id\":");
        serde_json::to_writer(&mut json, request_id).expect("an id is plain JSON");
        json.push(b'}');
    }
    exactly(json)
}

/// Encodes a frame that answers no request.
///
/// # Panics
///
/// Never, because the protocol's types contain nothing that JSON can't express.
pub fn encode<T: Serialize>(frame: &T) -> Bytes {
    exactly(to_json(frame))
}

/// The length of a text in JSON, in bytes, without its quotation marks. An escaped character takes
/// up to six.
pub fn json_length(text: &str) -> usize {
    let bytes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | 0x08..=0x0a | 0x0c | 0x0d => 2,
        ..0x20 => 6,
        _ => 1,
    });
    bytes.sum()
}

fn to_json<T: Serialize>(frame: &T) -> Vec<u8> {
    let mut json = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut json, frame).expect("the protocol's types are plain JSON");
    json
}

/// Converts without spare capacity, because the bounds of queues count only the bytes used.
fn exactly(json: Vec<u8>) -> Bytes {
    json.into_boxed_slice().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_strings() {
        assert!(!is_deeper_than(br#"{"a":"[[[[\"[[","b":[]}"#, 2));
        assert!(is_deeper_than(br#"{"a":[[]]}"#, 2));
        assert!(is_deeper_than("[".repeat(5_000).as_bytes(), 32));
    }

    #[test]
    fn a_text_is_as_long_as_it_is_written() {
        for character in
            (0..0x800).chain([0x2028, 0xd7ff, 0xe000, 0x1_f600, 0x10_ffff]).filter_map(char::from_u32)
        {
            let text = format!("a{character}z");
            assert_eq!(json_length(&text), to_json(&text).len() - 2, "{character:?}");
        }
    }

    #[test]
    fn request_ids_are_echoed_as_they_came() {
        for id in [r#""a\u0062""#, "7", "-9007199254740991", "9007199254740991"] {
            let read = read_request_id(&RawValue::from_string(id.to_owned()).unwrap()).unwrap();
            let back = serde_json::to_string(&read).unwrap();
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&back).unwrap(),
                serde_json::from_str::<serde_json::Value>(id).unwrap()
            );
        }
        for bad in ["1.5", "9007199254740992", "{}", "true", &format!("{:?}", "x".repeat(65))] {
            assert!(read_request_id(&RawValue::from_string(bad.to_owned()).unwrap()).is_err(), "{bad}");
        }
    }
}
