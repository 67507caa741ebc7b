//! Reads the event triggers of services: calls after changes of a table's rows.

use super::calls::{CallNeeds, Event};
use super::handlers::{CallReader, RETRIES, retry_seconds};
use super::lookup::unknown_name;
use crate::database::graphql::handlers::{Columns, EventColumns, EventDefinition, EventRetries, EventTrigger};
use crate::database::model::{ObjectName, Schema, SqlName};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::aspect::databases::database_name;
use crate::stack::{Access, EventOperation, handlers};
use crate::values::{GraphqlName, SqlIdent};
use crate::words;

impl CallReader<'_> {
    /// Returns an event trigger, and the needs of its call.
    pub fn event(
        &self,
        name: &GraphqlName,
        event: &handlers::EventHandler,
    ) -> Result<(Event, CallNeeds), Vec<Diagnostic>> {
        let path = self.path.key("events").key(name.as_str());
        let database = self.database(event, &path).map_err(|finding| vec![finding])?;
        let mut findings = self.check_table(event, self.served_databases[database], &path);
        if event.on.is_empty() {
            findings.push(
                Diagnostic::error(Code::ApiMismatch, path.key("on"))
                    .message("no operation triggers the event")
                    .expected("one or more of 'insert, 'update, 'delete, 'manual"),
            );
        }
        findings.extend(self.check_access(database, &path));
        let triggers_on = |operation| event.on.contains(&operation);
        if !event.columns.is_empty() && !event.on.is_empty() && !triggers_on(EventOperation::Update) {
            findings.push(
                Diagnostic::error(Code::ApiMismatch, path.key("columns"))
                    .message("`columns` has no effect: only updates compare columns, and `on` lacks 'update")
                    .hint("add 'update to `on`, or remove `columns`"),
            );
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let request = self.request(&event.call, &path, (event.call.path_of("events", name), 60))?;
        let interval_sec = retry_seconds(&event.retry, &path).map_err(|finding| vec![finding])?;
        let all_columns = || EventColumns { columns: Columns::All("*") };
        let update_columns = if event.columns.is_empty() {
            all_columns()
        } else {
            EventColumns { columns: Columns::Some(event.columns.iter().map(SqlName::from).collect()) }
        };
        let definition = EventDefinition {
            enable_manual: triggers_on(EventOperation::Manual),
            insert: triggers_on(EventOperation::Insert).then(all_columns),
            update: triggers_on(EventOperation::Update).then_some(update_columns),
            delete: triggers_on(EventOperation::Delete).then(all_columns),
        };
        let retry_conf = EventRetries {
            num_retries: event.retry.count.unwrap_or(RETRIES),
            interval_sec,
            timeout_sec: request.timeout,
        };
        let (name, webhook, headers) = (name.clone(), request.url, request.headers);
        let trigger = EventTrigger { name, definition, webhook, retry_conf, headers };
        Ok((Event { database: database.clone(), table: event.table.clone(), trigger }, request.needs))
    }

    /// Returns the database of an event: the declared one, or the only one that the Hasura service serves.
    ///
    /// # Errors
    /// NS770 if the Hasura service does not serve the declared database, or if none is declared and it does not serve
    /// exactly one.
    fn database(&self, event: &handlers::EventHandler, path: &FieldPath) -> Result<&SqlIdent, Diagnostic> {
        let names: Vec<&SqlIdent> = self.served_databases.keys().copied().collect();
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let finding = |path: FieldPath| Diagnostic::error(Code::ApiMismatch, path);
        match (&event.database, names.as_slice()) {
            (_, []) => Err(finding(path.clone())
                .message(format!("`{}` serves no database that the stack defines", self.server))
                .expected("a database that defines the table and names this service: `databases.<name>.served_by`")),
            (None, [only_database]) => Ok(only_database),
            (None, _) => Err(finding(path.clone())
                .message(format!("`{}` serves several databases: {}", self.server, quoted.join(", ")))
                .expected("one of them as `database` of the event")),
            (Some(name), _) => names.into_iter().find(|database| *database == name).ok_or_else(|| {
                finding(path.key("database"))
                    .message(format!("`{}` does not serve the database `{name}`", self.server))
                    .expected(words::one_of(&quoted))
            }),
        }
    }

    /// Returns the finding for a Hasura service that cannot keep events in the database: only with `access = 'owner` it has a
    /// schema there.
    fn check_access(&self, database: &SqlIdent, path: &FieldPath) -> Option<Diagnostic> {
        let (stack, hasura) = (self.stack_parts.stack, &self.stack_parts.roster[&self.server]);
        let mut entries = hasura.service.databases.iter();
        let (entry, uses) = entries.find(|(_, uses)| database_name(uses, stack) == *database)?;
        let field = hasura.path.key("databases").key(entry.as_str()).key("access");
        (uses.access != Access::Owner).then(|| {
            Diagnostic::error(Code::ApiMismatch, path.clone())
                .message(format!("`{}` cannot keep events in `{database}`: it has no schema there", self.server))
                .expected(format!("`access = 'owner` for the service in the database `{database}`"))
                .hint(format!("set `{field} = 'owner`; the tables stay those of the migrations"))
        })
    }

    /// Returns findings about the table of an event and its columns.
    fn check_table(&self, event: &handlers::EventHandler, schema: &Schema, path: &FieldPath) -> Vec<Diagnostic> {
        let Some(table) = schema.tables.get(&event.table) else {
            return vec![unknown_name(
                path.key("table"),
                &format!("the database has no table `{}`", event.table),
                event.table.as_str(),
                schema.tables.keys().map(ObjectName::as_str),
            )];
        };
        let unknown_columns =
            event.columns.iter().enumerate().filter(|(_, column)| !table.columns.contains_key(column.as_str()));
        unknown_columns
            .map(|(i, column)| {
                unknown_name(
                    path.key("columns").index(i),
                    &format!("`{}` has no column `{column}`", event.table),
                    column.as_str(),
                    table.columns.keys().map(SqlName::as_str),
                )
            })
            .collect()
    }
}
