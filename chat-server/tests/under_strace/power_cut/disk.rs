//! A model of a disk behind the cache of an operating system: durable changes, and changes only
//! written.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::power_cut::image::Image;
use crate::power_cut::random::Random;
use crate::power_cut::trace::Call;

/// Bytes that a good disk writes as a whole or not at all.
const SECTOR: usize = 512;

/// A file or a directory, whatever its names are.
type Node = usize;

/// The durable part of a file or a directory.
#[derive(Clone, Debug)]
enum Durable {
    File(Vec<u8>),
    Directory(BTreeMap<PathBuf, Node>),
}

/// A change that is written, but not synced.
#[derive(Clone, Debug)]
struct Pending {
    call: usize,
    returned: bool,
    /// The changed file or directory.
    node: Node,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    Bytes(usize, Vec<u8>),
    Length(usize),
    Link(PathBuf, Node),
    Unlink(PathBuf),
    /// Both names at once: that much a file system promises.
    Rename(PathBuf, PathBuf, Node),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(offset, bytes) => write!(f, "{} bytes at {offset}", bytes.len()),
            Self::Length(length) => write!(f, "the length {length}"),
            Self::Link(name, _) => write!(f, "the new {}", name.display()),
            Self::Unlink(name) => write!(f, "without {}", name.display()),
            Self::Rename(from, to, _) => write!(f, "{} for {}", to.display(), from.display()),
        }
    }
}

/// How much of a pending change is kept.
#[derive(Clone, Debug)]
enum Kept {
    Whole,
    Nothing,
    /// This many of its bytes, from the front.
    Front(usize),
    /// Some sectors of the write, with or without its effect on the file's length.
    Sectors(Vec<bool>, bool),
}

/// The fate of all unsynced changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fate {
    /// It is gone.
    Dropped,
    /// All changes up to one are kept, and this one is torn.
    Torn,
    /// Any of them are kept: any changes of any files, and any sectors of each write.
    Scattered,
    /// All of it is kept.
    Kept,
}

/// The disk, with all that is not yet durable.
pub(crate) struct Disk {
    root: PathBuf,
    nodes: Vec<Durable>,
    /// In the order of their beginning.
    pending: Vec<Pending>,
    /// The names as a running process sees them.
    names: BTreeMap<PathBuf, Node>,
    /// Of each sync under way, which changes had returned when it began.
    covered: BTreeMap<usize, Vec<usize>>,
}

impl Disk {
    /// A disk with the content below `root`, all of it durable.
    pub(crate) fn new(root: &Path, content: &Image) -> Self {
        let mut disk = Self {
            root: root.to_owned(),
            nodes: vec![Durable::Directory(BTreeMap::new())],
            pending: Vec::new(),
            names: BTreeMap::from([(root.to_owned(), 0)]),
            covered: BTreeMap::new(),
        };
        for (path, content) in content {
            let path = root.join(path);
            let durable = content.clone().map_or(Durable::Directory(BTreeMap::new()), Durable::File);
            let (node, holder) = (disk.add(&path, durable), disk.holder(&path));
            let Durable::Directory(entries) = &mut disk.nodes[holder] else {
                panic!("{} is in no directory", path.display())
            };
            entries.insert(name(&path), node);
        }
        disk
    }

    /// A call begins: its changes may now become durable.
    pub(crate) fn begin(&mut self, number: usize, call: &Call) {
        match call {
            Call::Create { path, truncate } => match self.names.get(path) {
                None => self.link(number, path, Durable::File(Vec::new())),
                Some(node) if *truncate => self.push(number, *node, Change::Length(0)),
                Some(_) => (),
            },
            Call::MakeDirectory { path } => self.link(number, path, Durable::Directory(BTreeMap::new())),
            Call::Write { path, offset, bytes } => {
                self.push(number, self.node(path), Change::Bytes(*offset, bytes.clone()));
            }
            Call::SetLength { path, length } => self.push(number, self.node(path), Change::Length(*length)),
            Call::Rename { from, to } => self.rename(number, from, to),
            Call::Remove { path } => {
                self.names.remove(path).expect("what is removed is there");
                self.push(number, self.holder(path), Change::Unlink(name(path)));
            }
            Call::Sync { path } => {
                let node = self.node(path);
                let covered = self.pending.iter().filter(|pending| pending.returned && pending.node == node);
                let covered = covered.map(|pending| pending.call).collect();
                self.covered.insert(number, covered);
            }
        }
    }

