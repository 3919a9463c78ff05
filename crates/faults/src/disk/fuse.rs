//! The disk as the kernel asks it (FUSE).

use std::ffi::OsStr;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, KernelConfig,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry,
    ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::Shared;
use super::files::{Content, Node};

/// The kernel asks each time: what stands here may be another file after a power failure.
const NEVER: Duration = Duration::ZERO;
const BLOCK: u64 = 4_096;

/// What answers the kernel.
pub struct Answers(pub Arc<Mutex<Shared>>);

impl Answers {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn attributes(shared: &Shared, number: u64) -> Result<FileAttr, Errno> {
    let (node, perm) = shared.files.get(number).ok_or(Errno::ENOENT)?;
    let (kind, size) = match node {
        Node::File(content) => (FileType::RegularFile, content.now.len() as u64),
        Node::Folder(..) => (FileType::Directory, BLOCK),
    };
    Ok(FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4_096,
        flags: 0,
    })
}

impl Shared {
    fn make(&mut self, folder: u64, name: &OsStr, node: Node, mode: u32) -> Result<FileAttr, Errno> {
        self.room(BLOCK)?;
        let mode = (mode & 0o777) as u16;
        let number = self.files.add(folder, name, node, mode).ok_or(Errno::ENOENT)?;
        attributes(self, number)
    }

    /// Whether a file may have this length.
    fn grow(&mut self, number: u64, length: usize) -> Result<(), Errno> {
        let now = self.files.content(number).ok_or(Errno::ENOENT)?.now.len() as u64;
        let length = length as u64;
        self.room(length.next_multiple_of(BLOCK).saturating_sub(now.next_multiple_of(BLOCK)))
    }

    fn room(&self, more: u64) -> Result<(), Errno> {
        let fits = more == 0 || self.plan.capacity.is_none_or(|capacity| self.files.used() + more <= capacity);
        if fits { Ok(()) } else { Err(Errno::ENOSPC) }
    }

    fn write(&mut self, number: u64, at: u64, bytes: &[u8]) -> Result<u32, Errno> {
        let at = usize::try_from(at).map_err(|_| Errno::EINVAL)?;
        self.grow(number, at + bytes.len())?;
        self.files.write(number, at, bytes).ok_or(Errno::ENOENT)?;
        u32::try_from(bytes.len()).map_err(|_| Errno::EINVAL)
    }

    fn resize(&mut self, number: u64, length: u64) -> Result<(), Errno> {
        let length = usize::try_from(length).map_err(|_| Errno::EINVAL)?;
        self.grow(number, length)?;
        self.files.resize(number, length).ok_or(Errno::ENOENT)
    }

    fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr)) -> Result<(), Errno> {
        let number = self.files.remove(from.0, from.1).ok_or(Errno::ENOENT)?;
        self.files.names(to.0).ok_or(Errno::ENOENT)?.insert(to.1.to_owned(), number);
        Ok(())
    }
}

fn end(reply: ReplyEmpty, done: Result<(), Errno>) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn entry(reply: ReplyEntry, found: Result<FileAttr, Errno>) {
    match found {
        Ok(attributes) => reply.entry(&NEVER, &attributes, Generation(0)),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for Answers {
    fn init(&mut self, _: &Request, _: &mut KernelConfig) -> io::Result<()> {
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let shared = self.shared();
        let found = shared.files.find(parent.0, name).ok_or(Errno::ENOENT);
        entry(reply, found.and_then(|number| attributes(&shared, number)));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match attributes(&self.shared(), ino.0) {
            Ok(attributes) => reply.attr(&NEVER, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut shared = self.shared();
        if let Some(mode) = mode {
            shared.files.set_mode(ino.0, (mode & 0o777) as u16);
        }
        let resized = size.map_or(Ok(()), |size| shared.resize(ino.0, size));
        match resized.and_then(|()| attributes(&shared, ino.0)) {
            Ok(attributes) => reply.attr(&NEVER, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, _umask: u32, reply: ReplyEntry) {
        let folder = Node::Folder(Default::default(), Default::default());
        entry(reply, self.shared().make(parent.0, name, folder, mode));
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let mut shared = self.shared();
        match shared.make(parent.0, name, Node::File(Content::default()), mode) {
            Ok(attributes) => {
                let handle = FileHandle(shared.new_handle());
                reply.created(&NEVER, &attributes, Generation(0), handle, FopenFlags::empty());
            }
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(self.shared().new_handle()), FopenFlags::empty());
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        end(reply, self.shared().files.remove(parent.0, name).map(drop).ok_or(Errno::ENOENT));
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.unlink(request, parent, name, reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        end(reply, self.shared().rename((parent.0, name), (newparent.0, newname)));
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut shared = self.shared();
        let Some(content) = shared.files.content(ino.0) else { return reply.error(Errno::ENOENT) };
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(content.now.len());
        let to = from.saturating_add(size as usize).min(content.now.len());
        reply.data(content.now.get(from..to).unwrap_or_default());
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.shared().write(ino.0, offset, data) {
            Ok(count) => reply.written(count),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, fh: FileHandle, _: bool, reply: ReplyEmpty) {
        let delay = self.shared().next_delay();
        let shared = Arc::clone(&self.0);
        let sync = move || {
            std::thread::sleep(delay);
            let done = shared.lock().unwrap_or_else(PoisonError::into_inner).sync(ino.0, fh.0);
            end(reply, if done { Ok(()) } else { Err(Errno::EIO) });
        };
        if delay.is_zero() {
            sync();
        } else {
            // Other requests are answered meanwhile.
            drop(std::thread::spawn(sync));
        }
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.shared().sync_folder(ino.0);
        reply.ok();
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        if mode != 0 {
            return reply.error(Errno::EOPNOTSUPP);
        }
        let mut shared = self.shared();
        let now = shared.files.content(ino.0).map_or(0, |content| content.now.len() as u64);
        end(reply, shared.resize(ino.0, now.max(offset + length)));
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let mut shared = self.shared();
        let Some(names) = shared.files.names(ino.0).map(|names| names.clone()) else {
            return reply.error(Errno::ENOENT);
        };
        let own = [(".".into(), ino.0), ("..".into(), ino.0)];
        let all = own.into_iter().chain(names).zip(1_u64..).skip(usize::try_from(offset).unwrap_or(usize::MAX));
        for ((name, number), next) in all {
            let is_file = matches!(shared.files.get(number), Some((Node::File(_), _)));
            let kind = if is_file { FileType::RegularFile } else { FileType::Directory };
            if reply.add(INodeNo(number), next, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let shared = self.shared();
        let total = shared.plan.capacity.unwrap_or(64 << 30) / BLOCK;
        let free = total.saturating_sub(shared.files.used() / BLOCK);
        reply.statfs(total, free, free, 1 << 20, 1 << 20, 4_096, 255, 4_096);
    }
}
