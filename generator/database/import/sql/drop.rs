//! `DROP` of objects, and of triggers and policies of tables.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{GrantObject, Reader};
use super::tree::{Parsed, Parts, ident, leading_keywords, object_name, path, unsupported};
use crate::database::model::*;

/// The options of DROP.
#[derive(Clone, Copy)]
pub struct DropOptions {
    pub if_exists: bool,
    pub cascade: bool,
}

impl DropOptions {
    /// Takes IF EXISTS, CASCADE and RESTRICT.
    pub fn take(parts: &mut Parts) -> Self {
        let if_exists = parts.take_node(SyntaxKind::IF_EXISTS).is_some();
        let cascade = parts.take_node(SyntaxKind::CASCADE).is_some();
        parts.take_node(SyntaxKind::RESTRICT);
        DropOptions { if_exists, cascade }
    }

    /// Returns an error for a missing object, unless the options have IF EXISTS. `what` names the object:
    /// ``table `orders` ``.
    pub fn missing(self, node: &SyntaxNode, what: &str) -> Parsed<()> {
        if self.if_exists { Ok(()) } else { unsupported(node, format!("there is no {what}")) }
    }
}

impl Reader {
    /// Reads DROP of one or several objects.
    pub(super) fn drop_objects(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        self.resolve_keys_to_primary_key();
        let mut parts = Parts::of(node);
        let options = DropOptions::take(&mut parts);
        parts.take_token("CONCURRENTLY");
        let mut references = match node.kind() {
            DROP_FUNCTION | DROP_PROCEDURE | DROP_ROUTINE => Parts::of(&parts.take_any()?).take_rest(),
            _ => parts.take_rest(),
        };
        if matches!(node.kind(), DROP_TABLE | DROP_VIEW | DROP_SEQUENCE) {
            references.retain(|reference| !self.drop_temporary(reference));
        }
        if node.kind() == DROP_TABLE {
            // Tables that are dropped together may refer to each other.
            for name in references.iter().filter_map(|reference| object_name(reference).ok()) {
                self.schema.tables.entry(name).and_modify(|table| table.foreign_keys.clear());
            }
        }
        for reference in &references {
            self.object_in_messages = format!("{} {}", leading_keywords(node), path(reference).join("."));
            let result = self.drop_object(node.kind(), reference, options);
            self.record_error(result);
        }
        self.forget_comments_of_dropped_constraints();
        self.object_in_messages = leading_keywords(node);
        let keywords =
            "DROP TABLE TYPE DOMAIN VIEW MATERIALIZED INDEX SEQUENCE SCHEMA EXTENSION FUNCTION PROCEDURE ROUTINE , ;";
        parts.refuse_rest_except(keywords)
    }

    /// Drops one object. `kind` is the kind of the statement, such as DROP_TABLE.
    fn drop_object(&mut self, kind: SyntaxKind, reference: &SyntaxNode, options: DropOptions) -> Parsed<()> {
        use SyntaxKind::*;
        match kind {
            DROP_FUNCTION | DROP_PROCEDURE | DROP_ROUTINE => self.drop_function(reference, options),
            DROP_SCHEMA => self.drop_schema(&ident(reference)?, reference, options),
            DROP_EXTENSION => {
                let name = path(reference).concat();
                let is_created = self.schema.extensions.contains_key(name.as_str());
                match is_created.then_some(options.cascade) {
                    Some(true) => {
                        unsupported(reference, "CASCADE may also drop other objects; drop them by name first")
                    }
                    Some(false) => {
                        self.schema.extensions.remove(name.as_str());
                        Ok(())
                    }
                    // Every database has plpgsql without a statement.
                    None if name == "plpgsql" => Ok(()),
                    None => options.missing(reference, &format!("extension `{name}`")),
                }
            }
            _ => {
                let name = object_name(reference)?;
                match kind {
                    DROP_TABLE => self.drop_table(&name, reference, options),
                    DROP_VIEW | DROP_MATERIALIZED_VIEW => self.drop_view(&name, reference, options),
                    DROP_INDEX => self.drop_index(&name, reference, options),
                    DROP_SEQUENCE => self.drop_sequence(&name, reference, options),
                    _ => self.drop_type(&name, reference, options),
                }
            }
        }
    }