    /// Notes the return of a call: its sync becomes durable, and the next sync covers its change.
    pub(crate) fn end(&mut self, number: usize) {
        for pending in self.pending.iter_mut().filter(|pending| pending.call == number) {
            pending.returned = true;
        }
        let Some(covered) = self.covered.remove(&number) else { return };
        let pending = std::mem::take(&mut self.pending);
        for pending in pending {
            if covered.contains(&pending.call) {
                make(&mut self.nodes[pending.node], &pending.change, &Kept::Whole);
            } else {
                self.pending.push(pending);
            }
        }
    }

    /// Whether a change of a file with this path, or below it, is not durable yet.
    ///
    /// A removed file does not count: the file is unchanged or gone.
    pub(crate) fn is_pending(&self, path: &Path) -> bool {
        let holder = self.names.get(path.parent().expect("it is below the root"));
        let is_below =
            |node: Node| self.names.iter().any(|(name, named)| *named == node && name.starts_with(path));
        self.pending.iter().any(|pending| {
            let names = match &pending.change {
                Change::Unlink(_) => return false,
                Change::Link(name, _) => vec![name],
                Change::Rename(from, to, _) => vec![from, to],
                Change::Bytes(..) | Change::Length(_) => vec![],
            };
            let is_name = Some(&pending.node) == holder && names.contains(&&name(path));
            is_name || is_below(pending.node)
        })
    }

    /// Whether all is durable.
    pub(crate) fn is_synced(&self) -> bool {
        self.pending.is_empty()
    }

    /// All changes that are not durable, for the report of a failure.
    pub(crate) fn describe_pending(&self) -> Vec<String> {
        let describe = |pending: &Pending| {
            let named = self.names.iter().find(|(_, node)| **node == pending.node);
            let path = named.map_or(Path::new("what was removed"), |(path, _)| path);
            format!("{}: {}", path.strip_prefix(&self.root).unwrap_or(path).display(), pending.change)
        };
        self.pending.iter().map(describe).collect()
    }

    /// The content of the disk after a power cut at this moment.
    pub(crate) fn image(&self, fate: Fate, random: &mut Random) -> Image {
        let mut nodes = self.nodes.clone();
        for (pending, kept) in self.pending.iter().zip(self.kept(fate, random)) {
            make(&mut nodes[pending.node], &pending.change, &kept);
        }
        let mut image = Image::new();
        collect(&nodes, 0, Path::new(""), &mut image);
        image
    }

    fn kept(&self, fate: Fate, random: &mut Random) -> Vec<Kept> {
        let last = random.below(self.pending.len() + 1);
        // Nothing of some files is kept, and all of others: journal and index may be far apart.
        let odds: Vec<_> = self.nodes.iter().map(|_| random.one_of(&[0, 25, 50, 90, 100])).collect();
        let pending = self.pending.iter().enumerate();
        let kept = pending.map(|(index, pending)| match (fate, &pending.change) {
            (Fate::Kept, Change::Bytes(_, bytes)) if !pending.returned => {
                Kept::Front(random.below(bytes.len()))
            }
            (Fate::Kept, _) => Kept::Whole,
            (Fate::Torn, _) if index < last => Kept::Whole,
            (Fate::Torn, Change::Bytes(offset, bytes)) if index == last => torn(*offset, bytes.len(), random),
            (Fate::Scattered, Change::Bytes(offset, bytes)) => {
                let kept = scattered(sectors(*offset, bytes.len()).count(), odds[pending.node], random);
                Kept::Sectors(kept, random.percent(50))
            }
            (Fate::Scattered, _) if random.percent(odds[pending.node]) => Kept::Whole,
            (Fate::Dropped | Fate::Torn | Fate::Scattered, _) => Kept::Nothing,
        });
        kept.collect()
    }

