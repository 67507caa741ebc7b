//! Records of earlier runs in the cache: one small file for each run that changed a file. A record names the digests of
//! the run's manifest and list of derivations, which the store of objects holds. The derivation of a file is the digest
//! of everything from which the file is generated. `why --rebuilt` compares two records, and `gc` keeps the objects
//! that a record names.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use super::{Manifest, Objects};
use crate::artifact::{ArtifactPath, Digest};
use crate::backend::Backend;
use crate::files::{FileKind, Folder, Root, random_suffix};

/// The folder of records. Its number is the version of the layout: a release of nself with a different layout uses a
/// different folder.
const FOLDER: &str = "generations3";
/// The maximum number of records; older ones are deleted.
const MAX_RECORDS: usize = 64;

/// The record of a run that changed a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// The digest of the manifest.
    pub manifest: Digest,
    /// The digests of the files in the manifest.
    #[serde(skip)]
    pub files: BTreeMap<ArtifactPath, Digest>,
    /// The digest of the list of derivations. The list is stored in the format of a manifest.
    derivations_object: Digest,
    /// The derivation of each file, by the path of the file.
    #[serde(skip)]
    pub derivations: BTreeMap<ArtifactPath, Digest>,
    /// Digests of the input files, by their paths relative to the project if they are inside.
    pub inputs: BTreeMap<String, Digest>,
    /// Digests of the plans' parts, by names such as `local: services.orders`.
    pub parts: BTreeMap<String, Digest>,
    /// Digests of the sources of each generator.
    pub generators: BTreeMap<String, String>,
}

impl Generation {
    /// Returns a record with the digests of the stored manifest and list of derivations.
    pub fn new(
        manifest: Digest,
        derivations_object: Digest,
        inputs: BTreeMap<String, Digest>,
        parts: BTreeMap<String, Digest>,
    ) -> Self {
        let generators = Backend::ALL.iter().map(|backend| backend.generator());
        let generators =
            generators.map(|generator| (generator.name().to_owned(), generator.source_digest().to_owned())).collect();
        Generation { manifest, derivations_object, inputs, parts, generators, ..Generation::default() }
    }

    /// Returns the changes since an earlier run.
    pub fn changes_from<'a>(&'a self, old: &'a Generation) -> GenerationChanges<'a> {
        let files = changed_names(&old.files, &self.files);
        // A file whose derivation changed is generated, but only a file with different bytes is written.
        let derivations = changed_names(&old.derivations, &self.derivations);
        GenerationChanges {
            unchanged_files: derivations.keys().filter(|path| !files.contains_key(*path)).count(),
            files,
            inputs: changed_names(&old.inputs, &self.inputs),
            generators: changed_names(&old.generators, &self.generators),
            parts: changed_names(&old.parts, &self.parts),
        }
    }

    /// Returns the digests of the objects that the record refers to.
    pub fn objects(&self) -> impl Iterator<Item = Digest> {
        self.files.values().copied().chain([self.manifest, self.derivations_object])
    }
}

/// The changes from one run to a later one: names, each with `new`, `changed` or `gone`.
#[derive(Debug)]
pub struct GenerationChanges<'a> {
    pub files: ChangedNames<'a>,
    /// The number of files that were derived again, with the same bytes.
    pub unchanged_files: usize,
    pub inputs: ChangedNames<'a>,
    pub generators: ChangedNames<'a>,
    pub parts: ChangedNames<'a>,
}

/// Names of changed parts, each with `new`, `changed` or `gone`.
pub type ChangedNames<'a> = BTreeMap<&'a str, &'static str>;

/// Returns the names whose values differ between two maps, and the names that only one of them has.
fn changed_names<'a, N: Ord + Borrow<str>, T: PartialEq>(
    old: &'a BTreeMap<N, T>,
    new: &'a BTreeMap<N, T>,
) -> ChangedNames<'a> {
    let new_or_changed = new.iter().filter_map(|(name, value)| match old.get(name.borrow()) {
        None => Some((name.borrow(), "new")),
        Some(old_value) if old_value != value => Some((name.borrow(), "changed")),
        Some(_) => None,
    });
    let gone = old.keys().filter(|name| !new.contains_key((*name).borrow())).map(|name| (name.borrow(), "gone"));
    new_or_changed.chain(gone).collect()
}

/// The records of one cache.
#[derive(Debug, Clone)]
pub struct Generations {
    cache: Root,
}

impl Generations {
    /// Returns the records in this cache.
    pub fn new(cache: Root) -> Self {
        Generations { cache }
    }

