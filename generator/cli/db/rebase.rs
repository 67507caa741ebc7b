//! `nself db rebase`: two branches added migrations. Those of the base stay as they are; own ones are planned anew
//! after them, and what was written by hand keeps its SQL.

use clap::Args;

use super::super::{SUCCESS, output};
use super::verify::git;
use super::{Outcome, Selection, files};
use crate::database::history::{History, HistoryFiles};
use crate::database::model::MigrationName;
use crate::database::snapshot;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::source::PlainDecoder;
use crate::values::SqlIdent;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// The git revision whose migrations come first, such as origin/main.
    #[arg(long, value_name = "REV")]
    base: String,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let selection = &arguments.selection;
    let internal = |reason: String| vec![Diagnostic::error(Code::BadName, FieldPath::root()).message(reason)];
    let mut made = Vec::new();
    for definition in selection.definitions()? {
        let name = definition.name.clone();
        let base = History::read(&name, &files_of(selection, &arguments.base, &name)?)?;
        // The sum and the snapshot may hold the marks of a merge; the migrations say what there is.
        let mut found = files::read(&selection.project(), &name)?;
        found.retain(|path, _| path.starts_with("migrations/"));
        let own = History::parse(&name, &found)?;
        let is_of_base = |migration: &&crate::database::history::Migration| {
            base.migrations.iter().any(|known| known.name == migration.name && known.up == migration.up)
        };
        let own: Vec<_> = own.migrations.iter().filter(|migration| !is_of_base(migration)).collect();
        let mut history = base;
        let first = history.migrations.len();
        let old = history.schema(&name, &PlainDecoder).map_err(|finding| vec![finding])?;
        let groups = definition.plan(&old);
        let groups = groups.map_err(|findings| definition.located(findings))?;
        let slug =
            own.iter().find(|migration| !migration.plan.by_hand).map_or("change", |migration| migration.name.slug());
        if !groups.is_empty() {
            history.extend(slug, &groups, &definition.schema).map_err(internal)?;
        }
        for migration in own.iter().filter(|migration| migration.plan.by_hand) {
            let number = history.migrations.len() + 1;
            let mut kept = (*migration).clone();
            kept.name = MigrationName::numbered(number, migration.name.slug()).map_err(internal)?;
            kept.plan.from = snapshot::Digests::of(&history.head).root();
            kept.plan.to = kept.plan.from;
            history.migrations.push(kept);
        }
        made.push((name, history, first));
    }
    for (name, history, first) in made {
        files::write(&selection.project(), &name, &history.files())?;
        for migration in &history.migrations[first..] {
            output::line(&format!("db/{name}/migrations/{}", migration.name));
        }
        output::remark(&format!(
            "{name}: {} after {first} of {}",
            words::count(history.migrations.len() - first, "migration"),
            arguments.base
        ));
    }
    Ok(SUCCESS)
}

/// The files of a database in another revision.
fn files_of(selection: &Selection, revision: &str, name: &SqlIdent) -> Result<HistoryFiles, Vec<Diagnostic>> {
    let folder = format!("db/{name}/");
    let listed = git(selection, &["ls-tree", "-r", "-z", "--name-only", "--end-of-options", revision, "--", &folder])?;
    let mut files = HistoryFiles::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        let inner = path.strip_prefix(&folder).unwrap_or(path);
        if inner == "nself.sum" || inner.starts_with("migrations/") || inner.starts_with("schema/") {
            let text = git(selection, &["cat-file", "--end-of-options", "blob", &format!("{revision}:./{path}")])?;
            files.insert(inner.to_owned(), text.into_bytes());
        }
    }
    Ok(files)
}
