//! `chat-server hold` and `chat-server erase`: what retention keeps, and what is erased on request.

use std::collections::BTreeSet;
use std::io::{self, Write as _};

use chat_core::id::{ConversationId, UserId};
use chat_core::store::Position;
use clap::{Args, Subcommand};
use http::Method;
use tokio::runtime::Runtime;

use super::CliResult;
use super::directory::{Directory, DirectoryArgs};
use super::progress::Bar;
use super::values::{plain, user_id};
use crate::admin::holds::{EraseProgress, EraseRequest, ErasedTexts, NewHold};
use crate::audit;
use crate::clock;
use crate::store::{Erasure, Hold, HoldSubject, UserTexts};

/// Conversations on hold that an erasure names, at most.
const NAMED_MOST: usize = 20;

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
        place: DirectoryArgs,
    },
    /// End a hold. Retention then erases what is past its age.
    Release {
        #[command(flatten)]
        subject: SubjectArgs,
        #[command(flatten)]
        place: DirectoryArgs,
    },
    /// List all holds, with the administrator, the time and the reason.
    List {
        #[command(flatten)]
        place: DirectoryArgs,
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
    place: DirectoryArgs,
}

/// Runs one of the commands about holds.
pub(super) fn run(command: HoldCommand) -> CliResult {
    let runtime = Runtime::new()?;
    match command {
        HoldCommand::Add { subject, why, place } => runtime.block_on(add(subject.subject(), why, &place)),
        HoldCommand::Release { subject, place } => runtime.block_on(release(subject.subject(), &place)),
        HoldCommand::List { place } => runtime.block_on(list(&place)),
    }
}

/// Erases the texts of a user, or counts them.
pub(super) fn erase(args: &EraseArgs) -> CliResult {
    Runtime::new()?.block_on(count_and_erase(args, UserId::from(&*args.user)))
}

async fn count_and_erase(args: &EraseArgs, user: UserId) -> CliResult {
    let UserTexts { erasable, held, held_in } = args.place.count_texts(&user).await?;
    let mut to = io::stdout();
    if held > 0 {
        writeln!(to, "on hold, and not erased: {held} texts, in {}", some_of(&held_in))?;
    }
    if !args.yes {
        writeln!(to, "to be erased for good: {erasable} texts of {}", args.user)?;
        return Err("nothing was changed: add --yes to erase them".into());
    }
    let erased = carry_out(args, user).await?;
    Ok(writeln!(to, "erased: {erased} texts of {}", args.user)?)
}

/// The first conversations by name, and the number of the others.
fn some_of(conversations: &BTreeSet<ConversationId>) -> String {
    let named: Vec<_> = conversations.iter().take(NAMED_MOST).map(|id| plain(id.as_str())).collect();
    let others = conversations.len() - named.len();
    let others = if others > 0 { format!(" and {others} more conversations") } else { String::new() };
    format!("{}{others}", named.join(", "))
}

async fn carry_out(args: &EraseArgs, user: UserId) -> Result<u64, Box<dyn std::error::Error>> {
    let (bar, directory, why) = (Bar::new("erase"), args.place.open().await?, args.why.clone());
    let erased = match &directory {
        Directory::Running(client) => {
            let body = serde_json::to_vec(&EraseRequest { user, why })?;
            let show = |EraseProgress { done, of }| bar.show(done, of);
            client.follow::<_, ErasedTexts>(Method::POST, "/erase", body, show).await?.erased
        }
        Directory::Stored(store) => {
            args.place.note(&directory, "erase", Some(&args.user), &why);
            let (by, at) = (audit::program_user(), clock::wall());
            let show = move |done, of| {
                bar.show(done, of);
                true
            };
            store.erase_user(Erasure { user, by, why, at, until: Position(0) }, show).await?
        }
    };
    directory.close()?;
    Ok(erased)
}

async fn add(subject: HoldSubject, why: String, place: &DirectoryArgs) -> CliResult {
    let directory = place.open().await?;
    match &directory {
        Directory::Running(client) => {
            let body = serde_json::to_vec(&NewHold { subject: subject.clone(), why })?;
            client.ask::<Hold>(Method::POST, "/holds", body).await?;
        }
        Directory::Stored(store) => {
            let hold = Hold { subject: subject.clone(), by: audit::program_user(), why, at: clock::wall() };
            store.hold(hold.clone()).await?;
            note_act(place, &directory, "hold", (&subject, &hold.why));
        }
    }
    directory.close()?;
    Ok(writeln!(io::stdout(), "{}: kept from retention and erase", plain(&subject.to_string()))?)
}

async fn release(subject: HoldSubject, place: &DirectoryArgs) -> CliResult {
    let directory = place.open().await?;
    match &directory {
        Directory::Running(client) => {
            let body = serde_json::to_vec(&subject)?;
            client.ask::<HoldSubject>(Method::POST, "/holds/release", body).await?;
        }
        Directory::Stored(store) => {
            store.release(subject.clone()).await?;
            note_act(place, &directory, "release", (&subject, ""));
        }
    }
    directory.close()?;
    Ok(writeln!(io::stdout(), "{}: no longer on hold", plain(&subject.to_string()))?)
}

async fn list(place: &DirectoryArgs) -> CliResult {
    let directory = place.open().await?;
    let holds = match &directory {
        Directory::Running(client) => client.ask::<Vec<Hold>>(Method::GET, "/holds", "").await?,
        Directory::Stored(store) => store.holds().await?,
    };
    directory.close()?;
    let mut to = io::stdout().lock();
    for Hold { subject, by, why, at } in holds {
        writeln!(to, "{}", plain(&format!("{subject}: since {at}, by {by}: {why}")))?;
    }
    Ok(())
}

/// Notes a change of the holds in the audit trail.
fn note_act(place: &DirectoryArgs, directory: &Directory, act: &str, (subject, why): (&HoldSubject, &str)) {
    match subject {
        HoldSubject::User(user) => place.note(directory, act, Some(user.as_str()), why),
        HoldSubject::Conversation(_) => {
            place.note(directory, act, None, format!("{subject} {why}").trim());
        }
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
