//! Settings in layers: flag, environment, file, default.
//!
//! A setting is defined once, by an argument with `long` and `env`; its name in the file is the
//! flag's name. Values from the file become the defaults of these arguments, in every command.

mod file;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _};

use super::Cli;
pub(super) use file::FileError;
use file::{File, ValueKind};

/// The argument that names the settings file. Not allowed in the file itself.
const CONFIG: &str = "config";

/// The settings given to the program, in all layers.
pub(super) struct Given {
    command: Command,
    /// The matches of the whole command line, with the file's values as defaults.
    pub(super) matches: ArgMatches,
    file: Option<File>,
}

/// One setting of the command.
pub(super) struct Setting<'a> {
    /// The name of the flag.
    pub(super) name: &'a str,
    /// The values. More than one only for a list.
    pub(super) values: Vec<&'a OsStr>,
    /// Whether the values must not be displayed.
    pub(super) is_secret: bool,
    /// The origin of the values, for people; `None` without values.
    pub(super) origin: Option<String>,
    kind: ValueKind,
}

impl Given {
    /// Reads command line, environment and file. Exits the process for `--help` or an invalid flag.
    ///
    /// # Errors
    ///
    /// [`FileError`].
    pub(super) fn read() -> Result<Self, FileError> {
        let mut command = Cli::command();
        let matches = command.get_matches_mut();
        let Some(path) = matches.get_one::<PathBuf>(CONFIG) else {
            return Ok(Self { command, matches, file: None });
        };
        Self::with_file(path)
    }

    fn with_file(path: &Path) -> Result<Self, FileError> {
        let mut known = Vec::new();
        collect(&Cli::command(), &mut known);
        let file = File::read(path, &known)?;
        let mut command = with_defaults(Cli::command(), &file);
        // Flags and environment are valid already. The file must be the cause.
        let matches = command.try_get_matches_from_mut(std::env::args_os());
        let matches = matches.map_err(|error| file.blame(&error))?;
        Ok(Self { command, matches, file: Some(file) })
    }

    /// Whether a setting is in the environment or the file, even if the command does not have it.
    pub(super) fn has(&self, name: &str) -> bool {
        let variable = format!("CHAT_{}", name.replace('-', "_").to_uppercase());
        let is_in_file = self.file.as_ref().is_some_and(|file| file.values(name).is_some());
        is_in_file || std::env::var_os(variable).is_some()
    }

    /// The settings of the command, in the order of its help.
    pub(super) fn settings(&self) -> Vec<Setting<'_>> {
        let (mut command, mut matches) = (&self.command, &self.matches);
        while let Some((name, below)) = matches.subcommand() {
            command = command.find_subcommand(name).expect("clap matched it");
            matches = below;
        }
        command.get_arguments().filter(|arg| is_setting(arg)).map(|arg| self.setting(arg, matches)).collect()
    }

    fn setting<'a>(&'a self, arg: &'a Arg, matches: &'a ArgMatches) -> Setting<'a> {
        let name = arg.get_long().expect("a setting has a flag");
        let id = arg.get_id().as_str();
        let line = self.file.as_ref().and_then(|file| file.place(name));
        let origin = matches.value_source(id).map(|source| match (source, line) {
            (ValueSource::CommandLine, _) => format!("--{name}"),
            (ValueSource::EnvVariable, _) => arg.get_env().unwrap_or_default().to_string_lossy().into_owned(),
            (_, Some(place)) => place,
            _ => "default".to_owned(),
        });
        Setting {
            name,
            values: matches.get_raw(id).map(Iterator::collect).unwrap_or_default(),
            is_secret: arg.is_hide_env_values_set(),
            origin,
            kind: ValueKind::of(arg),
        }
    }
}

impl Setting<'_> {
    /// The setting as a line of the file.
    pub(super) fn as_toml(&self) -> String {
        let mut values = self.values.iter().map(|value| self.kind.write(&value.to_string_lossy()));
        if self.kind.is_list {
            format!("[{}]", values.collect::<Vec<_>>().join(", "))
        } else {
            values.next().unwrap_or_default()
        }
    }
}

/// Whether an argument is a setting, and not an argument of one command only.
fn is_setting(arg: &Arg) -> bool {
    arg.get_long().is_some() && arg.get_env().is_some() && arg.get_id() != CONFIG
}

/// Collects names and types of the settings of a command and its subcommands.
fn collect(command: &Command, known: &mut Vec<(String, ValueKind)>) {
    let settings = command.get_arguments().filter(|arg| is_setting(arg));
    known.extend(settings.filter_map(|arg| Some((arg.get_long()?.to_owned(), ValueKind::of(arg)))));
    command.get_subcommands().for_each(|below| collect(below, known));
}

/// The command with the file's values as defaults.
fn with_defaults(command: Command, file: &File) -> Command {
    let command = command.mut_args(|arg| {
        let values = arg.get_long().filter(|_| is_setting(&arg)).and_then(|name| file.values(name));
        match values {
            Some(values) => arg.default_values(values.to_vec()),
            None => arg,
        }
    });
    command.mut_subcommands(|below| with_defaults(below, file))
}

impl ValueKind {
    /// The type for an argument.
    fn of(arg: &Arg) -> Self {
        Self::new(&arg.get_value_parser().type_id(), matches!(arg.get_action(), ArgAction::Append))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_the_same_in_every_command() {
        let mut known = Vec::new();
        collect(&Cli::command(), &mut known);
        assert!(known.iter().any(|(name, _)| name == "max-connections"));
        assert!(!known.iter().any(|(name, _)| name == CONFIG || name == "user"));
        for (name, kind) in &known {
            assert!(known.iter().all(|(other, same)| name != other || kind == same), "{name}");
        }
    }
}
