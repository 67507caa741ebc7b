//! Opens a path below a folder without following symbolic links: with one system call if the kernel has it, otherwise
//! folder by folder.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// The flags for opening a folder.
pub(super) const FOLDER_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Returns whether a path consists of at least one name and nothing else: `a/b`, but not `../a`, `./a`, `/a` or the
/// empty path.
pub(super) fn is_below(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Opens the file or folder at `path` below `folder`.
///
/// # Errors
/// ELOOP or ENOTDIR for a symbolic link in the path, EXDEV for a path that leaves the folder.
pub(super) fn open(folder: BorrowedFd, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    if !is_below(path) {
        return Err(Errno::XDEV.into());
    }
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match open_with_one_call(folder, path, flags, mode) {
        // Kernels before 5.6 and other systems do not have `openat2`, and a filter of system calls may refuse it.
        // EAGAIN means that a folder was renamed during the call.
        Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => open_step_by_step(folder, path, flags, mode),
        result => result.map_err(Into::into),
    }
}

/// Opens the path with `openat2`, in which the kernel refuses links and `..`.
#[cfg(target_os = "linux")]
fn open_with_one_call(folder: BorrowedFd, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;
    let resolution = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(folder, path, flags, mode, resolution)
}

#[cfg(not(target_os = "linux"))]
fn open_with_one_call(_: BorrowedFd, _: &Path, _: OFlags, _: Mode) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

/// Opens each folder of the path relative to the previous one.
pub(super) fn open_step_by_step(folder: BorrowedFd, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let mut parent_handle: Option<OwnedFd> = None;
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else { return Err(Errno::XDEV.into()) };
        let parent = parent_handle.as_ref().map_or(folder, AsFd::as_fd);
        if parts.peek().is_none() {
            return Ok(rustix::fs::openat(parent, name, flags | OFlags::NOFOLLOW, mode)?);
        }
        let subfolder = rustix::fs::openat(parent, name, FOLDER_FLAGS | OFlags::NOFOLLOW, Mode::empty())?;
        parent_handle = Some(subfolder);
    }
    Err(Errno::NOENT.into())
}
