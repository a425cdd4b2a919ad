//! `chat-server export`: conversations for readers such as auditors.

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use chat_core::time::Timestamp;
use clap::Args;
#[cfg(feature = "postgres")]
use tempfile::TempDir;

#[cfg(feature = "postgres")]
use super::moving::write_journal;
use super::progress::Bar;
use super::values::time;
use super::{CliResult, note};
use crate::config::DataConfig;
#[cfg(feature = "postgres")]
use crate::config::DatabaseConfig;
use crate::store::{Selection, export, private};

/// Documentation of the line format, for `--help`.
const FORMAT: &str = "\
Each line is a JSON object with a `type` and the `position` of its record in the journal. Conversations
are written one after another, ordered by creation, each with all its events in chronological order.
Before them stand the accounts of all users who occur, in chronological order: a name is the one of the
last account line of the user with a smaller position.

  account       user_id, role, email, first_name, last_name, active, source (token, import or
                administration), at

  conversation  conversation_id, title, room_type, created_by, created_at, teams, and participants by
                name. Without teams, the conversation is from before teams, and participants are all
  message       conversation_id, seq, message_id, sender_id, sent_at, and content, or erased: true if
                retention has erased the text
  read          conversation_id, user_id, up_to, at: the user has read messages up to this seq. Without
                at, the reading is from before its time was recorded
  enrolled, withdrawn
                conversation_id, user_id, version, standing: the user was added or withdrawn by name
  end           head: the last line of a complete export, with the head of the journal's chain for
                `chat-server verify --expect`

The journal records no time for enrolled and withdrawn. --since and --until treat read, enrolled and
withdrawn as simultaneous with the previous message. The line `conversation` is always written for a conversation
with an event in the requested period.";

#[derive(Debug, Args)]
#[command(after_long_help = FORMAT)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    data: DataConfig,
    /// The database, instead of the data directory. All of it is copied to the temporary directory
    /// (TMPDIR) first.
    #[cfg(feature = "postgres")]
    #[command(flatten)]
    database: DatabaseConfig,
    /// Backup to export from, instead of the data directory or a database.
    #[arg(long, value_name = "DIR")]
    backup: Option<PathBuf>,
    /// Export only this conversation.
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    /// Export only the messages, readings, conversations and accounts of this user.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Export only events from this time on, as in 2026-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Export only events before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Pass over damaged parts of the journal, and name them on standard error. Texts that can't be
    /// read count as erased. The line `end` is missing then.
    #[arg(long)]
    salvage: bool,
    /// File to create, readable by its owner only [default: standard output].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the selected conversations.
pub(super) fn run(args: &ExportArgs) -> CliResult {
    let selection = Selection {
        conversation: args.conversation.as_deref().map(Into::into),
        user: args.user.as_deref().map(Into::into),
        since: args.since,
        until: args.until,
        salvage: args.salvage,
    };
    let place = Place::of(args)?;
    let dir = place.dir();
    let bar = Bar::new("export");
    let mut to: Box<dyn Write> = match &args.output {
        None => Box::new(BufWriter::new(io::stdout().lock())),
        Some(path) => Box::new(BufWriter::new(create(path)?)),
    };
    let done = export(&dir, &selection, &mut to, &|done, of| bar.show(done, of));
    if let (Err(_), Some(path)) = (&done, &args.output) {
        // The name must be free for the next attempt. A file that remains lacks its end.
        let _ = fs::remove_file(path);
    }
    let holes = done?;
    let all = if args.user.is_some() { "all of the user" } else { "all conversations" };
    let of = args.conversation.as_deref().unwrap_or(all);
    note(&args.data.data_dir, "export", args.user.as_deref(), &format!("{of}, from {place}"));
    for hole in holes {
        eprintln!("chat-server: passed over: {hole}");
    }
    Ok(())
}

/// The copy of a database, in its directory.
#[cfg(feature = "postgres")]
const COPY: &str = "journal";

/// The place of the journal to export from.
enum Place<'a> {
    Dir(&'a Path),
    /// A directory with the copy of a database, removed on drop.
    #[cfg(feature = "postgres")]
    Database(TempDir),
}

impl<'a> Place<'a> {
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unnecessary_wraps, reason = "without a database there is nothing to copy")
    )]
    fn of(args: &'a ExportArgs) -> Result<Self, Box<dyn Error>> {
        #[cfg(feature = "postgres")]
        if let (None, Some(url)) = (&args.backup, &args.database.database_url) {
            if args.salvage {
                return Err("--salvage reads a damaged journal: leave it out with --database-url".into());
            }
            let dir = tempfile::tempdir().map_err(|error| {
                format!("can't make a directory in {}: {error}. Set TMPDIR", std::env::temp_dir().display())
            })?;
            write_journal(url, &dir.path().join(COPY))?;
            return Ok(Self::Database(dir));
        }
        Ok(Self::Dir(args.backup.as_ref().unwrap_or(&args.data.data_dir)))
    }

    fn dir(&self) -> PathBuf {
        match self {
            Self::Dir(dir) => dir.to_path_buf(),
            #[cfg(feature = "postgres")]
            Self::Database(dir) => dir.path().join(COPY),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(dir) => dir.display().fmt(f),
            #[cfg(feature = "postgres")]
            Self::Database(_) => f.write_str("the database"),
        }
    }
}

fn create(path: &Path) -> Result<File, String> {
    let file = private::options().write(true).create_new(true).open(path);
    file.map_err(|error| format!("can't make {}: {error}", path.display()))
}
