//! `CREATE EXTENSION` and `ALTER EXTENSION`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{self, AtNode, Parsed, Parts, unsupported};
use crate::database::extension_catalogue::{
    fixed_schema, function_names, operator_class_names, requirements, type_names,
};
use crate::database::migrate::{replace_object_name, replace_type_name};
use crate::database::model::*;
use crate::values::{Checked, ExtensionName, ExtensionVersion, SqlIdent};

impl Reader {
    /// Reads ALTER EXTENSION … SET SCHEMA and UPDATE.
    pub(super) fn alter_extension(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let name = tree::path(&parts.require(SyntaxKind::EXTENSION_REF)?).join(".");
        self.object_in_messages = format!("the extension {name}");
        let action = parts.take_any()?;
        let keywords = tree::leading_keywords(&action);
        // A keyword can be the name of the schema.
        let sets_schema = keywords.starts_with("SET SCHEMA");
        if !sets_schema && !keywords.starts_with("UPDATE") {
            return unsupported(&action, format!("nself cannot represent `{keywords}`"));
        }
        // Every database has plpgsql without a statement.
        if name == PLPGSQL {
            return Ok(());
        }
        if !self.schema.extensions.contains_key(name.as_str()) {
            return unsupported(node, format!("there is no extension `{name}`"));
        }
        if sets_schema {
            let schema_ref = Parts::of(&action).require(SyntaxKind::SCHEMA_REF)?;
            let schema = self.schema_of_extension(&name, &schema_ref)?;
            let name = ExtensionName::new(&name).at(&action)?;
            let extension = self.schema.extensions.entry(name.clone()).or_default();
            let from = extension.schema_of(&name).to_owned();
            extension.schema = schema;
            let to = extension.schema_of(&name).to_owned();
            return if from == to { Ok(()) } else { self.move_objects_of_extension(&name, (&from, &to), &action) };
        }
        // Without a version, the server chooses one.
        let version = tree::tokens(&action).nth(2).map(|token| version(token.text())).transpose().at(&action)?;
        self.schema.extensions.entry(ExtensionName::new(&name).at(&action)?).or_default().version = version;
        Ok(())
    }

    /// Replaces the names of an extension's objects after it moved from one schema to another. Texts that name one of its
    /// types or functions, other than defaults and results, are refused.
    fn move_objects_of_extension(
        &mut self,
        extension: &ExtensionName,
        (from, to): (&str, &str),
        node: &SyntaxNode,
    ) -> Parsed<()> {
        let names = |object: &&str| (ObjectName::new_in(from, object), ObjectName::new_in(to, object));
        let types: Vec<_> = type_names(extension.as_str()).iter().map(names).collect();
        for (from, to) in types.iter().filter(|(from, _)| !self.schema.has_type(from)).cloned().collect::<Vec<_>>() {
            self.require_no_mention_of_type(&from, true, node)?;
            replace_type_name(&mut self.schema, &from, &to);
            for result in self.schema.functions.values_mut().filter_map(|function| function.returns.as_mut()) {
                *result = Returns::wrap(replace_object_name(result.as_str(), &from, &to));
            }
            self.replace_in_defaults(&from, &to);
        }
        for (from, to) in function_names(extension.as_str()).iter().map(names) {
            self.require_no_mention_of_function(&from, true, node)?;
            self.replace_in_defaults(&from, &to);
        }
        let classes: Vec<_> = operator_class_names(extension.as_str()).iter().map(names).collect();
        let Schema { tables, views, .. } = &mut self.schema;
        let indexes_of_tables = tables.values_mut().flat_map(|table| table.indexes.values_mut());
        let indexes = indexes_of_tables.chain(views.values_mut().flat_map(|view| view.indexes.values_mut()));
        for class in indexes.flat_map(|index| &mut index.columns).filter_map(|column| column.opclass.as_mut()) {
            if let Some((_, new_name)) = classes.iter().find(|(old_name, _)| old_name == class) {
                class.clone_from(new_name);
            }
        }
        Ok(())
    }