    /// Drops a table and its partitions. CASCADE also drops foreign keys that refer to them, and is refused if it could
    /// drop a part of a different object.
    fn drop_table(&mut self, name: &ObjectName, node: &SyntaxNode, options: DropOptions) -> Parsed<()> {
        if !self.schema.tables.contains_key(name) {
            return options.missing(node, &format!("table `{name}`"));
        }
        self.require_no_pending_attachment(name, node)?;
        let refers_to_table = |(other, table): &(&ObjectName, &Table)| {
            *other != name && table.foreign_keys.values().any(|key| key.references.table == *name)
        };
        if !options.cascade
            && let Some((other, _)) = self.schema.tables.iter().find(refers_to_table)
        {
            return unsupported(node, format!("a foreign key of {other} refers to it; drop the key first"));
        }
        for table in crate::database::migrate::with_partitions(&self.schema, name) {
            if options.cascade {
                self.remove_foreign_keys(|key| key.references.table == table);
            }
            self.remove_table(&table);
            // Without the table, only parts of other objects can mention it.
            if options.cascade {
                self.require_no_dependent(&table, node)?;
            }
        }
        Ok(())
    }

    /// Removes a table with its sequences, unresolved foreign keys and all that is recorded about it.
    fn remove_table(&mut self, name: &ObjectName) {
        let Some(table) = self.schema.tables.remove(name) else { return };
        self.forget_relation("tables", name);
        table.indexes.keys().for_each(|index| self.forget_index(name, index));
        self.foreign_keys_to_primary_key.retain(|(_, table, _)| table != name);
        self.remove_from_publications(name);
        self.remove_owned_sequences(|owner| owner.table == *name);
    }

    /// Removes the foreign keys of all tables for which a condition is true.
    pub(super) fn remove_foreign_keys(&mut self, is_removed: impl Fn(&ForeignKey) -> bool) {
        for table in self.schema.tables.values_mut() {
            table.foreign_keys.retain(|_, key| !is_removed(key));
        }
    }

    fn drop_view(&mut self, name: &ObjectName, node: &SyntaxNode, options: DropOptions) -> Parsed<()> {
        let Some(view) = self.schema.views.remove(name) else {
            return options.missing(node, &format!("view `{name}`"));
        };
        self.forget_relation("views", name);
        view.indexes.keys().for_each(|index| self.forget_index(name, index));
        if options.cascade { self.require_no_dependent(name, node) } else { Ok(()) }
    }

    /// Drops an index of a table or materialised view, but not the index of a constraint.
    fn drop_index(&mut self, name: &ObjectName, node: &SyntaxNode, options: DropOptions) -> Parsed<()> {
        let tables = self.schema.tables.iter_mut().map(|(owner, table)| (owner, &mut table.indexes));
        let views = self.schema.views.iter_mut().map(|(owner, view)| (owner, &mut view.indexes));
        for (owner, indexes) in tables.chain(views).filter(|(owner, _)| owner.schema() == name.schema()) {
            let Some(index) = indexes.keys().find(|index| owner.in_same_schema(index) == *name).cloned() else {
                continue;
            };
            indexes.remove(&index);
            let owner = owner.clone();
            self.forget_index(&owner, &index);
            return Ok(());
        }
        options.missing(node, &format!("index `{name}`; indexes of constraints do not count"))
    }

    fn drop_sequence(&mut self, name: &ObjectName, node: &SyntaxNode, options: DropOptions) -> Parsed<()> {
        if self.schema.sequences.remove(name).is_none() {
            return options.missing(node, &format!("sequence `{name}`"));
        }
        self.forget_relation("sequences", name);
        if options.cascade { self.require_no_mention(name, node) } else { Ok(()) }
    }

