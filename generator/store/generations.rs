//! What earlier runs wrote and from what: one small record per change, below the cache, and the manifest of then among
//! the objects. They say why a file was written anew, and which objects are still wanted.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Manifest, Objects};
use crate::artifact::{ArtifactPath, Digest, Record};
use crate::source::library::{cache_folder, noise, own_folder};

/// As for objects, the number is that of the layout.
const FOLDER: &str = "generations2";
/// Older ones go by themselves.
const MOST: usize = 64;

/// One run that changed something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Of the manifest, which is an object.
    pub manifest: Digest,
    /// What it records.
    #[serde(skip)]
    pub files: BTreeMap<ArtifactPath, Record>,
    /// Files that were read, relative to the project where they lie in it.
    pub inputs: BTreeMap<String, Digest>,
    /// Parts of the plans, such as `local: services.orders`.
    pub parts: BTreeMap<String, Digest>,
    /// Sources of each generator.
    pub generators: BTreeMap<String, String>,
}

impl Generation {
    pub fn new(manifest: Digest, inputs: BTreeMap<String, Digest>, parts: BTreeMap<String, Digest>) -> Self {
        let generators =
            crate::artifact::sources().map(|(name, digest)| (name.to_owned(), digest.to_owned())).collect();
        Generation { manifest, files: BTreeMap::new(), inputs, parts, generators }
    }
}

/// All generations of one cache.
#[derive(Debug, Clone)]
pub struct Generations {
    cache: PathBuf,
}

impl Generations {
    pub fn new(cache: &Path) -> Self {
        Generations { cache: cache.to_owned() }
    }

    /// Numbers, oldest first.
    fn numbers(&self) -> Vec<u64> {
        let folder = self.cache.join(FOLDER);
        if !fs::symlink_metadata(&folder).is_ok_and(|meta| meta.is_dir()) {
            return Vec::new();
        }
        let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let mut numbers: Vec<u64> =
            entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".json")?.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }

    fn at(&self, number: u64) -> PathBuf {
        self.cache.join(FOLDER).join(format!("{number:08}.json"))
    }

    fn read(&self, number: u64) -> Option<Generation> {
        let mut generation: Generation = serde_json::from_slice(&fs::read(self.at(number)).ok()?).ok()?;
        let manifest = Objects::new(&self.cache).get(&generation.manifest)?;
        generation.files = Manifest::parse(&manifest).ok()?.files;
        Some(generation)
    }

    /// Every record that can be read, oldest first; a damaged one counts as absent.
    pub fn all(&self) -> Vec<(u64, Generation)> {
        self.numbers().into_iter().filter_map(|number| Some((number, self.read(number)?))).collect()
    }

    /// Whether nothing was ever recorded.
    pub fn is_empty(&self) -> bool {
        self.numbers().is_empty()
    }

    /// Adds one unless it equals the latest. The writers' lock is held.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn add(&self, generation: &Generation) -> io::Result<()> {
        // Maps are sorted, so the same record has the same bytes.
        let text = serde_json::to_vec(generation)?;
        let last = self.numbers().last().and_then(|last| fs::read(self.at(*last)).ok());
        if last.is_some_and(|last| last == text) {
            return Ok(());
        }
        cache_folder(&self.cache)?;
        let folder = self.cache.join(FOLDER);
        own_folder(&folder)?;
        let temporary = folder.join(format!(".{}", noise()?));
        let number = self.numbers().last().map_or(1, |last| last + 1);
        let written = || {
            fs::File::create_new(&temporary)?.write_all(&text)?;
            fs::rename(&temporary, self.at(number))
        };
        written().inspect_err(|_| {
            let _ = fs::remove_file(&temporary);
        })?;
        self.keep(MOST);
        Ok(())
    }

    /// Forgets all but the latest; gives how many went.
    pub fn keep(&self, count: usize) -> usize {
        let numbers = self.numbers();
        let old = &numbers[..numbers.len().saturating_sub(count)];
        old.iter().filter(|number| fs::remove_file(self.at(**number)).is_ok()).count()
    }
}