    /// Reads CREATE EXTENSION.
    pub(super) fn create_extension(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        parts.take_node(SyntaxKind::IF_NOT_EXISTS);
        let name = tree::path(&parts.require(SyntaxKind::EXTENSION)?).join(".");
        self.object_in_messages = format!("the extension {name}");
        let mut extension = Extension::default();
        if let Some(clause) = parts.take_node(SyntaxKind::EXTENSION_SCHEMA) {
            let mut clause = Parts::of(&clause);
            let schema_ref = clause.require(SyntaxKind::SCHEMA_REF)?;
            clause.refuse_rest_except("WITH SCHEMA")?;
            extension.schema = self.schema_of_extension(&name, &schema_ref)?;
        }
        if let Some(clause) = parts.take_node(SyntaxKind::EXTENSION_VERSION_CLAUSE) {
            let text = tree::tokens(&clause).last().map(|token| token.text().to_owned()).unwrap_or_default();
            extension.version = Some(version(&text).at(&clause)?);
        }
        let is_cascade = parts.take_token("CASCADE");
        // The server creates required extensions in the schema of the extension, and chooses their versions.
        let mut pending = if is_cascade { requirements(&name).to_vec() } else { Vec::new() };
        while let Some(required) = pending.pop() {
            pending.extend(requirements(required));
            let schema = extension.schema.clone().filter(|_| fixed_schema(required).is_none());
            let required = ExtensionName::new(required).at(node)?;
            self.schema.extensions.entry(required).or_insert(Extension { schema, version: None });
        }
        // Every database has plpgsql without a statement.
        if name != PLPGSQL {
            self.schema.extensions.entry(ExtensionName::new(&name).at(node)?).or_insert(extension);
        }
        parts.refuse_rest_except("CREATE EXTENSION WITH ;")
    }

    /// Reads the schema of an extension; `None` for the default schema. A schema that the file does not create is added.
    fn schema_of_extension(&mut self, name: &str, schema_ref: &SyntaxNode) -> Parsed<Option<SqlIdent>> {
        let schema = tree::path(schema_ref).concat();
        if let Some(fixed) = fixed_schema(name) {
            return match fixed == schema {
                true => Ok(None),
                false => unsupported(schema_ref, format!("PostgreSQL installs it in the schema {fixed} only")),
            };
        }
        match schema.as_str() {
            PUBLIC_SCHEMA => return Ok(None),
            "pg_catalog" => {
                let what = format!("the extension `{name}` is created in the schema public, not in pg_catalog");
                self.note_once(schema_ref, what);
                return Ok(None);
            }
            _ => {}
        }
        let schema = SqlIdent::new(&schema).at(schema_ref)?;
        if !self.schema.schemas.contains_key(schema.as_str()) {
            let what = format!(
                "the schema `{schema}` of the extension `{name}` is added, since the source does not create it"
            );
            self.note_once(schema_ref, what);
            self.add_schema(SqlName::from(&schema), schema_ref);
        }
        Ok(Some(schema))
    }

    /// Removes schemas that extensions create, unless they contain other objects.
    pub(super) fn leave_out_schemas_of_extensions(&mut self) {
        let names: Vec<&'static str> =
            self.schema.extensions.keys().filter_map(|name| fixed_schema(name.as_str())).collect();
        for name in names {
            let schema = &self.schema;
            let objects = schema.tables.keys().chain(schema.views.keys()).chain(schema.functions.keys());
            let mut objects = objects.chain(schema.types.keys()).chain(schema.sequences.keys());
            if !objects.any(|object| object.schema() == name) {
                self.schema.schemas.remove(name);
            }
        }
    }
}

/// The extension that every database has.
const PLPGSQL: &str = "plpgsql";

