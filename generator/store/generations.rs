//! What earlier runs wrote and from what: one small record per change, below the cache, and the manifest of then among
//! the objects. They say why a file was written anew, and which objects are still wanted.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use super::{Manifest, Objects};
use crate::artifact::{ArtifactPath, Digest};
use crate::backend::Backend;
use crate::files::{FileKind, Folder, Root, random_name};
use crate::source::library::make_cache;

/// As for objects, the number is that of the layout.
const FOLDER: &str = "generations3";
/// Older ones go by themselves.
const MOST: usize = 64;

/// One run that changed something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Of the manifest, which is an object.
    pub manifest: Digest,
    /// What it records.
    #[serde(skip)]
    pub files: BTreeMap<ArtifactPath, Digest>,
    /// Of the list of derivations, which is an object in the manifest's format.
    derivations_object: Digest,
    /// The derivation of each file.
    #[serde(skip)]
    pub derivations: BTreeMap<ArtifactPath, Digest>,
    /// Files that were read, relative to the project where they lie in it.
    pub inputs: BTreeMap<String, Digest>,
    /// Parts of the plans, such as `local: services.orders`.
    pub parts: BTreeMap<String, Digest>,
    /// Sources of each generator.
    pub generators: BTreeMap<String, String>,
}

impl Generation {
    /// A generation with this manifest and these derivations, both of which are objects.
    pub fn new(
        manifest: Digest,
        derivations_object: Digest,
        inputs: BTreeMap<String, Digest>,
        parts: BTreeMap<String, Digest>,
    ) -> Self {
        let generators = Backend::ALL.iter().map(|backend| backend.generator());
        let generators = generators.map(|it| (it.name().to_owned(), it.source_digest().to_owned())).collect();
        Generation { manifest, derivations_object, inputs, parts, generators, ..Generation::default() }
    }

    /// Digests of the objects that the record needs.
    pub fn objects(&self) -> impl Iterator<Item = Digest> {
        self.files.values().copied().chain([self.manifest, self.derivations_object])
    }
}

/// All generations of one cache.
#[derive(Debug, Clone)]
pub struct Generations {
    cache: Root,
}

impl Generations {
    pub fn new(cache: Root) -> Self {
        Generations { cache }
    }

    /// Numbers, oldest first.
    fn numbers(&self) -> Vec<u64> {
        let entries = self.folder().and_then(|folder| folder.list().ok()).unwrap_or_default();
        let mut numbers: Vec<u64> =
            entries.iter().filter_map(|entry| entry.name.to_str()?.strip_suffix(".json")?.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }

    fn folder(&self) -> Option<Folder> {
        self.cache.open().ok()??.folder(FOLDER).ok()?
    }

    fn read(&self, number: u64) -> Option<Generation> {
        let text = self.folder()?.read(name_of(number), FileKind::CacheRecord).ok()??;
        let mut generation: Generation = serde_json::from_slice(&text).ok()?;
        let objects = Objects::new(self.cache.clone());
        let list = |digest| Some(Manifest::parse(&objects.get(digest)?).ok()?.files);
        generation.files = list(&generation.manifest)?;
        generation.derivations = list(&generation.derivations_object)?;
        Some(generation)
    }

    /// Every record that can be read, oldest first; a damaged one counts as absent.
    pub fn all(&self) -> Vec<(u64, Generation)> {
        self.numbers().into_iter().filter_map(|number| Some((number, self.read(number)?))).collect()
    }

    /// The newest one.
    pub fn latest(&self) -> Option<Generation> {
        self.read(*self.numbers().last()?)
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
        let folder = make_cache(&self.cache)?.make_folder(FOLDER, 0o755)?;
        let last = self.numbers().last().copied();
        let latest = last.and_then(|last| folder.read(name_of(last), FileKind::CacheRecord).ok().flatten());
        if latest.is_some_and(|latest| latest == text) {
            return Ok(());
        }
        let temporary = format!(".{}", random_name()?);
        let name = name_of(last.map_or(1, |last| last + 1));
        let written = folder.create(&temporary, &text, 0o644).and_then(|()| folder.rename(&temporary, &folder, name));
        written.inspect_err(|_| {
            let _ = folder.remove_file(&temporary);
        })?;
        self.keep(MOST);
        Ok(())
    }

    /// Forgets all but the latest; gives how many went.
    pub fn keep(&self, count: usize) -> usize {
        let numbers = self.numbers();
        let old = &numbers[..numbers.len().saturating_sub(count)];
        let Some(folder) = self.folder() else { return 0 };
        old.iter().filter(|number| folder.remove_file(name_of(**number)).is_ok()).count()
    }
}

fn name_of(number: u64) -> String {
    format!("{number:08}.json")
}
