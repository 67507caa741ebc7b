//! Names of the parts of a plugin, which are derived from the plugin's name: its folder, its database, and the prefixes
//! of all other names.

use super::{Checked, ServiceName, SqlIdent};

/// The folder of all plugins in a project.
pub const FOLDER: &str = "plugins";
/// The prefix of the names of all plugin databases.
const DATABASE_PREFIX: &str = "np_";

/// Returns the folder of a plugin in the project.
pub fn folder(plugin: &str) -> String {
    format!("{FOLDER}/{plugin}")
}

/// Returns the name of a plugin's database, which is also the prefix of its tables and secrets: `np_my_links` for
/// `my-links`.
pub fn database(plugin: &str) -> String {
    format!("{DATABASE_PREFIX}{}", plugin.replace('-', "_"))
}

/// Returns the plugin whose database has this name; `None` for any other database.
pub fn plugin_of_database(database: &SqlIdent) -> Option<ServiceName> {
    let name = database.as_str().strip_prefix(DATABASE_PREFIX)?.replace('_', "-");
    ServiceName::new(&name).ok()
}

/// Returns the folder of a database's migrations in the project.
pub fn database_folder(database: &SqlIdent) -> String {
    match plugin_of_database(database) {
        Some(plugin) => format!("{}/db", folder(plugin.as_str())),
        None => format!("db/{database}"),
    }
}

/// Returns whether a service or alias of the plugin may have this name: `<plugin>` or `<plugin>-…`.
pub fn fits_service(plugin: &str, name: &str) -> bool {
    name.strip_prefix(plugin).is_some_and(|suffix| suffix.is_empty() || suffix.starts_with('-'))
}

/// Returns whether a table or secret of the plugin may have this name: `np_<plugin>`, `np_<plugin>_…`, or
/// `np_<plugin>.…` for a table in the schema of the plugin.
pub fn fits_part(plugin: &str, name: &str) -> bool {
    let suffix = name.strip_prefix(database(plugin).as_str());
    suffix.is_some_and(|suffix| suffix.is_empty() || suffix.starts_with(['_', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_plugin_have_its_prefix() {
        assert!(fits_service("link", "link") && fits_service("link", "link-worker"));
        assert!(!fits_service("link", "links") && !fits_service("link", "worker"));
        for name in ["np_my_links", "np_my_links_clicks", "np_my_links.clicks"] {
            assert!(fits_part("my-links", name), "{name}");
        }
        for name in ["links", "np_my", "np_my_linksx", "my_links_clicks"] {
            assert!(!fits_part("my-links", name), "{name}");
        }
    }

    #[test]
    fn the_name_of_a_database_identifies_its_plugin_and_folder() {
        let ident = |name: &str| SqlIdent::new(name).unwrap();
        let plugin = |name: &str| plugin_of_database(&ident(name)).map(|name| name.to_string());
        assert_eq!(plugin(&database("my-links")).as_deref(), Some("my-links"));
        assert_eq!(plugin("np_"), None);
        assert_eq!(plugin("shop"), None);
        assert_eq!(database_folder(&ident("np_my_links")), "plugins/my-links/db");
        assert_eq!(database_folder(&ident("shop")), "db/shop");
    }
}