    /// Drops a type or domain. CASCADE is refused if an object uses the type.
    fn drop_type(&mut self, name: &ObjectName, node: &SyntaxNode, options: DropOptions) -> Parsed<()> {
        if self.schema.types.remove(name).is_none() {
            return options.missing(node, &format!("type `{name}`"));
        }
        if options.cascade
            && let Some(user) = self.user_of_type(name)
        {
            let what = format!("CASCADE may also drop a part of {user}, which uses the type; drop that part first");
            return unsupported(node, what);
        }
        self.declared_at.remove(&format!("types.{name}"));
        self.grants.retain(|grant| !matches!(&grant.object, GrantObject::Type(other) if other == name));
        Ok(())
    }

    /// Drops a function. CASCADE is refused if a trigger or a stored text uses the function.
    fn drop_function(&mut self, node: &SyntaxNode, options: DropOptions) -> Parsed<()> {
        let name = self.function_key(node)?;
        if self.function_of_signature(node).is_err() {
            return options.missing(node, &format!("function `{name}` with these arguments"));
        }
        if options.cascade {
            let tables = self.schema.tables.iter().map(|(owner, table)| (owner, &table.triggers));
            let views = self.schema.views.iter().map(|(owner, view)| (owner, &view.triggers));
            let mut owners = tables.chain(views);
            if let Some((table, _)) =
                owners.find(|(_, triggers)| triggers.values().any(|trigger| trigger.function == name))
            {
                return unsupported(node, format!("CASCADE also drops a trigger of {table}; drop the trigger first"));
            }
            self.require_no_mention(&name, node)?;
        }
        self.schema.functions.remove(&name);
        self.declared_at.remove(&format!("functions.{name}"));
        self.revoked_functions.remove(&name);
        self.grants.retain(|grant| !matches!(&grant.object, GrantObject::Function(other) if *other == name));
        Ok(())
    }

    /// Removes a schema, which must be empty.
    fn drop_schema(&mut self, name: &SqlName, node: &SyntaxNode, options: DropOptions) -> Parsed<()> {
        let Schema { tables, views, sequences, types, functions, objects, .. } = &self.schema;
        let names = tables.keys().chain(views.keys()).chain(sequences.keys()).chain(types.keys());
        let names_in_sql = objects.values().filter_map(|object| object.identity()?.name);
        let mut names = names.chain(functions.keys()).cloned().chain(names_in_sql);
        if let Some(object) = names.find(|object| object.schema() == name.as_str()) {
            return unsupported(node, format!("it contains `{object}`; drop the objects of the schema first"));
        }
        if let Some(extension) = self.schema.extensions_in(name.as_str()).next() {
            return unsupported(node, format!("it contains the extension `{extension}`; drop the extension first"));
        }
        self.grants.retain(|grant| !matches!(&grant.object, GrantObject::Schema(other) if other == name));
        // The schema `public` exists on every server, also without an entry in the definition.
        match self.schema.schemas.remove(name) {
            None if name.as_str() != PUBLIC_SCHEMA => options.missing(node, &format!("schema `{name}`")),
            _ => Ok(()),
        }
    }

    /// Reads DROP TRIGGER or DROP POLICY.
    pub(super) fn drop_part_of_table(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let options = DropOptions::take(&mut parts);
        let (is_trigger, kind) = if node.kind() == DROP_TRIGGER { (true, "trigger") } else { (false, "policy") };
        let name = ident(&parts.require(if is_trigger { TRIGGER_REF } else { POLICY_REF })?)?;
        let on = parts.require(if is_trigger { ON_RELATION } else { ON_TABLE })?;
        let table = object_name(&Parts::of(&on).take_any()?)?;
        self.object_in_messages = format!("the {kind} {name} of {table}");
        parts.refuse_rest_except("DROP TRIGGER POLICY ;")?;
        if !self.is_relation_name_taken(&table) {
            return options.missing(&on, &format!("table `{table}`"));
        }
        let is_removed = if is_trigger {
            self.triggers_of(&table, &on)?.remove(&name).is_some()
        } else {
            self.table(&table, &on)?.policies.remove(&name).is_some()
        };
        if is_removed { Ok(()) } else { options.missing(node, &format!("{kind} `{name}`")) }
    }
}
