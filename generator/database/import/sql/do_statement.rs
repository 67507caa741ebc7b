//! Statements of `DO` blocks, and the objects that they create or change.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::alter_type::label;
use super::reader::Reader;
use super::tree::{ident, object_name, tokens};
use crate::database::ddl::default_key_name;
use crate::database::model::*;

/// The condition on which a statement of a block runs: whether its object exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    Always,
    UnlessExists,
    IfExists,
}

/// The names of a column or constraint that a statement changes, and of its table, in lower case.
pub struct ChangedName {
    pub schema: String,
    pub table: String,
    pub part: String,
}

impl Reader {
    /// Returns whether a statement of a block runs, given the objects that exist.
    pub(super) fn runs_in_block(&self, statement: &SyntaxNode, guard: Guard) -> bool {
        match guard {
            Guard::Always => true,
            Guard::UnlessExists => !self.creates_existing_object(statement),
            Guard::IfExists => self.changes_existing_part(statement),
        }
    }

    /// Returns whether the column or constraint that a statement changes exists.
    fn changes_existing_part(&self, statement: &SyntaxNode) -> bool {
        let Some((table, action, part)) = changed_part(statement) else { return false };
        let columns = self.schema.columns_of(&table);
        match action {
            SyntaxKind::DROP_COLUMN | SyntaxKind::RENAME_COLUMN | SyntaxKind::ALTER_COLUMN => {
                columns.contains_key(&part)
            }
            _ => self.schema.tables.get(&table).is_some_and(|declared| {
                let primary_key = declared.primary_key_name.clone().unwrap_or_else(|| default_key_name(&table));
                declared.has_constraint(&part) || (!declared.primary_key.is_empty() && primary_key == part)
            }),
        }
    }

    /// Returns whether the object that a statement creates exists.
    pub(super) fn creates_existing_object(&self, statement: &SyntaxNode) -> bool {
        use SyntaxKind::*;
        let part = |kind: SyntaxKind| statement.descendants().find(|part| part.kind() == kind);
        let object = |kind: SyntaxKind| part(kind).and_then(|part| object_name(&part).ok());
        let name = |kind: SyntaxKind| part(kind).and_then(|part| ident(&part).ok());
        let table = |kind: SyntaxKind| object(kind).and_then(|table| self.schema.tables.get(&table));
        match statement.kind() {
            CREATE_TYPE => object(TYPE_NAME).is_some_and(|name| self.schema.types.contains_key(&name)),
            CREATE_DOMAIN => object(DOMAIN).is_some_and(|name| self.schema.types.contains_key(&name)),
            CREATE_TABLE => object(TABLE_NAME).is_some_and(|name| self.is_relation_name_taken(&name)),
            CREATE_SEQUENCE => object(SEQUENCE).is_some_and(|name| self.is_relation_name_taken(&name)),
            CREATE_INDEX => object(TABLE_RELATION_NAME)
                .zip(name(INDEX))
                .is_some_and(|(table, index)| self.is_relation_name_taken(&table.in_same_schema(&index))),
            CREATE_POLICY => table(TABLE_NAME_REF)
                .zip(name(POLICY))
                .is_some_and(|(table, policy)| table.policies.contains_key(&policy)),
            CREATE_TRIGGER => object(RELATION_NAME_REF).zip(name(TRIGGER)).is_some_and(|(relation, trigger)| {
                let of_table = self.schema.tables.get(&relation).map(|table| &table.triggers);
                let of_view = self.schema.views.get(&relation).map(|view| &view.triggers);
                of_table.or(of_view).is_some_and(|triggers| triggers.contains_key(&trigger))
            }),
            ALTER_TYPE => {
                let name = statement.children().next().and_then(|name| object_name(&name).ok());
                let label = part(LITERAL).and_then(|literal| label(&literal).ok());
                let Some(UserType::Enum(enumeration)) = name.and_then(|name| self.schema.types.get(&name)) else {
                    return false;
                };
                label.is_some_and(|label| enumeration.values.contains(&label))
            }
            CREATE_PUBLICATION => name(PUBLICATION).is_some_and(|name| {
                self.schema.objects.contains_key(format!("publication {}", quoted_if_needed(name.as_str())).as_str())
            }),
            ALTER_TABLE => {
                let table = table(TABLE_RELATION_NAME);
                let adds_key = part(PRIMARY_KEY_CONSTRAINT).is_some();
                match part(ADD_CONSTRAINT) {
                    Some(_) if adds_key => table.is_some_and(|table| !table.primary_key.is_empty()),
                    Some(_) => {
                        table.zip(name(CONSTRAINT_NAME)).is_some_and(|(table, name)| table.has_constraint(&name))
                    }
                    None => table.zip(name(COLUMN_NAME)).is_some_and(|(table, name)| table.columns.contains_key(&name)),
                }
            }
            _ => false,
        }
    }
}

