//! Checks what a foreign key does to its rows when a referenced row is removed or gets a different key.

use super::Check;
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};

impl Check<'_> {
    /// Reports actions of a key that the server refuses, and warns about those that always fail.
    pub(super) fn check_actions_of_key(&mut self, table: &Table, key: &ForeignKey, path: &FieldPath) {
        let set_on_delete = if key.on_delete_columns.is_empty() { &key.columns } else { &key.on_delete_columns };
        for (field, action, columns) in
            [("on_delete", &key.on_delete, set_on_delete), ("on_update", &key.on_update, &key.columns)]
        {
            if !self.refuse_generated_column(table, key, (field, *action), path) {
                self.warn_of_failing_action(table, columns, (field, *action), path);
            }
        }
    }

    /// Reports a generated column of a key whose action, in a field of the key, would set it. Returns whether there is one.
    fn refuse_generated_column(
        &mut self,
        table: &Table,
        key: &ForeignKey,
        (field, action): (&str, Action),
        path: &FieldPath,
    ) -> bool {
        let sets_columns = match action {
            Action::SetNull | Action::SetDefault => true,
            Action::Cascade => field == "on_update",
            Action::NoAction | Action::Restrict => false,
        };
        let is_generated =
            |column: &&SqlName| table.columns.get(*column).is_some_and(|column| column.generated.is_some());
        let Some(column) = key.columns.iter().find(is_generated).filter(|_| sets_columns) else { return false };
        let message = format!("the server computes `{column}`, so the key cannot set it");
        self.report(
            path.key(field),
            message,
            "use 'no_action or 'restrict, or refer with a column that is not generated",
        );
        true
    }

    /// Warns about a key that would set a NOT NULL column to NULL: each such change of a referenced row fails.
    fn warn_of_failing_action(
        &mut self,
        table: &Table,
        columns: &[SqlName],
        (field, action): (&str, Action),
        path: &FieldPath,
    ) {
        let becomes_null = |name: &&SqlName| match action {
            Action::SetNull => true,
            Action::SetDefault => table.columns.get(*name).is_some_and(|column| self.has_no_default(column)),
            Action::NoAction | Action::Restrict | Action::Cascade => false,
        };
        let is_not_null = |name: &&SqlName| {
            let refuses_null = |column: &Column| !column.nullable || self.is_domain_without_null(&column.kind);
            table.primary_key.contains(*name) || table.columns.get(*name).is_some_and(refuses_null)
        };
        let Some(column) = columns.iter().filter(becomes_null).find(is_not_null) else { return };
        let what = if field == "on_update" { "change of the key" } else { "removal" };
        let hint = match action {
            Action::SetDefault => format!("give `{column}` a default, or use a different action, such as 'cascade"),
            _ => format!("set `nullable = true` for `{column}`, or use a different action, such as 'cascade"),
        };
        let reason = if action == Action::SetDefault { " and has no default" } else { "" };
        self.findings.push(
            Diagnostic::warning(Code::SchemaInvalid, path.key(field))
                .message(format!("`{column}` is NOT NULL{reason}, so each {what} of a referenced row fails"))
                .hint(hint),
        );
    }

    /// Returns whether the default of a column is NULL.
    fn has_no_default(&self, column: &Column) -> bool {
        let is_null = |default: &Expression| default.as_str().trim().eq_ignore_ascii_case("null");
        let of_domain = self.domains_of(&column.kind).find_map(|domain| domain.default.as_ref());
        column.identity.is_none() && column.default.as_ref().or(of_domain).is_none_or(is_null)
    }

    /// Returns whether a type is a domain, or a domain over a domain, that refuses NULL.
    fn is_domain_without_null(&self, kind: &TypeName) -> bool {
        self.domains_of(kind).any(|domain| domain.not_null)
    }

    /// Returns the domain that a type names, and the domains on which that domain is based.
    fn domains_of<'a>(&'a self, kind: &'a TypeName) -> impl Iterator<Item = &'a Domain> {
        let domain = |kind: &TypeName| match self.schema.types.get(&kind.object().filter(|_| !kind.is_array())?) {
            Some(UserType::Domain(domain)) => Some(domain),
            _ => None,
        };
        // The number of steps is limited, since a wrong definition can have a domain that is based on itself.
        std::iter::successors(domain(kind), move |outer| domain(&outer.base)).take(self.schema.types.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Returns the first words of each finding about a key from `c` with these actions.
    fn messages(column: &Value, actions: &Value) -> Vec<String> {
        let mut key = json!({ "columns": ["c"], "references": { "table": "r", "columns": ["id"] } });
        actions.as_object().unwrap().iter().for_each(|(field, action)| key[field] = action.clone());
        let schema: Schema = serde_json::from_value(json!({
            "types": { "strict": { "domain": { "type": "integer", "not_null": true } }, "outer": { "domain": { "type": "strict" } } },
            "tables": {
                "r": { "columns": { "id": { "type": "integer" } }, "primary_key": ["id"] },
                "t": { "columns": { "a": { "type": "integer" }, "c": column }, "foreign_keys": { "k": key } },
            },
        }))
        .unwrap();
        super::super::check(&schema, &FieldPath::root()).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn an_action_that_always_fails_is_reported() {
        let (removal, change) =
            ("so each removal of a referenced row fails", "so each change of the key of a referenced row fails");
        let generated = "the server computes `c`, so the key cannot set it";
        for (column, actions, expected) in [
            (json!({ "type": "integer" }), json!({ "on_delete": "set_null" }), removal),
            (json!({ "type": "integer" }), json!({ "on_update": "set_null" }), change),
            (json!({ "type": "outer", "nullable": true }), json!({ "on_delete": "set_null" }), removal),
            (json!({ "type": "integer" }), json!({ "on_delete": "set_default" }), removal),
            (json!({ "type": "integer", "default": "NULL" }), json!({ "on_update": "set_default" }), change),
            (json!({ "type": "integer", "generated": "a" }), json!({ "on_delete": "set_null" }), generated),
            (json!({ "type": "integer", "generated": "a" }), json!({ "on_update": "cascade" }), generated),
            (json!({ "type": "integer", "generated": "a" }), json!({ "on_delete": "cascade" }), ""),
            (json!({ "type": "integer", "default": "1" }), json!({ "on_delete": "set_default" }), ""),
            (json!({ "type": "integer", "nullable": true }), json!({ "on_delete": "set_default" }), ""),
            (json!({ "type": "integer" }), json!({ "on_delete": "cascade" }), ""),
        ] {
            let found = messages(&column, &actions);
            let is_expected = found.first().is_some_and(|message| message.ends_with(expected));
            assert!(is_expected || (found.is_empty() && expected.is_empty()), "{column} {actions}: {found:?}");
        }
    }
}
