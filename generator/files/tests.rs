use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::Mode;

use super::descent::{self, FOLDER_FLAGS};
use super::folder::READ_FLAGS;
use super::*;
use crate::diagnostic::{Code, Diagnostic};

fn project() -> (tempfile::TempDir, Folder) {
    let project_folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(project_folder.path().join("a/b")).unwrap();
    fs::write(project_folder.path().join("a/b/file"), "inside").unwrap();
    let folder = Root::project(project_folder.path()).open().unwrap().unwrap();
    (project_folder, folder)
}

#[test]
fn openat2_and_the_fallback_refuse_the_same_paths() {
    let (project_folder, folder) = project();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "outside").unwrap();
    symlink(outside.path(), project_folder.path().join("link")).unwrap();
    symlink(outside.path().join("file"), project_folder.path().join("a/link")).unwrap();
    symlink("b", project_folder.path().join("a/beside")).unwrap();
    symlink("..", project_folder.path().join("a/up")).unwrap();
    let handle = folder.handle.as_fd();
    for (path, opens) in [
        ("a/b/file", true),
        ("link/file", false),
        ("a/link", false),
        ("a/beside/file", false),
        ("a/up/a/b/file", false),
        ("a/../a/b/file", false),
        ("/etc/passwd", false),
        ("a/b/file/x", false),
        ("", false),
    ] {
        let path = Path::new(path);
        assert_eq!(descent::open(handle, path, READ_FLAGS, Mode::empty()).is_ok(), opens, "{path:?}");
        let opens_step_by_step =
            descent::is_below(path) && descent::open_step_by_step(handle, path, READ_FLAGS, Mode::empty()).is_ok();
        assert_eq!(opens_step_by_step, opens, "{path:?} step by step");
    }
    assert!(descent::open(handle, Path::new("link"), FOLDER_FLAGS, Mode::empty()).is_err());
    assert!(descent::open_step_by_step(handle, Path::new("link"), FOLDER_FLAGS, Mode::empty()).is_err());
    // Control: the functions of the standard library follow each of the links.
    for path in ["link/file", "a/link", "a/beside/file", "a/up/a/b/file"] {
        fs::read(project_folder.path().join(path)).unwrap();
    }
}

#[test]
fn a_refusal_names_the_link_or_file_that_caused_it() {
    let (project_folder, folder) = project();
    symlink("/etc", project_folder.path().join("a/link")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(project_folder.path().join("a/pipe")).status().unwrap().success());
    for (path, expected_text) in [
        ("a/link/passwd", "a/link: it is a symbolic link, but a folder is expected"),
        ("a/link", "a/link: it is a symbolic link, but a regular file is expected"),
        ("a/pipe", "a/pipe: it is a pipe, but a regular file is expected"),
        ("a/b", "a/b: it is a folder, but a regular file is expected"),
        ("a/b/file/x", "a/b/file: it is a file, but a folder is expected"),
        ("../x", "the path leads out of its folder"),
    ] {
        let error = folder.read(path, FileKind::Stack).unwrap_err();
        assert!(error.to_string().contains(expected_text), "{error}");
        assert_eq!(Diagnostic::from(error).code, Code::NotPlain);
    }
    assert!(folder.read("a/none/x", FileKind::Stack).unwrap().is_none());
}

#[test]
fn a_file_is_read_up_to_its_limit() {
    let (project_folder, folder) = project();
    let sparse = fs::File::create(project_folder.path().join("large")).unwrap();
    sparse.set_len(FileKind::Snippet.limit()).unwrap();
    assert_eq!(folder.read("large", FileKind::Snippet).unwrap().unwrap().len() as u64, FileKind::Snippet.limit());
    sparse.set_len(FileKind::Snippet.limit() + 1).unwrap();
    for error in [
        folder.read("large", FileKind::Snippet).unwrap_err(),
        read_operator_file(&project_folder.path().join("large"), FileKind::Snippet).unwrap_err(),
    ] {
        assert!(error.to_string().ends_with("it is larger than 1 MiB, the limit of nself for such a file"), "{error}");
        assert_eq!(Diagnostic::from(error).code, Code::FileTooLarge);
    }
    assert!(matches!(
        read_operator_file(Path::new("/dev/zero"), FileKind::Secret).unwrap_err().reason,
        Reason::NotAFile(EntryKind::Device)
    ));
}

