//! Opening a path below a folder without following a link: by one system call where the kernel has it, else step by step.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// A folder that is opened to be read or to open what is in it.
pub(super) const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Tells whether a path has nothing but names: no `..`, no root, and at least one name.
pub(super) fn is_below(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Opens what is at `path` below `folder`.
///
/// # Errors
/// ELOOP or ENOTDIR for a link on the way or at the end, EXDEV for a path that leaves the folder.
pub(super) fn open(folder: BorrowedFd, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    if !is_below(path) {
        return Err(Errno::XDEV.into());
    }
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match at_once(folder, path, flags, mode) {
        // Kernels before 5.6 and other systems have no such call, and filters of system calls may refuse it. EAGAIN
        // says that something was renamed meanwhile.
        Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => step_by_step(folder, path, flags, mode),
        opened => opened.map_err(Into::into),
    }
}

#[cfg(target_os = "linux")]
fn at_once(folder: BorrowedFd, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(folder, path, flags, mode, within)
}

#[cfg(not(target_os = "linux"))]
fn at_once(_: BorrowedFd, _: &Path, _: OFlags, _: Mode) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

/// Opens each folder on the way relative to the one before.
pub(super) fn step_by_step(folder: BorrowedFd, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let mut above: Option<OwnedFd> = None;
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else { return Err(Errno::XDEV.into()) };
        let at = above.as_ref().map_or(folder, AsFd::as_fd);
        let opened = if parts.peek().is_some() {
            rustix::fs::openat(at, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?
        } else {
            return Ok(rustix::fs::openat(at, name, flags | OFlags::NOFOLLOW, mode)?);
        };
        above = Some(opened);
    }
    Err(Errno::NOENT.into())
}
