//! A process's operations on the files below a directory, read from a trace of its system calls.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Something that happened, in the order of the trace.
#[derive(Debug)]
pub(crate) enum Step {
    /// A call began: from now on its effect may be on the disk.
    Began(usize),
    /// A call returned: a sync that begins from now on covers its change, and its own sync is
    /// durable.
    Returned(usize),
    /// The process has noted this number of acknowledged batches, up to this position.
    Acknowledged { batches: usize, position: u64 },
}

/// A successful call, as far as it matters to a disk.
#[derive(Debug)]
pub(crate) enum Call {
    /// A file was opened, and created if it did not exist.
    Create { path: PathBuf, truncate: bool },
    /// A directory was made.
    MakeDirectory { path: PathBuf },
    /// Bytes were written.
    Write { path: PathBuf, offset: usize, bytes: Vec<u8> },
    /// The length of a file was set.
    SetLength { path: PathBuf, length: usize },
    /// A file or directory got another name.
    Rename { from: PathBuf, to: PathBuf },
    /// A name was removed.
    Remove { path: PathBuf },
    /// A file or a directory was synced.
    Sync { path: PathBuf },
}

impl Step {
    /// Batches and position, if something was acknowledged.
    pub(crate) fn acknowledged(&self) -> Option<(usize, u64)> {
        match self {
            Self::Acknowledged { batches, position } => Some((*batches, *position)),
            Self::Began(_) | Self::Returned(_) => None,
        }
    }
}

impl Call {
    /// Whether the call writes to a file below this directory, and not only zeros in advance.
    pub(crate) fn writes_below(&self, directory: &Path) -> bool {
        matches!(self, Self::Write { path, bytes, .. }
            if path.starts_with(directory) && bytes.iter().any(|byte| *byte != 0))
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { path, truncate: false } => write!(f, "creating {}", path.display()),
            Self::Create { path, truncate: true } => write!(f, "creating or emptying {}", path.display()),
            Self::MakeDirectory { path } => write!(f, "making the directory {}", path.display()),
            Self::Write { path, offset, bytes } => {
                write!(f, "writing {} bytes at {offset} of {}", bytes.len(), path.display())
            }
            Self::SetLength { path, length } => write!(f, "cutting {} to {length} bytes", path.display()),
            Self::Rename { from, to } => write!(f, "renaming {} to {}", from.display(), to.display()),
            Self::Remove { path } => write!(f, "removing {}", path.display()),
            Self::Sync { path } => write!(f, "syncing {}", path.display()),
        }
    }
}

/// A recorded trace.
pub(crate) struct Trace {
    /// The begin and the end of each call, in order.
    pub(crate) steps: Vec<Step>,
    /// The calls that the steps name.
    pub(crate) calls: Vec<Call>,
}

/// Calls without an effect that survives a power cut. `sync_file_range` is one: it waits for the
/// disk's cache at most, and does not sync the metadata. `fcntl` only asks for flags here.
const WITHOUT_EFFECT: [&str; 23] = [
    "access",
    "chdir",
    "chmod",
    "close",
    "execve",
    "fadvise64",
    "fchmodat",
    "fcntl",
    "flock",
    "fstat",
    "getcwd",
    "getdents64",
    "ioctl",
    "lseek",
    "newfstatat",
    "pread64",
    "read",
    "readlink",
    "stat",
    "statfs",
    "statx",
    "sync_file_range",
    "poll",
];

impl Trace {
    /// Reads a trace of `strace -f -y -xx`, with the calls on anything below `root`, and with the
    /// appends to the file `acknowledged`.
    ///
    /// An unknown call on these files is a panic: the model of the disk would miss it.
    pub(crate) fn read(text: &str, root: &Path, acknowledged: &Path) -> Self {
        let mut trace = Self { steps: Vec::new(), calls: Vec::new() };
        let mut positions = HashMap::new();
        let mut under_way = HashMap::new();
        for (began, call) in whole_calls(text) {
            match call {
                Line::Returned(thread) => {
                    trace.steps.extend(under_way.remove(thread).map(Step::Returned));
                }
                Line::Began(thread, text) => {
                    let line = began + 1;
                    let Some(raw) = Raw::parse(&text) else { continue };
                    if let Some(step) = raw.acknowledged(acknowledged) {
                        trace.steps.push(step);
                    }
                    if !raw.touches(root) || raw.result.is_some_and(|result| result < 0) {
                        continue;
                    }
                    if let Some(call) = raw.call(&mut positions, line) {
                        trace.steps.push(Step::Began(trace.calls.len()));
                        under_way.insert(thread, trace.calls.len());
                        trace.calls.push(call);
                    }
                }
            }
        }
        trace
    }
}

/// The beginning of a call, with everything known at its end, or its return.
enum Line<'a> {
    Began(&'a str, String),
    Returned(&'a str),
}

/// Joins the two lines of each call that another thread interrupted, at the place of the first.
fn whole_calls(text: &str) -> Vec<(usize, Line<'_>)> {
    let mut lines = Vec::<(usize, Line<'_>)>::new();
    let mut unfinished = HashMap::<&str, usize>::new();
    for (number, line) in text.lines().enumerate() {
        let (thread, content) = line.split_once(' ').expect("a line begins with the thread");
        let content = content.trim_start();
        if let Some(resumed) = content.strip_prefix("<... ") {
            let (_, rest) = resumed.split_once(" resumed>").expect("a call is resumed");
            let began = unfinished.remove(thread).expect("a call that is resumed has begun");
            let Line::Began(_, text) = &mut lines[began].1 else { unreachable!("only beginnings are kept") };
            text.push_str(rest);
            lines.push((number, Line::Returned(thread)));
        } else if let Some(content) = content.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, lines.len());
            lines.push((number, Line::Began(thread, content.to_owned())));
        } else {
            lines.push((number, Line::Began(thread, content.to_owned())));
            lines.push((number, Line::Returned(thread)));
        }
    }
    lines
}

