//! What a disk holds: each file as programs see it, as it is on the platter, and what is on its way between the two.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// The folder everything is in.
pub const ROOT: u64 = 1;
/// What a disk writes as a whole, in bytes.
const SECTOR: usize = 512;
/// What room is counted in, in bytes.
const BLOCK: u64 = 4_096;

/// What a power failure leaves of what was not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    All,
    /// Some writes and not others, in no order, and half of the last one; by this number.
    Torn(u64),
}

/// A change of a file that was not flushed yet.
#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Change::Length(length) => to.resize(*length, 0),
            Change::Write { at, bytes } => {
                let end = at + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                if let Some(place) = to.get_mut(*at..end) {
                    place.copy_from_slice(bytes);
                }
            }
        }
    }

    /// The part of it that was written when the power went.
    fn torn(self) -> Change {
        match self {
            Change::Write { at, mut bytes } => {
                bytes.truncate((bytes.len() / 2).next_multiple_of(SECTOR));
                Change::Write { at, bytes }
            }
            length @ Change::Length(_) => length,
        }
    }
}

/// A file or a folder.
#[derive(Debug, Clone)]
pub enum Node {
    /// A file.
    File(Content),
    /// A folder: its names now, and those that a power failure leaves.
    Folder(Names, Names),
}

type Names = BTreeMap<OsString, u64>;

/// What is in a file.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// As programs see it.
    pub now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

impl Content {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.pending.push(change);
    }
}

/// All files, by number.
#[derive(Debug)]
pub struct Files {
    nodes: BTreeMap<u64, (Node, u16)>,
    next: u64,
}

impl Default for Files {
    fn default() -> Files {
        let root = Node::Folder(Names::new(), Names::new());
        Files { nodes: BTreeMap::from([(ROOT, (root, 0o700))]), next: ROOT + 1 }
    }
}

impl Files {
    /// A file or folder and its permissions.
    pub fn get(&self, number: u64) -> Option<(&Node, u16)> {
        self.nodes.get(&number).map(|(node, mode)| (node, *mode))
    }

    /// Sets permissions.
    pub fn set_mode(&mut self, number: u64, mode: u16) {
        if let Some((_, old)) = self.nodes.get_mut(&number) {
            *old = mode;
        }
    }

    /// What is in a file.
    pub fn content(&mut self, number: u64) -> Option<&mut Content> {
        match self.nodes.get_mut(&number) {
            Some((Node::File(content), _)) => Some(content),
            _ => None,
        }
    }

    /// The names in a folder.
    pub fn names(&mut self, folder: u64) -> Option<&mut Names> {
        match self.nodes.get_mut(&folder) {
            Some((Node::Folder(names, _), _)) => Some(names),
            _ => None,
        }
    }

    /// What a name in a folder stands for.
    pub fn find(&self, folder: u64, name: &OsStr) -> Option<u64> {
        match self.nodes.get(&folder) {
            Some((Node::Folder(names, _), _)) => names.get(name).copied(),
            _ => None,
        }
    }

    /// Adds a file or a folder.
    pub fn add(&mut self, folder: u64, name: &OsStr, node: Node, mode: u16) -> Option<u64> {
        let number = self.next;
        self.names(folder)?.insert(name.to_owned(), number);
        self.next += 1;
        self.nodes.insert(number, (node, mode));
        Some(number)
    }

    /// Writes.
    pub fn write(&mut self, number: u64, at: usize, bytes: &[u8]) -> Option<()> {
        self.content(number)?.change(Change::Write { at, bytes: bytes.to_owned() });
        Some(())
    }

    /// Makes a file longer or shorter.
    pub fn resize(&mut self, number: u64, length: usize) -> Option<()> {
        let content = self.content(number)?;
        if content.now.len() != length {
            content.change(Change::Length(length));
        }
        Some(())
    }

    /// Makes durable what was changed in a file or folder.
    pub fn flush(&mut self, number: u64) {
        match self.nodes.get_mut(&number) {
            Some((Node::File(content), _)) => {
                for change in std::mem::take(&mut content.pending) {
                    change.apply(&mut content.durable);
                }
            }
            Some((Node::Folder(names, durable), _)) => durable.clone_from(names),
            None => {}
        }
    }

    /// Forgets what was to be flushed, as a kernel does whose flush failed: programs still see it, the platter never will.
    pub fn forget(&mut self, number: u64) {
        if let Some(content) = self.content(number) {
            content.pending.clear();
        }
    }

    /// Makes everything durable.
    pub fn flush_all(&mut self) {
        let numbers: Vec<u64> = self.nodes.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.flush(number));
    }

    /// Loses what was not flushed, and tells how many writes of files that were not.
    pub fn lose(&mut self, loss: Loss) -> usize {
        let mut lost = 0;
        for (node, _) in self.nodes.values_mut() {
            match node {
                Node::Folder(names, durable) => names.clone_from(durable),
                Node::File(content) => {
                    lost += content.pending.len();
                    let pending = std::mem::take(&mut content.pending);
                    if let Loss::Torn(chance) = loss {
                        keep_some(pending, chance).iter().for_each(|change| change.apply(&mut content.durable));
                    }
                    content.now.clone_from(&content.durable);
                }
            }
        }
        lost
    }

    /// Bytes in use, in whole blocks.
    pub fn used(&self) -> u64 {
        let named = self.nodes.values().flat_map(|(node, _)| match node {
            Node::Folder(names, _) => names.values().copied().collect(),
            Node::File(_) => Vec::new(),
        });
        let lengths = named.map(|number| match self.nodes.get(&number) {
            Some((Node::File(content), _)) => content.now.len() as u64,
            _ => BLOCK,
        });
        lengths.map(|length| length.next_multiple_of(BLOCK)).sum()
    }

    /// Takes a name away, and with it the file.
    pub fn remove(&mut self, folder: u64, name: &OsStr) -> Option<u64> {
        self.names(folder)?.remove(name)
    }
}

/// Some of these, and of the last one half.
fn keep_some(mut pending: Vec<Change>, chance: u64) -> Vec<Change> {
    let last = pending.pop().map(Change::torn);
    let mut word = chance | 1;
    pending.retain(|_| {
        // Xorshift: any numbers will do, as long as the same seed gives the same ones.
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.is_multiple_of(2)
    });
    pending.into_iter().chain(last).collect()
}
