//! A volume with the generated scripts of snapshots and the variables that the plan gives them.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::assert_works;
use crate::support::{self, ProcessOutput, run, tool};

/// A volume, a target and the scripts, in a folder.
pub struct Files {
    pub folder: tempfile::TempDir,
    /// Folders of programs; the first one that has a program counts.
    pub path: String,
    variables: Vec<(String, String)>,
}

impl Files {
    /// Creates a volume; `None` without rclone.
    pub fn new() -> Option<Files> {
        let rclone = tool("backups/bin/rclone")?;
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["tools", "target", "scratch", "scripts", "volumes", "volumes/uploads"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::copy(rclone, at("tools/rclone")).unwrap();
        for script in fs::read_dir(support::root().join("golden/backup-files/out/prod/backups/scripts")).unwrap() {
            let script = script.unwrap();
            fs::copy(script.path(), at("scripts").join(script.file_name())).unwrap();
        }
        fs::write(at("key"), "the key of the backups\n").unwrap();
        let text = |name: &str| at(name).display().to_string();
        let variables = [
            ("NSELF_BACKUP_PLACE", format!("store:{}", text("target"))),
            ("RCLONE_CONFIG_STORE_TYPE", "local".to_owned()),
            ("NSELF_BACKUP_TOOLS", text("tools")),
            ("NSELF_BACKUP_KEY_FILE", text("key")),
            ("NSELF_BACKUP_VOLUMES", text("volumes")),
            ("NSELF_BACKUP_SCRATCH", text("scratch")),
            ("NSELF_BACKUP_FILES", "volume-uploads".to_owned()),
            ("NSELF_BACKUP_WRITERS", "uploads/worker".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        Some(Files { folder, path: "/usr/bin:/bin".to_owned(), variables })
    }

    /// Uses the programs of busybox, which images of Alpine have.
    pub fn with_busybox(mut self) -> Option<Files> {
        let busybox = tool("trixie")?.join("usr/bin/busybox");
        fs::create_dir(self.path("busybox")).unwrap();
        fs::copy(busybox, self.path("busybox/busybox")).unwrap();
        let applets = run(Command::new(self.path("busybox/busybox")).arg("--list")).stdout;
        for applet in applets.lines().filter(|applet| *applet != "busybox") {
            symlink("busybox", self.path("busybox").join(applet)).unwrap();
        }
        self.path = self.path("busybox").display().to_string();
        Some(self)
    }

    /// Puts a program in front of all others, and returns the folders of programs from before.
    pub fn replace_program(&mut self, name: &str, script: &str) -> String {
        let file = self.path("programs").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let before = self.path.clone();
        self.path = format!("{}:{before}", file.parent().unwrap().display());
        before
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn volume(&self) -> PathBuf {
        self.path("volumes/uploads")
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub fn command(&self, script: &str, variables: &[&str]) -> Command {
        let mut command = Command::new("env");
        command
            .arg("-i")
            .arg(format!("PATH={}", self.path))
            .args(self.variables.iter().map(|(name, value)| format!("{name}={value}")));
        command.args(variables).arg("sh").arg(self.path("scripts").join(script)).current_dir("/");
        command
    }

    pub fn script(&self, script: &str, variables: &[&str]) -> ProcessOutput {
        run(&mut self.command(script, variables))
    }

    pub fn backup(&self, variables: &[&str]) {
        assert_works(&self.script("files-backup.sh", variables));
    }

    pub fn restore(&self, variables: &[&str]) -> ProcessOutput {
        self.script("files-restore.sh", &[&["SERVICES_ARE_STOPPED=yes"][..], variables].concat())
    }

    /// The names of all complete snapshots, in the order in which they were taken.
    pub fn snapshots(&self) -> Vec<String> {
        let listed = self.script("list.sh", &[]);
        assert_works(&listed);
        let lines = listed.stdout.lines().filter(|line| line.starts_with("volume-") || line.starts_with("bucket-"));
        lines.map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect()
    }

    /// The files of the target whose path contains a text.
    pub fn target_files(&self, part: &str) -> Vec<PathBuf> {
        let files = walkdir::WalkDir::new(self.path("target")).sort_by_file_name().into_iter().map(Result::unwrap);
        let files = files.filter(|entry| entry.file_type().is_file()).map(|entry| entry.path().to_path_buf());
        files.filter(|path| path.display().to_string().contains(part)).collect()
    }

    /// Describes the volume without folders of restores: modes, owners, names, targets of links, contents.
    pub fn describe(&self) -> String {
        describe(&self.volume())
    }
}

pub fn describe(folder: &Path) -> String {
    let script = "cd \"$1\" && find . -name '.nself-restore-*' -prune -o -print0 | sort -z |
        xargs -0 stat -c '%A %u %g %N' && find . -name '.nself-restore-*' -prune -o -type f -print0 | sort -z |
        xargs -0 sha256sum && find . -name '.nself-restore-*' -prune -o -type f -printf '%p %T@\\n' | sed 's/[.][0-9]*$//' | sort";
    let output = run(Command::new("sh").args(["-c", script, "describe"]).arg(folder));
    assert_works(&output);
    output.stdout
}

/// Fills a volume with names, modes, owners and links that a careless copy loses.
pub fn fill(volume: &Path) {
    let write = |name: &str, text: &str| fs::write(volume.join(name), text).unwrap();
    fs::create_dir_all(volume.join("invoices/2026 05")).unwrap();
    fs::create_dir(volume.join("empty")).unwrap();
    write("invoices/2026 05/number 1 .pdf", "an invoice");
    write("-rf", "a leading dash");
    write("new\nline", "a line break");
    write("back\\slash", "a backslash");
    write("$(touch hit) `id` '\"", "characters of the shell");
    write("übergröße ☂", "unicode");
    fs::write(volume.join(std::ffi::OsStr::from_bytes(b"bad\xffbyte")), "no valid text").unwrap();
    write("nothing", "");
    fs::write(volume.join("large"), vec![7; 3_000_000]).unwrap();
    symlink("../../elsewhere", volume.join("invoices/link")).unwrap();
    symlink("line\nbreak", volume.join("link of two lines")).unwrap();
    fs::hard_link(volume.join("large"), volume.join("invoices/hard")).unwrap();
    fs::set_permissions(volume.join("nothing"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::set_permissions(volume.join("empty"), fs::Permissions::from_mode(0o2700)).unwrap();
    // Not the links, whose owners the tar of busybox does not restore.
    assert_works(&run(Command::new("chown").arg("10001:10002").arg(volume.join("-rf"))));
    assert_works(&run(Command::new("chown").arg("10001:10001").arg(volume).arg(volume.join("empty"))));
    fs::set_permissions(volume.join("empty"), fs::Permissions::from_mode(0o2700)).unwrap();
    fs::set_permissions(volume, fs::Permissions::from_mode(0o750)).unwrap();
}
