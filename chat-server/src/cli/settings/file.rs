//! The settings file: TOML, one setting per line.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The content of the file, by flag name.
pub(super) struct File {
    path: PathBuf,
    entries: BTreeMap<String, FileEntry>,
}

struct FileEntry {
    line: usize,
    /// The values in the syntax of the command line.
    values: Vec<String>,
}

/// The reason that the file can't be used.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum FileError {
    /// The file can't be read.
    #[error("can't read the settings in {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The content is invalid.
    #[error("{place}: {what}")]
    Wrong {
        /// The file, and the line if known.
        place: String,
        /// The fault, with the name of the setting.
        what: String,
    },
}

impl File {
    /// Reads a file in which only the `known` settings are allowed.
    pub(super) fn read(path: &Path, known: &[(String, ValueKind)]) -> Result<Self, FileError> {
        let text = fs::read_to_string(path)
            .map_err(|error| FileError::Unreadable { path: path.to_owned(), error })?;
        Self::parse(path, &text, known)
    }

    fn parse(path: &Path, text: &str, known: &[(String, ValueKind)]) -> Result<Self, FileError> {
        let line = |at: usize| text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        let wrong = |at, what| FileError::Wrong { place: place(path, line(at)), what };
        let table = DeTable::parse(text)
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        let mut entries = BTreeMap::new();
        for (name, value) in table.get_ref() {
            let at = name.span().start;
            let values = read(name.get_ref(), value, known).map_err(|what| wrong(at, what))?;
            entries.insert(name.get_ref().to_string(), FileEntry { line: line(at), values });
        }
        Ok(Self { path: path.to_owned(), entries })
    }

    /// The values of a setting, if the file has the setting.
    pub(super) fn values(&self, name: &str) -> Option<&[String]> {
        self.entries.get(name).map(|entry| &*entry.values)
    }

    /// The file and line of a setting.
    pub(super) fn place(&self, name: &str) -> Option<String> {
        self.entries.get(name).map(|entry| place(&self.path, entry.line))
    }

    /// Rephrases an error of the command-line parser for the line of the file that caused the
    /// error.
    pub(super) fn blame(&self, error: &clap::Error) -> FileError {
        let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else {
            return FileError::Wrong { place: self.path.display().to_string(), what: error.to_string() };
        };
        let name = flag.trim_start_matches('-').split(' ').next().unwrap_or_default();
        let place = self.place(name).unwrap_or_else(|| self.path.display().to_string());
        let said = error.to_string();
        let reason = said.split_once(&format!("'{flag}'")).map_or(&*said, |(_, reason)| reason);
        let reason = reason.split("\n\nFor more").next().unwrap_or_default();
        let reason = reason.trim_start_matches(':').split_whitespace().collect::<Vec<_>>().join(" ");
        let value = self.values(name).unwrap_or_default().join(", ");
        FileError::Wrong { place, what: format!("{name} can't be {value:?}: {reason}") }
    }
}

fn place(path: &Path, line: usize) -> String {
    format!("{}, line {line}", path.display())
}

/// Converts one setting to command-line syntax, or describes its fault.
fn read(
    name: &str,
    value: &Spanned<DeValue<'_>>,
    known: &[(String, ValueKind)],
) -> Result<Vec<String>, String> {
    let Some((_, kind)) = known.iter().find(|(known, _)| known == name) else {
        return Err(unknown(name, known));
    };
    let values = match value.get_ref() {
        DeValue::Array(values) if kind.is_list => {
            values.iter().map(|value| kind.read(value.get_ref())).collect()
        }
        value => kind.read(value).map(|value| vec![value]),
    };
    values.ok_or_else(|| format!("{name} must be {}, and is {}", kind.name(), value.get_ref().type_str()))
}

fn unknown(name: &str, known: &[(String, ValueKind)]) -> String {
    let meant = name.replace('_', "-");
    let hint = if known.iter().any(|(known, _)| *known == meant) {
        format!(": write {meant}, as the flag has it")
    } else {
        ": --help lists all, and here each has the name of its flag".to_owned()
    };
    format!("there is no setting {name}{hint}")
}