#[test]
fn nothing_is_written_or_deleted_through_a_link() {
    let (project_folder, folder) = project();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "canary").unwrap();
    symlink(outside.path(), project_folder.path().join("link")).unwrap();
    symlink(outside.path().join("file"), project_folder.path().join("file")).unwrap();
    assert!(folder.write("link/file", b"x").is_err());
    assert!(folder.write("link/new/file", b"x").is_err());
    assert!(folder.write("file", b"x").is_err());
    assert!(folder.create("link/new", b"x", 0o644).is_err());
    assert!(folder.create("file", b"x", 0o644).is_err());
    assert!(folder.remove_file("link/file").is_err());
    assert!(folder.remove_folder("link").is_err());
    assert!(folder.rename("a/b/file", &folder, "link/file").is_err());
    assert!(folder.make_folder("link/new", 0o755).is_err());
    assert!(folder.folder("link").is_err() && folder.stat("link/file").is_err());
    folder.remove_all("link").unwrap();
    folder.remove_file("file").unwrap();
    assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), "canary");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn a_written_file_has_its_mode_and_replaces_the_old_one_atomically() {
    let (project_folder, folder) = project();
    folder.write("x/y/file", b"one").unwrap();
    folder.write("x/y/file", b"two").unwrap();
    assert_eq!(fs::read(project_folder.path().join("x/y/file")).unwrap(), b"two");
    assert_eq!(folder.stat("x/y/file").unwrap().unwrap().mode, 0o644);
    assert_eq!(folder.stat("x").unwrap().unwrap().mode, 0o755);
    assert_eq!(folder.make_folder("secret", 0o700).unwrap().own_stat().unwrap().mode, 0o700);
    assert_eq!(folder.folder("x/y").unwrap().unwrap().list().unwrap().len(), 1);
    let entries = folder.list_all(&mut |path, _| path == Path::new("secret")).unwrap();
    let paths: Vec<&str> = entries.iter().map(|(path, _)| path.to_str().unwrap()).collect();
    assert_eq!(paths, ["a", "a/b", "a/b/file", "x", "x/y", "x/y/file"]);
    folder.remove_all("x").unwrap();
    assert!(folder.stat("x").unwrap().is_none());
}

#[test]
fn an_output_folder_in_the_project_is_not_reached_through_a_link() {
    let (project_folder, _) = project();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), project_folder.path().join("build")).unwrap();
    symlink(outside.path(), project_folder.path().join("deploy")).unwrap();
    let output_folder = |path: &str| Root::output(project_folder.path(), Some(&project_folder.path().join(path)));
    for refused in [Root::output(project_folder.path(), None), output_folder("deploy"), output_folder("build/deploy")] {
        assert!(refused.open().is_err() && refused.write("x", b"x").is_err(), "{refused:?}");
    }
    // A path outside the project, which the operator names, may contain links.
    let link = outside.path().join("way");
    symlink(outside.path(), &link).unwrap();
    Root::output(project_folder.path(), Some(&link.join("new/deploy"))).write("x", b"x").unwrap();
    assert!(outside.path().join("new/deploy/x").is_file());
    assert!(Root::output(project_folder.path(), Some(&link)).write("x", b"x").is_err());
}

#[test]
fn absolute_paths_have_no_parts_that_go_up() {
    let folder = tempfile::tempdir().unwrap();
    let base = real_path(folder.path()).unwrap();
    fs::create_dir_all(base.join("proj/deep")).unwrap();
    symlink("proj/deep", base.join("link")).unwrap();
    for (path, expected) in [
        ("proj/../other", "other"),
        ("proj/deep/../../other", "other"),
        ("./proj/new/../deploy/", "proj/deploy"),
        // The parent of the folder behind a link is not the parent of the link.
        ("link/../other", "proj/other"),
        // Control: a link is kept elsewhere.
        ("link/other", "link/other"),
    ] {
        assert_eq!(absolute_path(&base.join(path)), base.join(expected), "{path}");
    }
    assert_eq!(absolute_path(Path::new("/../etc")), Path::new("/etc"));
    assert_eq!(absolute_path(Path::new("..")).as_path(), std::env::current_dir().unwrap().parent().unwrap());
}
