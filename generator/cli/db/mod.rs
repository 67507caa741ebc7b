//! `nself db`: from definitions to migrations. Only what is given a URL talks to a server, through `server`.

mod baseline;
mod diff;
mod down;
mod export;
pub mod files;
mod import;
mod lint;
mod new;
mod rebase;
mod server;
mod status;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{ERROR, Format, StackArguments, output};
use crate::database::history::History;
use crate::database::migrate::StepGroups;
use crate::database::model::Schema;
use crate::database::{self, allow};
use crate::diagnostic::{self, Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan;
use crate::source::{self, Origins};
use crate::values::SqlIdent;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The SQL that `db new` would write, or that leads from X to Y.
    Diff(diff::Arguments),
    /// Write the migrations that the definitions need.
    New(new::Arguments),
    /// Seal migrations that were written by hand.
    Sum(new::SumArguments),
    /// Parse all migrations and name what is dangerous in them.
    Lint(lint::Arguments),
    /// Check that the history only grew and leads to the definitions.
    Verify(verify::Arguments),
    /// Where each database stands.
    Status(status::Arguments),
    /// A definition from DBML, SQL or a running server, as Nickel on stdout.
    Import(import::Arguments),
    /// Take over a server that has everything already: fill its ledger without running anything.
    Baseline(baseline::Arguments),
    /// The way back to an earlier migration, as a script for psql.
    Down(down::Arguments),
    /// The migrations as files of another runner.
    Export(export::Arguments),
    /// Put own migrations after those of another branch.
    Rebase(rebase::Arguments),
}

pub fn run(arguments: &Arguments) -> u8 {
    let (outcome, format) = match &arguments.action {
        Action::Diff(arguments) => (diff::run(arguments), arguments.findings_format()),
        Action::New(arguments) => (new::run(arguments), Format::Text),
        Action::Sum(arguments) => (new::sum(arguments), Format::Text),
        Action::Lint(arguments) => (lint::run(arguments), arguments.format),
        Action::Verify(arguments) => (verify::run(arguments), arguments.format),
        Action::Status(arguments) => (status::run(arguments), arguments.format),
        Action::Import(arguments) => (import::run(arguments), Format::Text),
        Action::Baseline(arguments) => (baseline::run(arguments), arguments.format),
        Action::Down(arguments) => (down::run(arguments), Format::Text),
        Action::Export(arguments) => (export::run(arguments), Format::Text),
        Action::Rebase(arguments) => (rebase::run(arguments), Format::Text),
    };
    outcome.unwrap_or_else(|findings| {
        let findings = diagnostic::merge(findings);
        output::failure(format, &findings);
        ERROR
    })
}

type Outcome = Result<u8, Vec<Diagnostic>>;

/// Which databases of which stack.
#[derive(Debug, Clone, Args)]
struct Selection {
    #[command(flatten)]
    stack: StackArguments,
    /// Only this database; may be repeated.
    #[arg(long = "database", value_name = "NAME")]
    databases: Vec<String>,
}

/// A database of the stack.
#[derive(Clone)]
struct Definition {
    name: SqlIdent,
    schema: Schema,
    origins: Origins,
    /// Roles of services that read and write all rows.
    guests: BTreeSet<SqlIdent>,
}

impl Definition {
    /// The role to which everything in the database belongs.
    fn owner(&self) -> SqlIdent {
        plan::migrations_role(&self.name)
    }

    fn root(&self) -> FieldPath {
        path!("databases", self.name)
    }

    /// The way from an older schema; says which allowances are for nothing.
    fn plan(&self, old: &Schema) -> Result<StepGroups, Vec<Diagnostic>> {
        let stale = self.located(allow::unknown(old, &self.schema, &self.root()));
        match database::migrate::plan(old, &self.schema, &self.root()) {
            Ok(groups) => {
                output::findings(&stale);
                Ok(groups)
            }
            Err(findings) => Err(self.located(findings).into_iter().chain(stale).collect()),
        }
    }

    fn located(&self, mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        findings.iter_mut().for_each(|finding| self.origins.locate(finding));
        findings
    }
}

impl Selection {
    fn project(&self) -> PathBuf {
        let stack = &self.stack.stack;
        stack.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
    }

    /// The definitions, the same in every environment.
    fn definitions(&self) -> Result<Vec<Definition>, Vec<Diagnostic>> {
        let loaded = source::load(&self.stack.request())?;
        let mut findings = loaded.findings;
        let mut all: BTreeMap<SqlIdent, Definition> = BTreeMap::new();
        for environment in loaded.environments {
            let (definitions, found) = plan::definitions(&environment.stack);
            for mut finding in found {
                environment.origins.locate(&mut finding);
                finding.environments = vec![environment.name.to_string()];
                findings.push(finding);
            }
            for (name, (schema, guests)) in definitions {
                let known = all.entry(name.clone()).or_insert_with(|| Definition {
                    name: name.clone(),
                    schema: schema.clone(),
                    origins: environment.origins.clone(),
                    guests: BTreeSet::new(),
                });
                known.guests.extend(guests);
                if known.schema != schema {
                    let mut finding = Diagnostic::error(Code::SchemaInvalid, path!("databases", name))
                        .message(format!("`{name}` is not the same in all environments"))
                        .hint("environments differ in data, such as `seeds.local`, never in tables");
                    environment.origins.locate(&mut finding);
                    findings.push(finding);
                }
            }
        }
        for name in self.databases.iter().filter(|name| !all.keys().any(|known| known.as_str() == *name)) {
            findings.push(
                Diagnostic::error(Code::UnknownDatabase, path!("databases", name))
                    .message(format!("the stack defines no database `{name}`")),
            );
        }
        if findings.iter().any(Diagnostic::is_error) {
            return Err(findings);
        }
        let selected =
            |name: &SqlIdent| self.databases.is_empty() || self.databases.iter().any(|wanted| wanted == name.as_str());
        Ok(all.into_values().filter(|definition| selected(&definition.name)).collect())
    }

    /// The definition, where there has to be one; `why` says for what.
    fn only(&self, why: &str) -> Result<Definition, Vec<Diagnostic>> {
        let mut found = self.definitions()?;
        match (found.pop(), found.is_empty()) {
            (Some(definition), true) => Ok(definition),
            _ => Err(vec![
                Diagnostic::error(Code::UnknownDatabase, FieldPath::root())
                    .message(why)
                    .hint("name it with --database"),
            ]),
        }
    }

    /// A database's history, checked.
    fn history(&self, name: &SqlIdent) -> Result<History, Vec<Diagnostic>> {
        History::read(name, &files::read(&self.project(), name)?)
    }
}
