//! `chat-server hold` and `chat-server erase`: what retention keeps, and what is erased on request.

use std::io::{self, Write as _};

use chat_core::id::{ConversationId, UserId};
use chat_core::store::Position;
use clap::{Args, Subcommand};
use http::Method;
use tokio::runtime::Runtime;

use super::directory::Directory;
use super::progress::Bar;
use super::values::{plain, user_id};
use super::{CliResult, note};
use crate::admin::SocketConfig;
use crate::admin::holds::{EraseProgress, EraseRequest, ErasedTexts, NewHold};
use crate::audit;
use crate::clock;
use crate::config::DataConfig;
use crate::server_store::ServerStore;
use crate::store::{Erasure, Hold, HoldSubject, LocalStore, UserTexts, count_texts};

#[derive(Debug, Subcommand)]
pub(super) enum HoldCommand {
    /// Keep the texts of a user or a conversation from retention and erase.
    Add {
        #[command(flatten)]
        subject: SubjectArgs,
        /// The reason, shown by list.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// End a hold. Retention then erases what is past its age.
    Release {
        #[command(flatten)]
        subject: SubjectArgs,
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// List all holds, with the administrator, the time and the reason.
    List {
        #[command(flatten)]
        place: PlaceArgs,
    },
}

/// The subject of a hold.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct SubjectArgs {
    /// Id of a user: all messages that the user has sent.
    #[arg(long, value_name = "ID", value_parser = user_id)]
    user: Option<String>,
    /// Id of a conversation: all its messages.
    #[arg(long, value_name = "ID", value_parser = user_id)]
    conversation: Option<String>,
}

/// The location of the store: a running server, or else the data directory.
#[derive(Debug, Args)]
pub(super) struct PlaceArgs {
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    socket: SocketConfig,
}

#[derive(Debug, Args)]
pub(super) struct EraseArgs {
    /// Id of the user whose texts are erased.
    #[arg(long, value_name = "ID", value_parser = user_id)]
    user: String,
    /// The reason, for the record of the erasure.
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Erase for good. Without it, the number of texts is told, and nothing is changed.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Runs one of the commands about holds.
pub(super) fn run(command: HoldCommand) -> CliResult {
    let runtime = Runtime::new()?;
    match command {
        HoldCommand::Add { subject, why, place } => runtime.block_on(add(subject.subject(), why, &place)),
        HoldCommand::Release { subject, place } => runtime.block_on(release(&subject.subject(), &place)),
        HoldCommand::List { place } => runtime.block_on(list(&place)),
    }
}

/// Erases the texts of a user, or counts them.
pub(super) fn erase(args: &EraseArgs) -> CliResult {
    let user = UserId::from(&*args.user);
    let UserTexts { erasable, held } = count_texts(&args.place.data.data_dir, &user)?;
    let mut to = io::stdout();
    if held > 0 {
        writeln!(to, "on hold, and not erased: {held} texts")?;
    }
    if !args.yes {
        writeln!(to, "to be erased for good: {erasable} texts of {}", args.user)?;
        return Err("nothing was changed: add --yes to erase them".into());
    }
    let erased = Runtime::new()?.block_on(carry_out(args, user))?;
    Ok(writeln!(to, "erased: {erased} texts of {}", args.user)?)
}

async fn carry_out(args: &EraseArgs, user: UserId) -> Result<u64, Box<dyn std::error::Error>> {
    let (bar, directory) = (Bar::new("erase"), args.place.open().await?);
    let erased = match &directory {
        Directory::Running(client) => {
            let body = serde_json::to_vec(&EraseRequest { user, why: args.why.clone() })?;
            let show = |EraseProgress { done, of }| bar.show(done, of);
            client.follow::<_, ErasedTexts>(Method::POST, "/erase", body, show).await?.erased
        }
        Directory::Stored(store) => {
            let store = local(store)?;
            note(store.dir(), "erase", Some(&args.user), &args.why);
            let (by, at) = (audit::program_user(), clock::wall());
            let erasure = Erasure { user, by, why: args.why.clone(), at, until: Position(0) };
            store.erase_user(erasure, &|done, of| {
                bar.show(done, of);
                true
            })?
        }
    };
    directory.close()?;
    Ok(erased)
}

async fn add(subject: HoldSubject, why: String, place: &PlaceArgs) -> CliResult {
    let directory = place.open().await?;
    match &directory {
        Directory::Running(client) => {
            let body = serde_json::to_vec(&NewHold { subject: subject.clone(), why })?;
            client.ask::<Hold>(Method::POST, "/holds", body).await?;
        }
        Directory::Stored(store) => {
            let store = local(store)?;
            let hold = Hold { subject: subject.clone(), by: audit::program_user(), why, at: clock::wall() };
            store.hold(hold.clone())?;
            note_hold(store.dir(), "hold", &subject, &hold.why);
        }
    }
    directory.close()?;
    Ok(writeln!(io::stdout(), "{}: kept from retention and erase", plain(&subject.to_string()))?)
}

async fn release(subject: &HoldSubject, place: &PlaceArgs) -> CliResult {
    let directory = place.open().await?;
    match &directory {
        Directory::Running(client) => {
            let body = serde_json::to_vec(subject)?;
            client.ask::<HoldSubject>(Method::POST, "/holds/release", body).await?;
        }
        Directory::Stored(store) => {
            let store = local(store)?;
            store.release(subject)?;
            note_hold(store.dir(), "release", subject, "");
        }
    }
    directory.close()?;
    Ok(writeln!(io::stdout(), "{}: no longer on hold", plain(&subject.to_string()))?)
}

async fn list(place: &PlaceArgs) -> CliResult {
    let directory = place.open().await?;
    let holds = match &directory {
        Directory::Running(client) => client.ask::<Vec<Hold>>(Method::GET, "/holds", "").await?,
        Directory::Stored(store) => local(store)?.holds()?,
    };
    directory.close()?;
    let mut to = io::stdout().lock();
    for Hold { subject, by, why, at } in holds {
        writeln!(to, "{}", plain(&format!("{subject}: since {at}, by {by}: {why}")))?;
    }
    Ok(())
}

/// The store in the data directory.
fn local(store: &ServerStore) -> Result<&LocalStore, &'static str> {
    store.local().ok_or("holds and erasing work with a data directory only")
}

fn note_hold(dir: &std::path::Path, act: &str, subject: &HoldSubject, why: &str) {
    match subject {
        HoldSubject::User(user) => note(dir, act, Some(user.as_str()), why),
        HoldSubject::Conversation(_) => note(dir, act, None, format!("{subject} {why}").trim()),
    }
}

impl SubjectArgs {
    fn subject(self) -> HoldSubject {
        match (self.user, self.conversation) {
            (Some(user), _) => HoldSubject::User(UserId::from(user)),
            (None, conversation) => {
                HoldSubject::Conversation(ConversationId::from(conversation.unwrap_or_default()))
            }
        }
    }
}

impl PlaceArgs {
    async fn open(&self) -> Result<Directory, Box<dyn std::error::Error>> {
        Directory::open(&self.socket, &self.data.data_dir).await
    }
}
