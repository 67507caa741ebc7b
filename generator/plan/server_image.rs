//! Reads the version and distribution of a PostgreSQL server from the tag of its image.

use crate::lock::ImageName;

/// The properties of a PostgreSQL server that the tag of its image names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerImage {
    /// The major version; `None` for a tag without it.
    pub major: Option<u32>,
    /// Set for the C library of Alpine, which sorts text in a different order than glibc.
    pub musl: bool,
}

impl ServerImage {
    /// Reads tags such as `16.4-alpine`, `pg16`, `0.8.0-pg17-trixie` and `16-3.4`: the server's version is first or after
    /// `pg`. Returns `None` for an image without a tag.
    pub fn of(image: &str) -> Option<Self> {
        let tag = ImageName::parse(image).tag?;
        // `16.4-alpine` starts with the number 16.
        let leading_number = |text: &str| {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            text[..end].parse().ok()
        };
        let after_pg = tag.split(['-', '.', '_']).find_map(|part| leading_number(part.strip_prefix("pg")?));
        Some(ServerImage { major: after_pg.or_else(|| leading_number(&tag)), musl: tag.contains("alpine") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_gives_version_and_distribution_of_the_server() {
        for (image, major, musl) in [
            ("docker.io/library/postgres:16-alpine", Some(16), true),
            ("postgres:16.4-alpine3.20@sha256:00", Some(16), true),
            ("localhost:5000/postgres:17", Some(17), false),
            ("pgvector/pgvector:pg16", Some(16), false),
            ("pgvector/pgvector:0.8.0-pg17-trixie", Some(17), false),
            ("timescale/timescaledb:2.17.2-pg16", Some(16), false),
            ("postgis/postgis:16-3.4-alpine", Some(16), true),
            ("acme/postgres:main", None, false),
        ] {
            assert_eq!(ServerImage::of(image), Some(ServerImage { major, musl }), "{image}");
        }
        assert_eq!(ServerImage::of("acme/postgres@sha256:00"), None);
    }
}