/// A call in the words of the trace.
struct Raw<'a> {
    name: &'a str,
    arguments: Vec<&'a str>,
    /// `None` if the process ended before the call did.
    result: Option<i64>,
    /// The same in the words of the trace.
    returned: &'a str,
}

impl<'a> Raw<'a> {
    /// `None` for a line that is no call: a signal, an exit.
    fn parse(text: &'a str) -> Option<Self> {
        let (name, rest) = text.split_once('(').filter(|(name, _)| !name.contains(' '))?;
        let (arguments, returned) = rest.rsplit_once(" = ").unwrap_or((rest, "?"));
        let arguments = arguments.trim_end().trim_end_matches(')').split(", ").collect();
        let returned = returned.split([' ', '<']).next()?;
        Some(Self { name, arguments, result: returned.parse().ok(), returned })
    }

    /// The acknowledgement written by this call, if any.
    fn acknowledged(&self, file: &Path) -> Option<Step> {
        if self.name != "write" || described(self.arguments[0])? != file {
            return None;
        }
        let text = String::from_utf8(unquoted(self.arguments[1])?).expect("an acknowledgement is text");
        let (batches, position) = text.trim_end().split_once(' ').expect("two numbers");
        Some(Step::Acknowledged { batches: batches.parse().unwrap(), position: position.parse().unwrap() })
    }

    fn touches(&self, root: &Path) -> bool {
        let described = self.arguments.iter().filter_map(|argument| described(argument));
        let mut paths = described.chain(self.paths());
        paths.any(|path| path.starts_with(root))
    }

    /// The paths named by strings in the call, whole: each is absolute, or stands behind its
    /// directory.
    fn paths(&self) -> Vec<PathBuf> {
        if matches!(self.name, "write" | "pwrite64" | "read" | "pread64") {
            return Vec::new();
        }
        let mut directory = PathBuf::new();
        let mut paths = Vec::new();
        for argument in &self.arguments {
            if let Some(described) = described(argument) {
                directory = described;
            } else if let Some(name) = unquoted(argument) {
                paths.push(directory.join(OsString::from_vec(name)));
            }
        }
        paths
    }

    fn call(&self, positions: &mut HashMap<String, usize>, line: usize) -> Option<Call> {
        let number = |index: usize| -> usize { self.arguments[index].parse().expect("a number") };
        let file = || described(self.arguments[0]).expect("a file");
        let descriptor = self.arguments[0].split('<').next().expect("a split has a first part");
        let path = || self.paths().into_iter().next().expect("a path");
        let result = self.result.map(|result| usize::try_from(result).expect("it did not fail"));
        Some(match self.name {
            "open" | "openat" => {
                positions.insert(self.returned.to_owned(), 0);
                let flags = self.arguments.iter().find(|argument| argument.starts_with("O_")).expect("flags");
                assert!(!flags.contains("O_APPEND") && !flags.contains("O_TMPFILE"), "line {line}: {flags}");
                let truncate = flags.contains("O_TRUNC");
                if !truncate && !flags.contains("O_CREAT") {
                    return None;
                }
                Call::Create { path: path(), truncate }
            }
            "mkdir" | "mkdirat" => Call::MakeDirectory { path: path() },
            "pwrite64" => Call::Write { path: file(), offset: number(3), bytes: self.written() },
            "write" => {
                let position = positions.get_mut(descriptor).expect("an open file has a position");
                let offset = std::mem::replace(position, *position + result.unwrap_or_default());
                Call::Write { path: file(), offset, bytes: self.written() }
            }
            "ftruncate" => Call::SetLength { path: file(), length: number(1) },
            "rename" | "renameat" | "renameat2" => {
                let [from, to] = self.paths().try_into().expect("two paths");
                Call::Rename { from, to }
            }
            "unlink" | "unlinkat" | "rmdir" => Call::Remove { path: path() },
            "fsync" | "fdatasync" => Call::Sync { path: file() },
            "lseek" => {
                positions.insert(descriptor.to_owned(), result.unwrap_or_default());
                return None;
            }
            "read" => {
                *positions.get_mut(descriptor).expect("an open file has a position") +=
                    result.unwrap_or_default();
                return None;
            }
            name if WITHOUT_EFFECT.contains(&name) => return None,
            name => panic!("line {line} of the trace: the model of the disk knows no call {name}"),
        })
    }

    fn written(&self) -> Vec<u8> {
        let bytes = unquoted(self.arguments[1]).expect("what is written is shown");
        let whole = self.arguments[2].parse() == Ok(bytes.len());
        let done = self.result.is_none_or(|result| usize::try_from(result) == Ok(bytes.len()));
        assert!(whole && done, "{} bytes were shown of {:?}", bytes.len(), self.arguments[2..].join(", "));
        bytes
    }
}

/// The path of an open file, which stands behind its number.
fn described(argument: &str) -> Option<PathBuf> {
    let (_, path) = argument.split_once('<')?;
    let path = unescaped(path.strip_suffix('>')?)?;
    path.starts_with(b"/").then(|| PathBuf::from(OsString::from_vec(path)))
}

fn unquoted(argument: &str) -> Option<Vec<u8>> {
    unescaped(argument.strip_prefix('"')?.strip_suffix('"')?)
}

/// Bytes of `\x61\x62`.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes().chunks(4).map(|escape| match escape {
        [b'\\', b'x', digits @ ..] => u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok(),
        _ => None,
    });
    bytes.collect()
}
