//! Warnings about a new image of PostgreSQL that cannot use the data of the old image. nself does not know whether a
//! volume contains data, so it prints each warning once, with the steps to take before the upgrade.

use super::Plan;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::server_image::ServerImage;
use crate::plan::service_names::{DATABASE, service_name};
use crate::plan::{Service, Value};

/// Returns the image of a service in a generated `compose.yaml`.
fn image<'a>(file: &'a str, service: &str) -> Option<&'a str> {
    let (_, after_name) = file.split_once(&format!("\n  {service}:\n"))?;
    let mut lines = after_name.lines().take_while(|line| line.starts_with("    "));
    lines.find_map(|line| line.strip_prefix("    image: ")).map(|image| image.trim_matches('"'))
}

/// Returns NS709 for a major version that cannot start with the old data, and for a C library that sorts text in a
/// different order. `old` is the `compose.yaml` of the last generation.
pub fn upgrade_warnings(plan: &Plan, old: &[u8]) -> Vec<Diagnostic> {
    let Some(service) = plan.services.get(&service_name(DATABASE)).filter(|service| !service.volumes.is_empty()) else {
        return Vec::new();
    };
    let before = std::str::from_utf8(old).ok().and_then(|old| image(old, DATABASE)).and_then(ServerImage::of);
    let after = service.image.as_ref().and_then(|image| ServerImage::of(image.as_str()));
    let (Some(before), Some(after)) = (before, after) else { return Vec::new() };
    let warning = || Diagnostic::warning(Code::PostgresVolume, service.origin.key("image"));
    let user = superuser(service);
    match (before.major, after.major) {
        (Some(old), Some(new)) if old != new => vec![
            warning()
                .message(format!("PostgreSQL {new} cannot use the data of PostgreSQL {old}, which the last generation ran"))
                .expected(format!("a data folder of PostgreSQL {new}, or an empty one"))
                .hint(format!(
                    "if the volume has data, first dump it with the old generation: `docker compose exec -T {DATABASE} pg_dumpall -U {user} >secrets/all.sql`; \
                     docs/databases.md lists the steps before and after the dump"
                )),
        ],
        _ if before.musl != after.musl => vec![
            warning()
                .message("this image uses a different collation library than the last generation: text indexes would be corrupt")
                .expected("old and new image both based on Alpine, or both not")
                .hint(format!(
                    "if the volume has data, rebuild its indexes before any service uses it: `docker compose exec {DATABASE} reindexdb --all -U {user}`"
                )),
        ],
        _ => Vec::new(),
    }
}

fn superuser(service: &Service) -> &str {
    match service.env.get("POSTGRES_USER") {
        Some(Value::Text(user)) => user,
        _ => "postgres",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_of_a_service_is_found() {
        let file = "services:\n  hasura:\n    depends_on:\n      postgres:\n        restart: true\n    image: a/b:1\n  postgres:\n    user: x\n    image: \"c/d:2\"\n  z:\n    image: e/f:3\n";
        assert_eq!((image(file, "postgres"), image(file, "hasura")), (Some("c/d:2"), Some("a/b:1")));
        assert_eq!(image("  postgres:\n", "postgres"), None);
        assert_eq!(image("\n  postgres:\n    user: x\n  z:\n    image: y\n", "postgres"), None);
    }
}