/// Returns a version, which is a name or a string in SQL.
fn version(text: &str) -> Result<ExtensionVersion, String> {
    ExtensionVersion::new(text.trim_matches(['\'', '"']))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::database::import::sql;

    /// Returns the extensions, the names of the schemas, and the notes of an import.
    fn imported(text: &str) -> (Value, Vec<String>, Vec<String>) {
        let imported = sql::read(text).unwrap_or_else(|findings| panic!("{text}: {findings:#?}"));
        let extensions = serde_json::to_value(&imported.schema).unwrap()["extensions"].take();
        let schemas = imported.schema.schemas.keys().map(ToString::to_string).collect();
        (extensions, schemas, imported.notes.into_iter().map(|note| note.what).collect())
    }

    #[test]
    fn an_extension_keeps_its_schema_and_version() {
        let created = "CREATE SCHEMA IF NOT EXISTS extensions; ";
        let in_schema = json!([{ "name": "uuid-ossp", "schema": "extensions" }]);
        for (text, extensions) in [
            ("CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA extensions;", in_schema.clone()),
            ("CREATE EXTENSION \"uuid-ossp\" SCHEMA \"extensions\";", in_schema.clone()),
            ("CREATE EXTENSION \"uuid-ossp\"; ALTER EXTENSION \"uuid-ossp\" SET SCHEMA EXTENSIONS;", in_schema),
            ("CREATE EXTENSION citext WITH SCHEMA PUBLIC;", json!(["citext"])),
            (
                "CREATE EXTENSION citext SCHEMA extensions; ALTER EXTENSION citext SET SCHEMA \"public\";",
                json!(["citext"]),
            ),
            ("CREATE EXTENSION citext VERSION '1.5';", json!([{ "name": "citext", "version": "1.5" }])),
            (
                "CREATE EXTENSION citext VERSION '1.5'; ALTER EXTENSION citext UPDATE TO '1.6';",
                json!([{ "name": "citext", "version": "1.6" }]),
            ),
            ("CREATE EXTENSION citext VERSION '1.5'; ALTER EXTENSION citext UPDATE;", json!(["citext"])),
            // The second statement has no effect.
            (
                "CREATE EXTENSION citext; CREATE EXTENSION IF NOT EXISTS citext SCHEMA extensions VERSION '1.5';",
                json!(["citext"]),
            ),
        ] {
            let (actual, schemas, notes) = imported(&format!("{created}{text}"));
            assert_eq!((actual, schemas, notes), (extensions, vec!["extensions".to_owned()], vec![]), "{text}");
        }
    }

    #[test]
    fn types_and_classes_move_with_their_extension() {
        let created = "CREATE SCHEMA ext; CREATE EXTENSION citext; CREATE EXTENSION pg_trgm; \
                       CREATE TABLE t (a citext[] DEFAULT '{}'::citext[], b text); CREATE DOMAIN d AS citext; \
                       CREATE FUNCTION f(x citext) RETURNS SETOF citext LANGUAGE sql AS 'SELECT x'; \
                       CREATE INDEX i ON t USING gin (b gin_trgm_ops); ";
        let moved = "ALTER EXTENSION citext SET SCHEMA ext; ALTER EXTENSION pg_trgm SET SCHEMA ext;";
        let schema = serde_json::to_value(sql::read(&format!("{created}{moved}")).unwrap().schema).unwrap();
        let table = &schema["tables"]["t"];
        assert_eq!(table["columns"]["a"]["type"], "ext.citext[]");
        assert_eq!(table["columns"]["a"]["default"], "'{}'::ext.citext[]");
        assert_eq!(table["indexes"]["i"]["columns"][0]["opclass"], "ext.gin_trgm_ops");
        assert_eq!(schema["types"]["d"]["domain"]["type"], "ext.citext");
        assert_eq!(schema["functions"]["f"]["arguments"][0]["type"], "ext.citext");
        assert_eq!(schema["functions"]["f"]["returns"], "SETOF ext.citext");
        let with_view = format!("{created}CREATE VIEW v AS SELECT 'a'::citext AS x; {moved}");
        let findings = sql::read(&with_view).unwrap_err();
        assert!(findings[0].what.contains("the view v mentions it"), "{findings:?}");
    }

    #[test]
    fn cascade_adds_required_extensions_and_the_order_of_statements_has_no_effect() {
        let (extensions, schemas, _) = imported("CREATE EXTENSION earthdistance SCHEMA ext CASCADE;");
        let in_ext = |name: &str| json!({ "name": name, "schema": "ext" });
        assert_eq!(extensions, json!([in_ext("cube"), in_ext("earthdistance")]));
        assert_eq!(schemas, ["ext"]);
        let (extensions, ..) = imported("CREATE EXTENSION hstore_plperl SCHEMA ext CASCADE;");
        assert_eq!(extensions, json!([in_ext("hstore"), in_ext("hstore_plperl"), "plperl"]));
        let (extensions, ..) = imported("CREATE EXTENSION pgrouting; CREATE EXTENSION postgis;");
        assert_eq!(extensions, json!(["pgrouting", "postgis"]));
    }

    #[test]
    fn a_schema_that_the_source_does_not_create_is_added() {
        let (extensions, schemas, notes) = imported("CREATE EXTENSION pgcrypto WITH SCHEMA extensions;");
        assert_eq!(extensions, json!([{ "name": "pgcrypto", "schema": "extensions" }]));
        assert_eq!(schemas, ["extensions"]);
        assert!(notes.iter().any(|note| note.contains("the schema `extensions` of the extension `pgcrypto` is added")));
    }

    #[test]
    fn the_schema_that_an_extension_always_has_is_left_out() {
        let dump = "CREATE SCHEMA topology; COMMENT ON SCHEMA topology IS 'PostGIS Topology schema'; \
                    CREATE EXTENSION postgis; CREATE EXTENSION postgis_topology WITH SCHEMA topology;";
        let (extensions, schemas, _) = imported(dump);
        assert_eq!((extensions, schemas), (json!(["postgis", "postgis_topology"]), vec![]));
        let findings = sql::read("CREATE EXTENSION plperl SCHEMA public;").unwrap_err();
        assert!(findings[0].what.contains("in the schema pg_catalog only"), "{findings:?}");
    }

    #[test]
    fn names_of_objects_keep_the_schema_of_the_extension() {
        let text = "CREATE SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions; \
                    CREATE TABLE t (id uuid DEFAULT extensions.uuid_generate_v4(), mail extensions.citext); \
                    CREATE INDEX i ON t USING gin (mail extensions.gin_trgm_ops); \
                    CREATE INDEX j ON t (mail pg_catalog.text_pattern_ops);";
        let schema = serde_json::to_value(sql::read(text).unwrap().schema).unwrap();
        let table = &schema["tables"]["t"];
        assert_eq!(table["columns"]["mail"]["type"], "extensions.citext");
        assert_eq!(table["columns"]["id"]["default"], "extensions.uuid_generate_v4()");
        assert_eq!(table["indexes"]["i"]["columns"][0]["opclass"], "extensions.gin_trgm_ops");
        assert_eq!(table["indexes"]["j"]["columns"][0]["opclass"], "text_pattern_ops");
    }

    #[test]
    fn a_schema_with_an_extension_is_not_dropped() {
        let created = "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; ";
        let findings = sql::read(&format!("{created}DROP SCHEMA ext;")).unwrap_err();
        assert!(findings[0].what.contains("it contains the extension `citext`"), "{findings:?}");
        let (extensions, schemas, _) = imported(&format!("{created}DROP EXTENSION citext; DROP SCHEMA ext;"));
        assert_eq!((extensions, schemas), (Value::Null, vec![]));
    }
}