    fn add(&mut self, path: &Path, durable: Durable) -> Node {
        self.nodes.push(durable);
        self.names.insert(path.to_owned(), self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    fn link(&mut self, call: usize, path: &Path, durable: Durable) {
        let node = self.add(path, durable);
        self.push(call, self.holder(path), Change::Link(name(path), node));
    }

    fn rename(&mut self, call: usize, from: &Path, to: &Path) {
        assert_eq!(from.parent(), to.parent(), "the model renames within a directory only");
        let node = self.node(from);
        let below: Vec<_> = self.names.keys().filter(|path| path.starts_with(from)).cloned().collect();
        for path in below {
            let node = self.names.remove(&path).expect("it was listed");
            let rest = path.strip_prefix(from).expect("it is below");
            let renamed = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            self.names.insert(renamed, node);
        }
        self.push(call, self.holder(from), Change::Rename(name(from), name(to), node));
    }

    fn push(&mut self, call: usize, node: Node, change: Change) {
        self.pending.push(Pending { call, returned: false, node, change });
    }

    fn holder(&self, path: &Path) -> Node {
        assert!(path.starts_with(&self.root));
        self.node(path.parent().expect("it is below the root"))
    }

    fn node(&self, path: &Path) -> Node {
        *self.names.get(path).unwrap_or_else(|| panic!("the model has no {}", path.display()))
    }
}

fn name(path: &Path) -> PathBuf {
    path.file_name().expect("it is below the root").into()
}

/// Makes the kept part of a change durable.
fn make(durable: &mut Durable, change: &Change, kept: &Kept) {
    match (durable, change) {
        (Durable::File(content), Change::Bytes(offset, bytes)) => write(content, *offset, bytes, kept),
        (_, _) if matches!(kept, Kept::Nothing) => (),
        (Durable::File(content), Change::Length(length)) => content.resize(*length, 0),
        (Durable::Directory(entries), Change::Link(name, node)) => drop(entries.insert(name.clone(), *node)),
        (Durable::Directory(entries), Change::Unlink(name)) => drop(entries.remove(name)),
        (Durable::Directory(entries), Change::Rename(from, to, node)) => {
            entries.remove(from);
            entries.insert(to.clone(), *node);
        }
        (durable, change) => panic!("no {change:?} of {durable:?}"),
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8], kept: &Kept) {
    let mut put = |from: usize, to: usize| {
        content.resize(content.len().max(offset + to), 0);
        content[offset + from..offset + to].copy_from_slice(&bytes[from..to]);
    };
    match kept {
        Kept::Nothing | Kept::Front(0) => (),
        Kept::Whole => put(0, bytes.len()),
        Kept::Front(length) => put(0, *length),
        Kept::Sectors(kept, length) => {
            let all = sectors(offset, bytes.len()).zip(kept);
            all.filter(|(_, kept)| **kept).for_each(|((from, to), _)| put(from, to));
            if *length {
                content.resize(content.len().max(offset + bytes.len()), 0);
            }
        }
    }
}

/// A write torn between two sectors of the file, or anywhere.
fn torn(offset: usize, length: usize, random: &mut Random) -> Kept {
    let ends: Vec<_> = sectors(offset, length).map(|(_, to)| to).collect();
    if random.percent(50) {
        Kept::Front(ends[random.below(ends.len())])
    } else {
        Kept::Front(random.below(length))
    }
}

/// Chooses the kept sectors: each by these odds, or all but one, a hole that is easily overlooked.
fn scattered(sectors: usize, odds: usize, random: &mut Random) -> Vec<bool> {
    if random.percent(30) {
        let hole = random.below(sectors);
        (0..sectors).map(|sector| sector != hole).collect()
    } else {
        (0..sectors).map(|_| random.percent(odds)).collect()
    }
}

/// The sectors of a file that a write at this offset touches, as parts of the write.
fn sectors(offset: usize, length: usize) -> impl Iterator<Item = (usize, usize)> {
    let first = SECTOR - offset % SECTOR;
    let ends = (first..).step_by(SECTOR).take_while(move |end| *end < length).chain([length]);
    let mut start = 0;
    ends.map(move |end| (std::mem::replace(&mut start, end), end))
}

fn collect(nodes: &[Durable], node: Node, path: &Path, image: &mut Image) {
    let Durable::Directory(entries) = &nodes[node] else { panic!("no directory") };
    for (name, node) in entries {
        let path = path.join(name);
        match &nodes[*node] {
            Durable::File(content) => drop(image.insert(path, Some(content.clone()))),
            Durable::Directory(_) => {
                image.insert(path.clone(), None);
                collect(nodes, *node, &path, image);
            }
        }
    }
}