/// Returns the table, the kind of action, and the column or constraint of an ALTER TABLE with one action that changes an
/// existing part.
fn changed_part(statement: &SyntaxNode) -> Option<(ObjectName, SyntaxKind, SqlName)> {
    use SyntaxKind::*;
    let mut all_actions = actions(statement);
    let action = all_actions.next().filter(|_| all_actions.next().is_none())?;
    let kind = match action.kind() {
        DROP_COLUMN | RENAME_COLUMN | ALTER_COLUMN => COLUMN_NAME_REF,
        DROP_CONSTRAINT | RENAME_CONSTRAINT => CONSTRAINT_NAME_REF,
        _ => return None,
    };
    let part = action.descendants().find(|part| part.kind() == kind)?;
    let table = statement.children().find(|part| part.kind() == TABLE_RELATION_NAME)?;
    Some((object_name(&table).ok()?, action.kind(), ident(&part).ok()?))
}

/// Returns the names of the column or constraint that a statement changes; `None` for other statements.
pub fn changed_name(statement: &SyntaxNode) -> Option<ChangedName> {
    let (table, _, part) = changed_part(statement)?;
    Some(ChangedName {
        schema: table.schema().to_lowercase(),
        table: table.name().to_lowercase(),
        part: part.as_str().to_lowercase(),
    })
}

/// Returns whether a statement only creates objects, adds columns and constraints to a table, or a label to an
/// enumeration.
pub fn creates(statement: &SyntaxNode) -> bool {
    use SyntaxKind::*;
    match statement.kind() {
        CREATE_TYPE | CREATE_DOMAIN | CREATE_TABLE | CREATE_SEQUENCE | CREATE_INDEX | CREATE_POLICY
        | CREATE_TRIGGER | CREATE_EXTENSION | CREATE_SCHEMA | CREATE_PUBLICATION | CREATE_ROLE | CREATE_USER
        | EMPTY_STMT => true,
        ALTER_TABLE => actions(statement).all(|part| matches!(part.kind(), ADD_CONSTRAINT | ADD_COLUMN)),
        ALTER_TYPE => statement.children().any(|part| part.kind() == ADD_VALUE),
        _ => false,
    }
}

/// Returns the actions of ALTER TABLE; none for another statement.
pub fn actions(statement: &SyntaxNode) -> impl Iterator<Item = SyntaxNode> {
    use SyntaxKind::*;
    let is_alter = statement.kind() == ALTER_TABLE;
    statement.children().filter(move |part| is_alter && !matches!(part.kind(), TABLE_RELATION_NAME | IF_EXISTS))
}

