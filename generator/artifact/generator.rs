//! The identity of a generator: the name of its folder in `generator/backend`, and the digest of the sources there.

// Defines `SOURCES`: the names of the generators, each with the digest of its sources.
include!(concat!(env!("OUT_DIR"), "/generators.rs"));

/// A generator whose sources `build.rs` has digested. Other generators cannot exist: [`Generator::named`] is the only
/// constructor, and in a constant it refuses an unknown name at compile time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generator {
    name: &'static str,
    source_digest: &'static str,
}

impl Generator {
    /// Returns the generator of the folder `generator/backend/<name>`.
    ///
    /// # Panics
    /// The folder does not exist, so `build.rs` has no digest of its sources.
    pub const fn named(name: &'static str) -> Self {
        let mut i = 0;
        while i < SOURCES.len() {
            if are_equal(SOURCES[i].0.as_bytes(), name.as_bytes()) {
                return Generator { name, source_digest: SOURCES[i].1 };
            }
            i += 1;
        }
        panic!("no folder of generator/backend has the name of this generator")
    }

    /// Returns the name of the generator's folder, such as `compose`.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Returns the digest of the generator's sources, as 64 hexadecimal digits.
    pub const fn source_digest(self) -> &'static str {
        self.source_digest
    }
}

/// Returns whether two slices have the same bytes. Constants cannot use `==` for slices.
const fn are_equal(left: &[u8], right: &[u8]) -> bool {
    let mut i = 0;
    while i < left.len() && i < right.len() && left[i] == right[i] {
        i += 1;
    }
    i == left.len() && i == right.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_has_the_digest_of_its_folder() {
        for (name, digest) in SOURCES {
            assert_eq!(Generator::named(name).source_digest(), *digest);
            assert_eq!(SOURCES.iter().filter(|(_, other)| other == digest).count(), 1, "{name}");
        }
    }

    /// In a constant, as the backends use it, this panic is an error of the compiler.
    #[test]
    #[should_panic(expected = "no folder of generator/backend")]
    fn a_generator_without_digested_sources_cannot_exist() {
        Generator::named("compos");
    }
}
