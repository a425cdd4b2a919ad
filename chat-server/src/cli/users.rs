//! `chat-server users`: the directory of users.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};

use chat_core::id::UserId;
use clap::Subcommand;
use tokio::runtime::Runtime;

use super::CliResult;
use super::directory::DirectoryArgs;
use super::values::{plain, user_id};
use crate::users::{self, ImportedUser};

#[derive(Debug, Subcommand)]
pub(super) enum UsersCommand {
    /// List the directory, ordered by id.
    List {
        /// Print one JSON object per line, in the format that import reads.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: DirectoryArgs,
    },
    /// Add users to the directory, or update them, even before they connect for the first time. A
    /// deactivated user stays deactivated.
    Import {
        /// File with one JSON object per line: id, role, email, first_name, last_name, active; - is
        /// standard input. active: false deactivates a user, active: true does not lift a
        /// deactivation.
        file: PathBuf,
        /// Show the difference to the directory, and import nothing.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        place: DirectoryArgs,
    },
    /// Lift a user's deactivation. The user needs a token issued from now on.
    Activate {
        /// Id of the user.
        #[arg(value_parser = user_id)]
        id: String,
        #[command(flatten)]
        place: DirectoryArgs,
    },
    /// Deactivate a user, known or not: ends the user's connections (4503) and part in
    /// conversations.
    Deactivate {
        /// Id of the user.
        #[arg(value_parser = user_id)]
        id: String,
        #[command(flatten)]
        place: DirectoryArgs,
    },
}

/// Runs one of the commands.
pub(super) fn run(command: UsersCommand) -> CliResult {
    let runtime = Runtime::new()?;
    match command {
        UsersCommand::List { json, place } => runtime.block_on(list(json, &place)),
        UsersCommand::Import { file, dry_run: true, place } => runtime.block_on(diff(&file, &place)),
        UsersCommand::Import { file, dry_run: false, place } => runtime.block_on(import(&file, &place)),
        UsersCommand::Activate { id, place } => runtime.block_on(activate(&id, &place)),
        UsersCommand::Deactivate { id, place } => runtime.block_on(deactivate(&id, &place)),
    }
}

async fn import(file: &Path, place: &DirectoryArgs) -> CliResult {
    let users = read(file)?;
    let count = users.len();
    let directory = place.open().await?;
    directory.import(users).await?;
    place.note(&directory, "import", None, &format!("{count} users"));
    directory.close()?;
    Ok(writeln!(io::stdout(), "{count} users imported")?)
}

/// Shows the changes that an import would make.
async fn diff(file: &Path, place: &DirectoryArgs) -> CliResult {
    let users = read(file)?;
    let directory = place.open().await?;
    let (mut known, mut after) = (BTreeMap::new(), None);
    loop {
        let page = directory.page(after).await?;
        after = page.users.last().map(|last| last.user.id.clone());
        known.extend(page.users.into_iter().map(|user| (user.user.id.clone(), user)));
        if !page.more || after.is_none() {
            break;
        }
    }
    directory.close()?;
    let mut to = io::stdout().lock();
    let mut unchanged = 0;
    for user in &users {
        match known.get(&user.user.id) {
            None => writeln!(to, "+ {}", Row(user))?,
            Some(before) => match changes(before, user) {
                text if text.is_empty() => unchanged += 1,
                text => writeln!(to, "~ {}: {}", plain(user.user.id.as_str()), plain(&text))?,
            },
        }
    }
    Ok(writeln!(to, "{unchanged} of {} users unchanged; nothing was imported", users.len())?)
}

/// The changes of a user, in words. An import does not lift a deactivation.
fn changes(before: &ImportedUser, after: &ImportedUser) -> String {
    let (old, new) = (&before.user, &after.user);
    let fields = [
        ("role", old.role.as_str(), new.role.as_str()),
        ("email", &*old.email, &*new.email),
        ("first_name", &*old.first_name, &*new.first_name),
        ("last_name", &*old.last_name, &*new.last_name),
    ];
    let changed = fields.iter().filter(|(_, old, new)| old != new);
    let mut changed: Vec<_> = changed.map(|(name, old, new)| format!("{name} {old:?} to {new:?}")).collect();
    match (before.active, after.active) {
        (true, false) => changed.push("deactivated".to_owned()),
        (false, true) => changed.push("stays deactivated: users activate lifts this".to_owned()),
        _ => {}
    }
    changed.join(", ")
}

async fn activate(id: &str, place: &DirectoryArgs) -> CliResult {
    let directory = place.open().await?;
    directory.activate(UserId::from(id)).await?;
    place.note(&directory, "activate", Some(id), "");
    directory.close()?;
    Ok(writeln!(io::stdout(), "{id} is active")?)
}

async fn deactivate(id: &str, place: &DirectoryArgs) -> CliResult {
    let directory = place.open().await?;
    directory.deactivate(UserId::from(id)).await?;
    place.note(&directory, "deactivate", Some(id), "");
    directory.close()?;
    Ok(writeln!(io::stdout(), "{id} is deactivated")?)
}

fn read(file: &Path) -> Result<Vec<ImportedUser>, Box<dyn std::error::Error>> {
    if file.to_str() == Some("-") {
        return Ok(users::read(io::stdin().lock())?);
    }
    let opened = File::open(file).map_err(|error| format!("can't open {}: {error}", file.display()))?;
    Ok(users::read(BufReader::new(opened))?)
}

async fn list(json: bool, place: &DirectoryArgs) -> CliResult {
    let directory = place.open().await?;
    let mut stdout = io::stdout().lock();
    if !json {
        writeln!(stdout, "{:<24} {:<15} {:<6} NAME, EMAIL", "ID", "ROLE", "ACTIVE")?;
    }
    let mut after = None;
    loop {
        let page = directory.page(after).await?;
        for user in &page.users {
            if json {
                writeln!(stdout, "{}", serde_json::to_string(user)?)?;
            } else {
                writeln!(stdout, "{}", Row(user))?;
            }
        }
        match page.users.last() {
            Some(last) if page.more => after = Some(last.user.id.clone()),
            _ => break,
        }
    }
    directory.close()
}

/// A line of the table. Control characters are escaped, because a terminal would interpret them.
struct Row<'a>(&'a ImportedUser);

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImportedUser { user, active } = self.0;
        let active = if *active { "yes" } else { "no" };
        let name = format!("{} {}", plain(&user.first_name), plain(&user.last_name));
        let about = format!("{}, {}", name.trim(), plain(&user.email));
        let about = about.trim_matches([',', ' ']);
        let (id, role) = (plain(user.id.as_str()), user.role.as_str());
        f.write_str(format!("{id:<24} {role:<15} {active:<6} {about}").trim_end())
    }
}

#[cfg(test)]
mod tests {
    use chat_core::protocol::{Role, User};

    use super::*;

    #[test]
    fn a_name_gives_no_orders_to_a_terminal() {
        let user = User {
            first_name: "\u{1b}[2J\r".into(),
            email: "é@x".into(),
            ..User::new("a\nb", Role::BusDriver)
        };
        let row = Row(&ImportedUser { user, active: false }).to_string();
        assert_eq!(row, format!("{:<24} BUS_DRIVER      no     \\u{{1b}}[2J\\r, é@x", "a\\nb"));
    }
}
