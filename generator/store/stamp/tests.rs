//! Tests of stamps of runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use super::*;
use crate::store::Manifest;
use crate::store::stamp_writer::{Outputs, StampWriter};

/// Waits for longer than one tick of a file system's clock.
fn tick() {
    sleep(Duration::from_millis(20));
}

/// The place of a stamp in a project, and the output folder.
struct Place {
    file: StampFile,
    out: Root,
    path: PathBuf,
}

/// Returns the place of the stamp `one` in a project.
fn place(folder: &Path) -> Place {
    Place {
        file: StampFile { cache: Root::cache(folder), name: "one".into() },
        out: Root::named(&folder.join(".nself/stamps/out")),
        path: folder.join(".nself/stamps/one"),
    }
}

/// Returns the stamp; `None` if it is not fresh.
fn fresh_stamp(place: &Place) -> Option<Stamp> {
    Stamp::read(&place.file).filter(|stamp| stamp.is_fresh(&place.out))
}

/// Saves the stamp of a run with these inputs and without outputs.
fn save(place: &Place, writer: StampWriter, inputs: Vec<Watch>) {
    let manifest = Manifest::default();
    place.out.write(MANIFEST, &manifest.to_bytes()).unwrap();
    let digest = Digest::of(&manifest.to_bytes());
    let outputs = Outputs {
        out: &place.out,
        manifest: &manifest,
        digest,
        derivation: &|_| None,
        folders: FolderFlags::new(),
        changed: BTreeSet::new(),
    };
    writer.save(inputs, outputs, None, "two\nlines");
}

/// Writes a stamp of a run with these inputs.
fn record(place: &Place, inputs: Vec<Watch>) {
    save(place, StampWriter::begin(&place.file).unwrap(), inputs);
}

#[test]
fn a_stamp_is_fresh_until_a_watched_path_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (file, other, stamp) = (folder.path().join("a"), folder.path().join("b"), place(folder.path()));
    let names = folder.path().join("names");
    fs::create_dir(&names).unwrap();
    fs::write(&file, "one").unwrap();
    tick();
    record(&stamp, vec![Watch::File(file.clone()), Watch::Absent(other.clone()), Watch::Folder(names.clone())]);
    assert_eq!(fresh_stamp(&stamp).unwrap().saved_report(), "two\nlines");

    // The size and perhaps the time are the same; the content differs.
    fs::write(&file, "two").unwrap();
    assert!(fresh_stamp(&stamp).is_none());
    fs::write(&file, "one").unwrap();
    assert!(fresh_stamp(&stamp).is_some(), "the same content is the same");
    fs::write(&other, "").unwrap();
    assert!(fresh_stamp(&stamp).is_none());
    fs::remove_file(&other).unwrap();
    fs::write(names.join("new"), "").unwrap();
    assert!(fresh_stamp(&stamp).is_none());
}

#[test]
fn an_input_saved_while_it_was_read_leaves_no_stamp() {
    let folder = tempfile::tempdir().unwrap();
    let (file, stamp) = (folder.path().join("a"), place(folder.path()));
    fs::write(&file, "one").unwrap();
    tick();
    let writer = StampWriter::begin(&stamp.file).unwrap();
    fs::write(&file, "two").unwrap();
    save(&stamp, writer, vec![Watch::File(file.clone())]);
    assert!(!stamp.path.exists());
    // A file moved into place has an old modification time; its change time is new.
    let writer = StampWriter::begin(&stamp.file).unwrap();
    tick();
    fs::rename(&file, folder.path().join("b")).unwrap();
    save(&stamp, writer, vec![Watch::File(folder.path().join("b"))]);
    assert!(!stamp.path.exists());
    // Without an edit, the same calls leave a stamp.
    tick();
    record(&stamp, vec![Watch::File(folder.path().join("b"))]);
    assert!(stamp.path.exists());
    let names = fs::read_dir(stamp.path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name != "out").count(), 1, "temporary files stay behind");
}

#[test]
fn an_output_that_differs_from_its_record_leaves_no_stamp() {
    let folder = tempfile::tempdir().unwrap();
    let stamp = place(folder.path());
    let out = Root::named(folder.path());
    out.write("prod/nginx/a", b"edited").unwrap();
    let save = |expected: &[u8], manifest_is_right: bool| {
        let files = [(ArtifactPath::new("prod/nginx/a").unwrap(), Digest::of(expected))].into();
        let manifest = Manifest { files, ..Manifest::default() };
        fs::write(folder.path().join(MANIFEST), manifest.to_bytes()).unwrap();
        let text = if manifest_is_right { manifest.to_bytes() } else { Vec::new() };
        let (digest, folders, changed) = (Digest::of(&text), FolderFlags::new(), BTreeSet::new());
        let derivation = |_: &ArtifactPath| Some(Digest::default());
        let outputs = Outputs { out: &out, manifest: &manifest, digest, derivation: &derivation, folders, changed };
        StampWriter::begin(&stamp.file).unwrap().save([], outputs, None, "");
        stamp.path.exists().then(|| Stamp::read(&stamp.file).unwrap().is_fresh(&out))
    };
    assert_eq!(save(b"made", true), None);
    assert_eq!(save(b"edited", false), None);
    assert_eq!(save(b"edited", true), Some(true));
}

#[test]
fn a_stamp_of_a_different_program_is_not_fresh() {
    let folder = tempfile::tempdir().unwrap();
    let (program, stamp) = (folder.path().join("nself"), place(folder.path()));
    fs::write(&program, "program").unwrap();
    tick();
    record(&stamp, vec![Watch::Program(program.clone())]);
    assert!(fresh_stamp(&stamp).is_some());
    fs::remove_file(&program).unwrap();
    fs::write(&program, "program").unwrap();
    assert!(fresh_stamp(&stamp).is_none(), "the same content is not the same file");
}

#[test]
fn a_copied_cut_or_newer_stamp_is_not_fresh() {
    let folder = tempfile::tempdir().unwrap();
    let (file, stamp) = (folder.path().join("a"), place(folder.path()));
    fs::write(&file, "one").unwrap();
    tick();
    record(&stamp, vec![Watch::File(file)]);
    assert!(fresh_stamp(&stamp).is_some());
    let text = fs::read_to_string(&stamp.path).unwrap();
    // Written in place, so it is the same file and only its content differs.
    for damaged_text in [
        String::new(),
        text[..text.len() - 5].to_owned(),
        text.replace("stamp 5", "stamp 6"),
        text.replace("\nf ", "\nx "),
    ] {
        fs::write(&stamp.path, damaged_text).unwrap();
        assert!(fresh_stamp(&stamp).is_none());
    }
    fs::write(&stamp.path, &text).unwrap();
    assert!(fresh_stamp(&stamp).is_some());
    let copy = folder.path().join("copy");
    fs::write(&copy, &text).unwrap();
    fs::rename(&copy, &stamp.path).unwrap();
    assert!(fresh_stamp(&stamp).is_none(), "a stamp that was copied");
}
