//! The facts about a certificate that an operator needs: its version and its end.

use chat_core::time::Timestamp;

/// Tag of a sequence.
const SEQUENCE: u8 = 0x30;

/// Tag of the version, which certificates of version 1 lack.
const VERSION: u8 = 0xa0;

/// Tag of a time with a year of two digits.
const SHORT_TIME: u8 = 0x17;

/// Tag of a time with a year of four digits.
const LONG_TIME: u8 = 0x18;

/// The facts about a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Certificate {
    /// Whether it has a version, and so extensions.
    pub(crate) has_version: bool,
    /// The end of its validity.
    pub(crate) expires_at: Timestamp,
}

impl Certificate {
    /// Reads a certificate in DER; `None` if it has another form.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let (certificate, _) = element(der, SEQUENCE)?;
        let (mut fields, _) = element(certificate, SEQUENCE)?;
        let version = element(fields, VERSION);
        if let Some((_, rest)) = version {
            fields = rest;
        }
        // The serial number, the algorithm and the issuer.
        for _ in 0..3 {
            fields = any(fields)?.2;
        }
        let (validity, _) = element(fields, SEQUENCE)?;
        let (tag, end, _) = any(any(validity)?.2)?;
        Some(Self { has_version: version.is_some(), expires_at: time(tag, end)? })
    }
}

/// The content of the first element if it has this tag, and the rest.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = any(der)?;
    (found == tag).then_some((content, rest))
}

/// The tag and the content of the first element, and the rest.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let add = |sum: usize, byte: &u8| sum.checked_mul(256)?.checked_add(usize::from(*byte));
        (bytes.iter().try_fold(0, add)?, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// Reads `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn time(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let text = str::from_utf8(text).ok()?;
    let text = match tag {
        // Years from 50 on are of the last century (RFC 5280).
        SHORT_TIME if text >= "50" => format!("19{text}"),
        SHORT_TIME => format!("20{text}"),
        LONG_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |range: std::ops::Range<usize>| text.get(range);
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(8..10)?, part(10..12)?, part(12..14)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    serde_json::from_value(text.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        for (year, text) in [(2031, "2031-03-04T00:00:00.000Z"), (2061, "2061-03-04T00:00:00.000Z")] {
            let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 3, 4);
            let made = params.self_signed(&key).unwrap();
            let read = Certificate::read(made.der()).unwrap();
            assert!(read.has_version);
            assert_eq!(serde_json::to_value(read.expires_at).unwrap(), text);
            for length in 0..made.der().len() {
                assert!(Certificate::read(&made.der()[..length]).is_none(), "cut to {length}");
            }
        }
    }
}
