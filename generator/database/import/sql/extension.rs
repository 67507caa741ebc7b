//! `CREATE EXTENSION` and `ALTER EXTENSION`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{self, Parsed, Parts, Unsupported, start_offset, unsupported};
use crate::database::model::PUBLIC_SCHEMA;
use crate::values::{Checked, ExtensionName};

impl Reader {
    /// Reads ALTER EXTENSION, of which only statements without an effect on the definition are supported.
    pub(super) fn alter_extension(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let name = tree::path(&parts.require(SyntaxKind::EXTENSION_REF)?).join(".");
        self.object_in_messages = format!("the extension {name}");
        let action = parts.take_any()?;
        let keywords = tree::leading_keywords(&action);
        let sets_public = || tree::tokens(&action).last().is_some_and(|token| token.text() == PUBLIC_SCHEMA);
        if keywords == "SET SCHEMA" && sets_public() {
            return Ok(());
        }
        if keywords.starts_with("UPDATE") {
            self.note_once(node, format!("the version of the extension `{name}` is left out: the server chooses one"));
            return Ok(());
        }
        unsupported(&action, format!("nself cannot represent `{keywords}`"))
    }

    /// Reads CREATE EXTENSION.
    pub(super) fn create_extension(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        parts.take_node(SyntaxKind::IF_NOT_EXISTS);
        let name = tree::path(&parts.require(SyntaxKind::EXTENSION)?).join(".");
        self.object_in_messages = format!("the extension {name}");
        if let Some(schema) = parts.take_node(SyntaxKind::EXTENSION_SCHEMA) {
            let mut schema = Parts::of(&schema);
            let schema_ref = schema.require(SyntaxKind::SCHEMA_REF)?;
            match tree::path(&schema_ref).concat().as_str() {
                PUBLIC_SCHEMA => {}
                "pg_catalog" if name == "plpgsql" => {}
                "pg_catalog" => {
                    let what = format!("the extension `{name}` is created in the schema public, not in pg_catalog");
                    self.note_once(&schema_ref, what);
                }
                _ => {
                    let what = "nself creates extensions in the schema public; leave the schema out, also before the names \
                                of the extension's functions and types";
                    return unsupported(&schema_ref, what);
                }
            }
            schema.refuse_rest_except("WITH SCHEMA")?;
        }
        if let Some(clause) = parts.take_node(SyntaxKind::EXTENSION_VERSION_CLAUSE) {
            self.note_once(
                &clause,
                format!("the version of the extension `{name}` is left out: the server chooses one"),
            );
        }
        let needed_extensions = if parts.take_token("CASCADE") { extensions_needed_by(&name) } else { &[] };
        for extension in needed_extensions.iter().copied().chain([name.as_str()]) {
            // Every database has plpgsql without a statement.
            if extension != "plpgsql" {
                let checked_name = ExtensionName::new(extension);
                let checked_name =
                    checked_name.map_err(|reason| Unsupported { at: start_offset(node), what: reason })?;
                self.schema.extensions.insert(checked_name);
            }
        }
        parts.refuse_rest_except("CREATE EXTENSION WITH ;")
    }
}

/// Returns the further extensions that `CREATE EXTENSION name CASCADE` creates.
fn extensions_needed_by(name: &str) -> &'static [&'static str] {
    match name {
        "earthdistance" => &["cube"],
        "postgis_raster" | "postgis_sfcgal" | "postgis_topology" => &["postgis"],
        "postgis_tiger_geocoder" => &["fuzzystrmatch", "postgis"],
        "vectorscale" => &["vector"],
        _ => &[],
    }
}