/// Returns the name of the created object in lower case and without its schema; for a primary key without a name, that of
/// its table; for a new label of an enumeration, the label.
pub fn created_name(statement: &SyntaxNode) -> Option<String> {
    use SyntaxKind::*;
    let kind = match statement.kind() {
        CREATE_TYPE => TYPE_NAME,
        CREATE_DOMAIN => DOMAIN,
        CREATE_TABLE => TABLE_NAME,
        CREATE_SEQUENCE => SEQUENCE,
        CREATE_INDEX => INDEX,
        CREATE_POLICY => POLICY,
        CREATE_TRIGGER => TRIGGER,
        CREATE_PUBLICATION => PUBLICATION,
        CREATE_SCHEMA => SCHEMA,
        CREATE_EXTENSION => EXTENSION,
        CREATE_ROLE | CREATE_USER => ROLE,
        // The first text is the new label; a second one is its neighbour.
        ALTER_TYPE => LITERAL,
        ALTER_TABLE if actions(statement).any(|part| part.kind() == ADD_COLUMN) => COLUMN_NAME,
        ALTER_TABLE => CONSTRAINT_NAME,
        _ => return None,
    };
    let part = |kind: SyntaxKind| statement.descendants().find(|part| part.kind() == kind);
    let name_node = part(kind).or_else(|| part(TABLE_RELATION_NAME))?;
    tokens(&name_node).last().map(|token| token.text().trim_matches(['"', '\'']).to_lowercase())
}

#[cfg(test)]
mod tests {
    use crate::database::import::sql::read;

    #[test]
    fn a_block_changes_parts_that_exist() {
        let table = "CREATE TABLE t (a int CONSTRAINT c CHECK (a > 0), b text);";
        let column = "SELECT 1 FROM information_schema.columns WHERE table_name = 't' AND column_name =";
        for (condition, statement, plain) in [
            (
                format!("{column} 'b'"),
                "ALTER TABLE t DROP COLUMN b",
                "CREATE TABLE t (a int CONSTRAINT c CHECK (a > 0));",
            ),
            (format!("{column} 'x'"), "ALTER TABLE t DROP COLUMN x", table),
            (
                format!("{column} 'b' AND table_schema = 'public'"),
                "ALTER TABLE t RENAME COLUMN b TO x",
                "CREATE TABLE t (a int CONSTRAINT c CHECK (a > 0), x text);",
            ),
            (
                "SELECT FROM pg_constraint WHERE conname = 'c'".into(),
                "ALTER TABLE t DROP CONSTRAINT c",
                "CREATE TABLE t (a int, b text);",
            ),
            ("SELECT FROM pg_constraint WHERE conname = 'd'".into(), "ALTER TABLE t DROP CONSTRAINT d", table),
        ] {
            let script = format!("{table} DO $$ BEGIN IF EXISTS ({condition}) THEN {statement}; END IF; END $$;");
            let schema = read(&script).unwrap_or_else(|findings| panic!("{script}: {findings:#?}")).schema;
            assert_eq!(schema, read(plain).unwrap().schema, "{script}");
        }
    }

    #[test]
    fn a_block_whose_condition_may_mean_something_else_is_refused() {
        let table = "CREATE TABLE t (a int, b text);";
        for block in [
            "IF EXISTS (SELECT FROM pg_attribute WHERE attname = 'a') THEN ALTER TABLE t DROP COLUMN b; END IF;",
            "IF EXISTS (SELECT FROM pg_attribute WHERE attname = 'b' AND atttypid = 23) THEN ALTER TABLE t DROP COLUMN b; END IF;",
            "IF EXISTS (SELECT FROM pg_attribute WHERE attname <> 'b') THEN ALTER TABLE t DROP COLUMN b; END IF;",
            "IF EXISTS (SELECT FROM information_schema.columns WHERE column_name = 'b' AND data_type = 'text') THEN ALTER TABLE t DROP COLUMN b; END IF;",
            "IF EXISTS (SELECT FROM pg_attribute WHERE attname = 'b') AND random() > 0 THEN ALTER TABLE t DROP COLUMN b; END IF;",
            "IF EXISTS (SELECT FROM pg_attribute WHERE attname = 'b') THEN ALTER TABLE t DROP COLUMN a, DROP COLUMN b; END IF;",
            "IF EXISTS (SELECT FROM pg_attribute WHERE attname = 'b') THEN ALTER TABLE t DROP COLUMN b; EXCEPTION WHEN others THEN null;",
            "IF NOT EXISTS (SELECT FROM pg_attribute WHERE attname = 'b') THEN ALTER TABLE t DROP COLUMN b; END IF;",
        ] {
            assert!(read(&format!("{table} DO $$ BEGIN {block} END $$;")).is_err(), "{block}");
        }
    }
}