/// The type of a setting in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ValueKind {
    scalar: Scalar,
    /// Whether an array is allowed.
    pub(super) is_list: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scalar {
    Text,
    Number,
    Switch,
    /// Text that is parsed further, such as a duration with its unit.
    Word,
}

impl ValueKind {
    /// The type for a command-line argument with values of this type.
    pub(super) fn new(id: &impl PartialEq<TypeId>, is_list: bool) -> Self {
        let texts = [TypeId::of::<String>(), TypeId::of::<PathBuf>(), TypeId::of::<OsString>()];
        let numbers = [
            TypeId::of::<u8>(),
            TypeId::of::<u16>(),
            TypeId::of::<u32>(),
            TypeId::of::<u64>(),
            TypeId::of::<usize>(),
            TypeId::of::<i64>(),
        ];
        let scalar = match () {
            () if texts.iter().any(|text| *id == *text) => Scalar::Text,
            () if numbers.iter().any(|number| *id == *number) => Scalar::Number,
            () if *id == TypeId::of::<bool>() => Scalar::Switch,
            () => Scalar::Word,
        };
        Self { scalar, is_list }
    }

    fn name(self) -> String {
        let one = match self.scalar {
            Scalar::Text | Scalar::Word => "a string",
            Scalar::Number => "an integer",
            Scalar::Switch => "true or false",
        };
        if self.is_list { format!("{one} or an array of them") } else { one.to_owned() }
    }

    fn read(self, value: &DeValue<'_>) -> Option<String> {
        match (self.scalar, value) {
            (Scalar::Text | Scalar::Word, DeValue::String(text)) => Some(text.to_string()),
            (Scalar::Number, DeValue::Integer(number)) => {
                Some(i128::from_str_radix(number.as_str(), number.radix()).ok()?.to_string())
            }
            (Scalar::Switch, DeValue::Boolean(on)) => Some(on.to_string()),
            _ => None,
        }
    }

    /// Formats a value as TOML. JSON strings are valid TOML strings.
    pub(super) fn write(self, value: &str) -> String {
        match self.scalar {
            Scalar::Text | Scalar::Word => serde_json::Value::from(value).to_string(),
            Scalar::Number | Scalar::Switch => value.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<File, String> {
        let known = [
            ("listen", ValueKind::new(&TypeId::of::<String>(), false)),
            ("max-connections", ValueKind::new(&TypeId::of::<u32>(), false)),
            ("quiet", ValueKind::new(&TypeId::of::<bool>(), false)),
            ("tag", ValueKind::new(&TypeId::of::<String>(), true)),
        ];
        let known = known.map(|(name, kind)| (name.to_owned(), kind));
        File::parse(Path::new("chat.toml"), text, &known).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_as_on_the_command_line() {
        let file =
            parse("# a comment\nlisten = 'x:1'\nmax-connections = 1_000\nquiet = true\ntag = ['a', 'b']\n")
                .unwrap();
        for (name, values) in [
            ("listen", &["x:1"][..]),
            ("max-connections", &["1000"]),
            ("quiet", &["true"]),
            ("tag", &["a", "b"]),
        ] {
            assert_eq!(file.values(name).unwrap(), values, "{name}");
        }
        assert_eq!(file.place("max-connections").unwrap(), "chat.toml, line 3");
        assert!(file.values("other").is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, said) in [
            (
                "listen = 'x'\nlissten = 'x'",
                "chat.toml, line 2: there is no setting lissten: --help lists all",
            ),
            ("max_connections = 1", "line 1: there is no setting max_connections: write max-connections"),
            ("[server]\nlisten = 'x'", "line 1: there is no setting server"),
            ("listen = 8000", "line 1: listen must be a string, and is integer"),
            ("\nmax-connections = '1'", "line 2: max-connections must be an integer, and is string"),
            ("quiet = 1", "quiet must be true or false, and is integer"),
            ("tag = [1]", "tag must be a string or an array of them, and is array"),
            ("listen = ['x']", "listen must be a string, and is array"),
            ("listen.port = 1", "listen must be a string, and is table"),
            ("listen = 'x'\nlisten = 'y'", "line 2: duplicate key"),
            ("listen = ", "line 1: "),
        ] {
            let error = parse(text).err().unwrap_or_else(|| panic!("{text} is accepted"));
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
