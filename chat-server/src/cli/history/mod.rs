//! `chat-server history`: an answer to "my driver wrote at 14:02 yesterday and nobody saw it".

mod presence;
mod source;
mod story;

use std::io::{self, Write as _};
use std::time::Duration;

use chat_core::id::UserId;
use chat_core::time::Timestamp;
use clap::Args;

use super::CliResult;
use super::values::{plain, time, user_id};
use crate::audit::{self, AuditLine};
#[cfg(feature = "postgres")]
use crate::config::DatabaseConfig;
use crate::config::{DataConfig, duration};
use crate::store::Period;
use presence::ControlPresence;
use source::{JOURNAL, StoredEvents};
use story::Story;

/// Entries of each kind, at most. A shorter period shows further ones.
const MOST: usize = 10_000;

/// Explanation for `--help`.
const FORMAT: &str = "\
The answer has one line for each connection of the user and its end, each refusal, each message of the
user and of others in the same conversations, with the first reader, and each act of administration on
the user. It names ids and addresses, and no text. It ends with the control users that were connected.

A local time can be given as \"$(date -Is -d 'yesterday 14:02')\".

Messages come from the journal or the database, and all else from the audit trail in the data directory.
Both may be read beside a running server. The last quarter of a second may be missing. Over a database
each server has a trail of its own: run this at each.";

#[derive(Debug, Args)]
#[command(after_long_help = FORMAT)]
pub(super) struct HistoryArgs {
    #[command(flatten)]
    data: DataConfig,
    /// The database, instead of a journal in the data directory.
    #[cfg(feature = "postgres")]
    #[command(flatten)]
    database: DatabaseConfig,
    /// Id of the user.
    #[arg(long, value_name = "ID", value_parser = user_id)]
    user: String,
    /// The middle of the period, as in 2026-01-31T14:02:00Z or 2026-01-31T15:02:00+01:00.
    #[arg(long, value_name = "TIME", value_parser = time)]
    around: Timestamp,
    /// Half of the period.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    within: Duration,
}

/// Tells the history.
pub(super) fn run(args: &HistoryArgs) -> CliResult {
    let (from, until) = (args.around.minus(args.within), args.around.plus(args.within));
    let dir = &args.data.data_dir;
    let period = Period { user: UserId::from(&*args.user), from, until, most: MOST };
    let mut control = ControlPresence::new(from, until);
    let wants = |line: &AuditLine<'_>| {
        control.see(line);
        let is_about = line.user.as_ref().is_none_or(|user| **user == *args.user);
        is_about && (from..=until).contains(&line.at)
    };
    let trail = audit::read(dir, MOST, wants)
        .map_err(|error| format!("can't read the audit trail of {}: {error}", dir.display()))?;
    let (oldest, left_out) = (trail.oldest, trail.left_out);
    let source = StoredEvents::read(args, &period, oldest.is_some())?;
    let mut to = io::stdout().lock();
    writeln!(to, "{} from {from} until {until}", args.user)?;
    source.tell(&mut to, dir)?;
    if oldest.is_none_or(|oldest| oldest > from) {
        let begin = oldest.map_or("has no lines".to_owned(), |oldest| format!("begins at {oldest}"));
        writeln!(to, "the audit trail {begin}: nothing is known of connections and refusals before")?;
    }
    let (place, journal) = source.events();
    let left_out = left_out + journal.left_out;
    let story = Story::new(&period.user, trail.lines, (place, journal));
    for (at, text) in story.entries() {
        writeln!(to, "{at}  {}", plain(&text))?;
    }
    if !story.is_about_user() {
        writeln!(to, "nothing is known of {} in this time: chat-server users list shows all ids", args.user)?;
    }
    if left_out > 0 {
        writeln!(to, "{left_out} more were left out: give a shorter --within")?;
    }
    match oldest.filter(|oldest| *oldest <= until) {
        None => Ok(writeln!(to, "nothing is known of the control users of this time")?),
        Some(_) if place == Some(JOURNAL) => Ok(writeln!(to, "{control}")?),
        // There may be other servers.
        Some(_) => Ok(writeln!(to, "at the server of this trail: {control}")?),
    }
}
