//! `nself db new` and `nself db sum`.

use clap::Args;

use super::super::{SUCCESS, output};
use super::{Outcome, Selection, files};
use crate::database::history::{History, Migration, SUM_FILE, SumLine};
use crate::database::model::MigrationName;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::source::PlainDecoder;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// What the change is about, as a word: orders, orders_by_state.
    #[arg(long, value_name = "WORD")]
    name: Option<String>,
    /// An empty migration for SQL of your own.
    #[arg(long)]
    by_hand: bool,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Debug, Args)]
pub struct SumArguments {
    #[command(flatten)]
    selection: Selection,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let selection = &arguments.selection;
    let refused = |reason: String| {
        vec![
            Diagnostic::error(Code::BadName, FieldPath::root())
                .message(format!("--name: {reason}"))
                .expected("a word of a-z, 0-9 and `_`"),
        ]
    };
    // All plans first: a refusal of one database leaves the others as they were.
    let mut made = Vec::new();
    for definition in selection.definitions()? {
        let name = definition.name.clone();
        let mut history = selection.history(&name)?;
        let before = history.migrations.len();
        if arguments.by_hand {
            let slug = arguments.name.as_deref().unwrap_or("by_hand");
            let number = MigrationName::numbered(before + 1, slug).map_err(refused)?;
            history.migrations.push(Migration::by_hand(number, &history.head));
        } else {
            let old = history.schema(&name, &PlainDecoder).map_err(|finding| vec![finding])?;
            let groups = definition.plan(&old)?;
            let usual = if before == 0 { "init" } else { "change" };
            if !groups.is_empty() {
                let slug = arguments.name.as_deref().unwrap_or(usual);
                history.extend(slug, &groups, &definition.schema).map_err(refused)?;
            }
        }
        made.push((name, history, before));
    }
    for (name, history, before) in made {
        if history.migrations.len() == before {
            output::remark(&format!("{name}: nothing to do"));
            continue;
        }
        files::write(&selection.project(), &name, &history.files())?;
        for migration in &history.migrations[before..] {
            output::line(&format!("db/{name}/migrations/{}", migration.name));
            for step in &migration.plan.steps {
                let hazards: Vec<&str> = step.hazards.iter().map(|hazard| hazard.id()).collect();
                let hazards = if hazards.is_empty() { String::new() } else { format!("  [{}]", hazards.join(", ")) };
                output::line(&format!("  {}{hazards}", step.why));
            }
            if migration.down.is_none() && !migration.plan.by_hand {
                output::line("  there is no way back without a loss");
            }
        }
    }
    Ok(SUCCESS)
}

/// Seals what was written by hand at the end; what was sealed stays as it is.
pub fn sum(arguments: &SumArguments) -> Outcome {
    let selection = &arguments.selection;
    for definition in selection.definitions()? {
        let name = definition.name;
        let found = files::read(&selection.project(), &name)?;
        let history = History::parse(&name, &found)?;
        let text = found.get(SUM_FILE).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        let written = SumLine::parse(&text).unwrap_or_default();
        let now = history.sum();
        let open = history.migrations.iter().rev().take_while(|migration| migration.plan.by_hand).count();
        let sealed = history.migrations.len() - open;
        if written.get(..sealed.min(written.len())) != now.get(..sealed.min(written.len())) || written.len() > now.len()
        {
            // Says what was changed.
            History::read(&name, &found)?;
        }
        files::write(&selection.project(), &name, &history.files())?;
        History::read(&name, &files::read(&selection.project(), &name)?)?;
        output::remark(&format!("{name}: {} sealed", words::count(now.len(), "migration")));
    }
    Ok(SUCCESS)
}
