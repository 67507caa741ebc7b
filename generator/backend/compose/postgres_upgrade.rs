//! Warnings about a new image or a new data folder of PostgreSQL, with which the server cannot use the data of the last
//! generation. nself does not know whether a volume contains data, so it prints each warning once, with the steps to take
//! before the upgrade.

use super::Plan;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::server_image::ServerImage;
use crate::plan::service_names::{DATABASE, service_name};
use crate::plan::{Service, Value};

/// Returns the value of a key in the entry of a service in a generated `compose.yaml`. `line_start` is the key with its
/// indentation, such as `    image: `.
fn value_of_key<'a>(file: &'a str, service: &str, line_start: &str) -> Option<&'a str> {
    let (_, after_name) = file.split_once(&format!("\n  {service}:\n"))?;
    let mut lines = after_name.lines().take_while(|line| line.starts_with("    "));
    lines.find_map(|line| line.strip_prefix(line_start)).map(|value| value.trim_matches('"'))
}

/// Returns the image of a service in a generated `compose.yaml`.
fn image<'a>(file: &'a str, service: &str) -> Option<&'a str> {
    value_of_key(file, service, "    image: ")
}

/// Returns NS709 if the server would look for its data in a different folder than the last generation. `old` is the
/// `compose.yaml` of the last generation.
fn moved_data_warning(service: &Service, old: &str) -> Option<Diagnostic> {
    let old_folder = value_of_key(old, DATABASE, "      PGDATA: ")?;
    let Some(Value::Text(new_folder)) = service.env.get("PGDATA") else { return None };
    (old_folder != new_folder).then(|| {
        Diagnostic::warning(Code::PostgresVolume, service.origin.key("env").key("PGDATA"))
            .message(format!("the server's data is now in `{new_folder}`; the last generation used `{old_folder}`"))
            .expected("the folder of the last generation, or a volume without data")
            .hint("a server that finds no data creates an empty one; to keep the data, undo the change, or stop the server and move the folder first")
    })
}

/// Returns NS709 for a major version that cannot start with the old data, for a C library that sorts text in a different
/// order, and for a different data folder. `old` is the `compose.yaml` of the last generation.
pub fn warnings(plan: &Plan, old: &str) -> Vec<Diagnostic> {
    let Some(service) = plan.services.get(&service_name(DATABASE)).filter(|service| !service.volumes.is_empty()) else {
        return Vec::new();
    };
    let old_image = image(old, DATABASE).and_then(ServerImage::of);
    let new_image = service.image.as_ref().and_then(|image| ServerImage::of(image.as_str()));
    let (Some(old_image), Some(new_image)) = (old_image, new_image) else {
        return moved_data_warning(service, old).into_iter().collect();
    };
    let warning = || Diagnostic::warning(Code::PostgresVolume, service.origin.key("image"));
    let (user, exec) = (superuser(service), plan.exec_in_server());
    match (old_image.major, new_image.major) {
        (Some(old_major), Some(new_major)) if old_major != new_major => vec![
            warning()
                .message(format!("PostgreSQL {new_major} cannot use the data of PostgreSQL {old_major}, which the last generation ran"))
                .expected(format!("a data folder of PostgreSQL {new_major}, or an empty one"))
                .hint(format!(
                    "if the volume has data, first dump it with the old generation: `{exec} pg_dumpall -U {user} >all.sql`, outside of the repository; \
                     docs/databases.md lists the steps before and after the dump"
                )),
        ],
        _ if old_image.musl != new_image.musl => vec![
            warning()
                .message("this image uses a different collation library than the last generation: text indexes would be corrupt")
                .expected("old and new image both based on Alpine, or both not")
                .hint(format!(
                    "if the volume has data, rebuild its indexes before any service uses it: `{exec} reindexdb --all -U {user}`"
                )),
        ],
        _ => moved_data_warning(service, old).into_iter().collect(),
    }
}

/// Returns the name of the server's superuser.
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
