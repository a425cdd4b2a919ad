//! The head of the chain, in the form in which the log prints it and an operator passes it back.

use std::fmt;
use std::str::FromStr;

use chat_core::store::{Hash, Position};

use super::group::End;

/// The position and the hash of a record. Changing any record up to this one would change the hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChainHead {
    /// The position of the record.
    pub position: Position,
    /// The hash of the record.
    pub hash: Hash,
}

impl From<End> for ChainHead {
    fn from(end: End) -> Self {
        Self { position: end.position, hash: end.chain }
    }
}

impl fmt::Display for ChainHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.position.0, self.hash)
    }
}

/// The text is not a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("give the position and the hash as the log does, with a colon between them: 1234:5f3a…")]
pub struct ParseHeadError;

impl FromStr for ChainHead {
    type Err = ParseHeadError;

    fn from_str(text: &str) -> Result<Self, ParseHeadError> {
        let (position, hash) = text.split_once(':').ok_or(ParseHeadError)?;
        let position = position.parse().map_err(|_| ParseHeadError)?;
        Ok(Self { position: Position(position), hash: hash.parse().map_err(|_| ParseHeadError)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        let head = ChainHead { position: Position(1_234), hash: Hash([0xa7; 32]) };
        assert_eq!(head.to_string(), format!("1234:{}", "a7".repeat(32)));
        assert_eq!(head.to_string().parse(), Ok(head));
        for bad in
            ["", "1234", ":", "x:00", &format!("-1:{}", "a7".repeat(32)), &format!("1:{}", "a7".repeat(31))]
        {
            assert_eq!(bad.parse::<ChainHead>(), Err(ParseHeadError), "{bad}");
        }
    }
}