    /// Returns the numbers of the records, oldest first. Files with other names than nself writes, such as `7.json`, are
    /// not records.
    fn numbers(&self) -> Vec<u64> {
        let entries = self.folder().and_then(|folder| folder.list().ok()).unwrap_or_default();
        let number_of =
            |name: &str| name.strip_suffix(".json")?.parse::<u64>().ok().filter(|number| file_name(*number) == name);
        let mut numbers: Vec<u64> = entries.iter().filter_map(|entry| number_of(entry.name.to_str()?)).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Returns the folder of the records; `None` if it does not exist or cannot be used.
    fn folder(&self) -> Option<Folder> {
        self.cache.open().ok()??.folder(FOLDER).ok()?
    }

    /// Reads a record, with the manifest and the derivations that it refers to; `None` if any of them is missing or
    /// damaged.
    fn read(&self, number: u64) -> Option<Generation> {
        let text = self.folder()?.read(file_name(number), FileKind::CacheRecord).ok()??;
        let mut generation: Generation = serde_json::from_slice(&text).ok()?;
        let objects = Objects::new(self.cache.clone());
        let files_of_manifest = |digest| Some(Manifest::parse(&objects.get(digest)?).ok()?.files);
        generation.files = files_of_manifest(&generation.manifest)?;
        generation.derivations = files_of_manifest(&generation.derivations_object)?;
        Some(generation)
    }

    /// Returns every record that can be read with its number, oldest first; damaged records are skipped.
    pub fn all(&self) -> Vec<(u64, Generation)> {
        self.numbers().into_iter().filter_map(|number| Some((number, self.read(number)?))).collect()
    }

    /// Returns the newest record; `None` if there is none or it is damaged.
    pub fn latest(&self) -> Option<Generation> {
        self.read(*self.numbers().last()?)
    }

    /// Returns whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.numbers().is_empty()
    }

    /// Adds a record unless it equals the latest one. The caller holds the writers' lock.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn add(&self, generation: &Generation) -> io::Result<()> {
        // Maps are sorted, so equal records have equal bytes.
        let text = serde_json::to_vec(generation)?;
        let folder = self.cache.create_cache()?.make_folder(FOLDER, 0o755)?;
        let latest_number = self.numbers().last().copied();
        let latest_text = latest_number
            .and_then(|latest_number| folder.read(file_name(latest_number), FileKind::CacheRecord).ok().flatten());
        if latest_text.is_some_and(|latest_text| latest_text == text) {
            return Ok(());
        }
        let temporary_name = format!(".{}", random_suffix()?);
        let name = file_name(self.next_number(latest_number));
        let write_result =
            folder.create(&temporary_name, &text, 0o644).and_then(|()| folder.rename(&temporary_name, &folder, name));
        write_result.inspect_err(|_| {
            let _ = folder.remove_file(&temporary_name);
        })?;
        self.delete_all_but_latest(MAX_RECORDS);
        Ok(())
    }

    /// Returns the number of the next record. nself never reaches the largest number, so a record with it is not from
    /// nself: all records are deleted then, and the numbers begin again.
    fn next_number(&self, latest_number: Option<u64>) -> u64 {
        latest_number.unwrap_or(0).checked_add(1).unwrap_or_else(|| {
            self.delete_all_but_latest(0);
            1
        })
    }

    /// Deletes all but the latest `count` records and returns the number of deleted records.
    pub fn delete_all_but_latest(&self, count: usize) -> usize {
        let numbers = self.numbers();
        let outdated = &numbers[..numbers.len().saturating_sub(count)];
        let Some(folder) = self.folder() else { return 0 };
        outdated.iter().filter(|number| folder.remove_file(file_name(**number)).is_ok()).count()
    }
}

/// Returns the file name of a record: `00000012.json` for 12.
fn file_name(number: u64) -> String {
    format!("{number:08}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cache can come from an archive, with any file in it.
    #[test]
    fn a_record_with_the_largest_number_does_not_stop_the_count() {
        let temporary = tempfile::tempdir().unwrap();
        let generations = Generations::new(Root::cache(temporary.path()));
        let generation = |name: &str| Generation {
            inputs: BTreeMap::from([(name.to_owned(), Digest::of(name.as_bytes()))]),
            ..Generation::default()
        };
        generations.add(&generation("first")).unwrap();
        let folder = temporary.path().join(".nself").join(FOLDER);
        for name in ["7.json", "18446744073709551615.json", "18446744073709551616.json"] {
            std::fs::write(folder.join(name), "{}").unwrap();
        }
        assert_eq!(generations.numbers(), [1, u64::MAX]);
        generations.add(&generation("second")).unwrap();
        assert_eq!(generations.numbers(), [1]);
        generations.add(&generation("third")).unwrap();
        assert_eq!(generations.numbers(), [1, 2]);
        let text = std::fs::read_to_string(folder.join(file_name(2))).unwrap();
        assert!(text.contains("third"), "{text}");
    }

    #[test]
    fn changes_are_new_changed_or_gone() {
        let digests = |names: &[(&str, &str)]| -> BTreeMap<ArtifactPath, Digest> {
            let digest = |(name, text): &(&str, &str)| (ArtifactPath::new(*name).unwrap(), Digest::of(text.as_bytes()));
            names.iter().map(digest).collect()
        };
        let old = Generation {
            files: digests(&[("a/same", "1"), ("a/changed", "1"), ("a/gone", "1")]),
            derivations: digests(&[("a/same", "1"), ("a/changed", "1"), ("a/gone", "1")]),
            ..Generation::default()
        };
        let new = Generation {
            files: digests(&[("a/same", "1"), ("a/changed", "2"), ("a/new", "1")]),
            derivations: digests(&[("a/same", "2"), ("a/changed", "2"), ("a/new", "1")]),
            ..Generation::default()
        };
        let changes = new.changes_from(&old);
        assert_eq!(changes.files, BTreeMap::from([("a/changed", "changed"), ("a/gone", "gone"), ("a/new", "new")]));
        assert_eq!(changes.unchanged_files, 1, "only the derivation of a/same changed");
        assert!(changes.inputs.is_empty() && changes.parts.is_empty() && changes.generators.is_empty());
    }
}
