//! `chat-server users`: the directory of users.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use tokio::runtime::Runtime;

use super::Outcome;
use crate::config::DataConfig;
use crate::{storage, users};

#[derive(Debug, Subcommand)]
pub(super) enum UsersCommand {
    /// Put users into the directory, whether they have ever connected or not. The server must not be running.
    Import {
        /// One JSON object a line: id, role, email, first_name, last_name, active; - is standard input.
        file: PathBuf,
        #[command(flatten)]
        data: DataConfig,
    },
}

/// Does what is asked of the directory.
pub(super) fn run(command: UsersCommand) -> Outcome {
    match command {
        UsersCommand::Import { file, data } => import(&file, &data),
    }
}

fn import(file: &Path, data: &DataConfig) -> Outcome {
    let users = if file.to_str() == Some("-") {
        users::read(io::stdin().lock())?
    } else {
        let file = File::open(file).map_err(|error| format!("can't open {}: {error}", file.display()))?;
        users::read(BufReader::new(file))?
    };
    let count = Runtime::new()?.block_on(async {
        let store = storage::open_alone(&data.data_dir)?;
        let count = users::import(&store, users).await?;
        store.close()?;
        Ok::<_, Box<dyn std::error::Error>>(count)
    })?;
    Ok(writeln!(io::stdout(), "{count} users imported")?)
}
