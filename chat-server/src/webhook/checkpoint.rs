//! The webhook's checkpoint, and its file in a data directory.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use chat_core::id::ConversationId;
use chat_core::store::Position;
use serde::{Deserialize, Serialize};

use super::reading::LaneKind;
use crate::store::{JournalPlace, private};

/// The name of the file.
const NAME: &str = "webhook";

/// The version of the file. Version 1 had a single mark, because notifications were sent one after
/// another.
const VERSION: u32 = 2;

/// The next journal record to process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    /// A group boundary at or before the record, from which the journal is read.
    pub(super) place: JournalPlace,
    /// The record's position. Records between `place` and `from` are done.
    pub(super) from: Position,
}

/// The progress of one lane.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct LaneCheckpoint {
    /// Everything before this mark is done, except for `behind`.
    pub(super) next: Mark,
    /// Conversations that lag behind, each with its first pending record.
    pub(super) behind: Vec<(ConversationId, Mark)>,
}

/// The progress of the webhook.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    version: u32,
    /// The lane of emergencies.
    emergencies: LaneCheckpoint,
    /// The lane of all other conversations.
    others: LaneCheckpoint,
}

/// The file's version 1.
#[derive(Deserialize)]
struct First {
    place: JournalPlace,
    done: Position,
}

impl Mark {
    /// The first record after a place.
    pub(super) fn at(place: JournalPlace) -> Self {
        Self { place, from: Position(place.position().0 + 1) }
    }
}

impl LaneCheckpoint {
    /// The highest position in the checkpoint.
    fn last(&self) -> Position {
        let behind = self.behind.iter().map(|(_, mark)| mark.from);
        behind.fold(self.next.from, Position::max)
    }
}

impl Checkpoint {
    /// A checkpoint with everything before this mark done.
    pub(super) fn at(next: Mark) -> Self {
        let lane = LaneCheckpoint { next, behind: Vec::new() };
        Self { version: VERSION, emergencies: lane.clone(), others: lane }
    }

    /// The checkpoint of one lane.
    pub(super) fn lane(&mut self, kind: LaneKind) -> &mut LaneCheckpoint {
        match kind {
            LaneKind::Emergencies => &mut self.emergencies,
            LaneKind::Others => &mut self.others,
        }
    }

    /// Whether the journal, which ends at this place, covers the checkpoint.
    pub(super) fn is_within(&self, end: JournalPlace) -> bool {
        self.emergencies.last().max(self.others.last()) <= Mark::at(end).from
    }

    /// Reads a checkpoint from its JSON.
    pub(super) fn decode(json: &[u8]) -> io::Result<Self> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        match serde_json::from_slice(json)? {
            Versioned { version: 1 } => {
                let First { place, done } = serde_json::from_slice(json)?;
                Ok(Self::at(Mark { place, from: Position(done.0 + 1) }))
            }
            Versioned { version: VERSION } => Ok(serde_json::from_slice(json)?),
            Versioned { version } => {
                Err(io::Error::other(format!("it has the version {version}, which is not known here")))
            }
        }
    }

    /// The checkpoint as JSON.
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("the struct has string keys, and memory takes all of it")
    }
}

/// The content of this directory's file; `None` if there is none.
pub(super) fn read(dir: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(dir.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Replaces the file, atomically and durably.
pub(super) fn write(dir: &Path, checkpoint: &[u8]) -> io::Result<()> {
    let new = dir.join(format!("{NAME}.new"));
    let mut file = private::create(&new)?;
    file.write_all(checkpoint)?;
    file.sync_all()?;
    fs::rename(&new, dir.join(NAME))?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_first_version_is_taken_up_in_both_lanes() {
        let dir = tempfile::tempdir().unwrap();
        let chain = "0".repeat(64);
        let text = format!(
            r#"{{"version":1,"place":{{"position":7,"segment":1,"offset":900,"chain":"{chain}"}},"done":9}}"#
        );
        fs::write(dir.path().join(NAME), text).unwrap();
        let kept = Checkpoint::decode(&read(dir.path()).unwrap().unwrap()).unwrap();
        assert_eq!((kept.others.next.place.position(), kept.others.next.from), (Position(7), Position(10)));
        assert_eq!(kept.emergencies, kept.others);
        write(dir.path(), &kept.encode()).unwrap();
        assert_eq!(Checkpoint::decode(&read(dir.path()).unwrap().unwrap()).unwrap(), kept);
    }
}
