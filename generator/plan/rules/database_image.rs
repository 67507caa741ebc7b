//! The rule of the database server's image: it is a PostgreSQL of a version for which nself generates files.

use crate::diagnostic::{Code, Diagnostic};
use crate::lock::ImageName;
use crate::plan::roster::PlannedService;
use crate::plan::server_image::ServerImage;

/// The entry of the catalogue that runs the server.
const CATALOGUE: &str = "postgres";
/// The versions for which nself knows the settings and writes migrations.
const VERSIONS: std::ops::RangeInclusive<u32> = 15..=18;
/// Names of images of PostgreSQL whose tag begins with its version, or has it after `pg`.
const IMAGES: [&str; 5] = ["postgres", "postgresql", "postgis", "pgvector", "timescaledb"];
/// Names of images of other servers.
const OTHER_SERVERS: [&str; 8] =
    ["mysql", "mariadb", "percona", "mongo", "redis", "valkey", "cassandra", "clickhouse-server"];

/// Checks the image of the database server or of its replica.
pub fn check(member: &PlannedService) -> Option<Diagnostic> {
    let service = &member.service;
    let is_server = service.has_catalogue_entry(CATALOGUE);
    let image = service.image.as_ref().filter(|_| is_server && service.build.is_none())?;
    let name = ImageName::parse(image.as_str());
    let name = name.repository.rsplit('/').next().unwrap_or_default();
    let path = member.path.key("image");
    let expected = format!("PostgreSQL {} to {}", VERSIONS.start(), VERSIONS.end());
    if OTHER_SERVERS.contains(&name) {
        return Some(
            Diagnostic::error(Code::DatabaseImage, path)
                .message(format!("`{image}` is not PostgreSQL, which this service runs"))
                .expected(expected)
                .hint("remove `image`, and declare a separate service for the other server"),
        );
    }
    let major = ServerImage::of(image.as_str())?.major.filter(|_| IMAGES.contains(&name))?;
    (!VERSIONS.contains(&major)).then(|| {
        Diagnostic::warning(Code::DatabaseImage, path)
            .message(format!("PostgreSQL {major} is not supported: its settings and its SQL may differ"))
            .expected(expected)
            .hint("remove `image`, or use one of these versions")
    })
}
