//! Columns of a table that holds rows.

use super::graph::Kind;
use super::objects::LOSES;
use super::table::unless;
use super::{Diff, Down, Phase, Planner, Step};
use crate::artifact::Digest;
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::lexer::{self, Kind as Token};
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};
use crate::stack::SqlIdent;

/// Columns that tell owners apart.
pub const OWNERS: [&str; 2] = ["tenant_id", "source_account_id"];

pub fn plan(planner: &mut Planner, all: &Diff, name: &ObjectName, old: &Table, new: &Table, path: &FieldPath) {
    let path = path.key("columns");
    let forced = old.row_security == RowSecurity::Forced;
    let divided = new.partition_by.is_some();
    let rank = all.new_graph.position(Kind::Table, name);
    for (column, was) in &old.columns {
        match new.columns.get(column) {
            None => gone(planner, name, old, new, (column, was), &path),
            Some(is) => {
                let at = At { forced, divided, table: name, column, columns: &path, rank };
                let rebuilt = all.touched.rebuilds(&was.kind);
                if all.touched.regenerated_of(name).contains(column) {
                    regenerate(planner, &at, was, is);
                } else {
                    change(planner, &at, new, was, is, rebuilt && was.kind == is.kind);
                }
            }
        }
    }
    for (column, is) in new.columns.iter().filter(|(column, _)| !old.columns.contains_key(*column)) {
        add(planner, &At { forced, divided, table: name, column, columns: &path, rank }, is);
    }
}

/// A column and where it stands.
struct At<'a> {
    /// Row security binds the owner, and so whoever migrates.
    forced: bool,
    divided: bool,
    table: &'a ObjectName,
    column: &'a SqlIdent,
    /// Where the table's columns stand in the stack.
    columns: &'a FieldPath,
    rank: usize,
}

impl At<'_> {
    fn path(&self) -> FieldPath {
        self.columns.key(self.column.as_str())
    }

    fn step(&self, phase: Phase, key: &str, what: &str) -> Step {
        let path = if key.is_empty() { self.path() } else { self.path().key(key) };
        let why = format!("{}.{} {what}", self.table, self.column);
        Step::new(phase, format!("{}.{}", self.table, self.column), path, why).rank(self.rank)
    }

    /// A statement that has to see all rows.
    fn on_all_rows(&self, sql: &str) -> String {
        if !self.forced {
            return sql.to_owned();
        }
        let alter = format!("ALTER TABLE {}", self.table.sql());
        format!("{alter} NO FORCE ROW LEVEL SECURITY;\n{sql}\n{alter} FORCE ROW LEVEL SECURITY;")
    }

    fn alter(&self) -> String {
        format!("ALTER TABLE {} ALTER COLUMN {}", self.table.sql(), quoted(self.column))
    }
}

/// The column that tells owners apart does not change unseen.
fn owner(column: &SqlIdent) -> Option<Hazard> {
    OWNERS.contains(&column.as_str()).then_some(Hazard::TenantColumn)
}

fn gone(
    planner: &mut Planner,
    name: &ObjectName,
    old: &Table,
    new: &Table,
    (column, was): (&SqlIdent, &Column),
    path: &FieldPath,
) {
    let object = format!("{name}.{column}");
    let drop = format!("ALTER TABLE {} DROP COLUMN {};", name.sql(), quoted(column));
    let step = Step::new(Phase::Contract, object.clone(), path.clone(), format!("{object} is gone")).up(drop);
    if was.generated.is_some() {
        let add = format!("ALTER TABLE {} ADD COLUMN {};", name.sql(), ddl::column(column, was));
        let add = if was.comment.is_some() {
            let on = format!("{}.{}", name.sql(), quoted(column));
            format!("{add}\n{}", ddl::comment("COLUMN", &on, was.comment.as_ref()))
        } else {
            add
        };
        // In its own phase, so that what it is computed from may go after it.
        let mut step = step.down(add);
        step.phase = Phase::Create;
        planner.push(step);
        return;
    }
    let alike = new
        .columns
        .iter()
        .find(|(other, is)| !old.columns.contains_key(*other) && is.kind == was.kind && is.generated.is_none());
    if let Some((other, _)) = alike.filter(|_| !planner.allows(&object, Hazard::DeletesData)) {
        let finding = planner
            .error(Code::RenameUnclear, path.key(other.as_str()))
            .message(format!("{object} is gone, and {name}.{other} is new with the same type"))
            .expected("a hint that tells a rename from a loss")
            .hint(format!(
                "`renamed_from = \"{column}\"` keeps the values; `allow.\"{object}\".deletes_data = \"why\"` drops them"
            ));
        planner.findings.push(finding);
        return;
    }
    planner.push(step.never(LOSES).hazard(Hazard::DeletesData).hazards(owner(column)));
}

/// Its values are computed, so nothing is lost by dropping and adding it.
fn regenerate(planner: &mut Planner, at: &At, was: &Column, is: &Column) {
    let table = at.table.sql();
    let drop = format!("ALTER TABLE {table} DROP COLUMN {};", quoted(at.column));
    let add = |column: &Column| format!("ALTER TABLE {table} ADD COLUMN {};", ddl::column(at.column, column));
    let mut back = add(was);
    if was.comment.is_some() {
        let on = format!("{table}.{}", quoted(at.column));
        back += &format!("\n{}", ddl::comment("COLUMN", &on, was.comment.as_ref()));
    }
    // The column goes before what it is made of changes, and comes back after.
    planner.push(
        at.step(Phase::Create, "generated", "is computed otherwise")
            .rank(at.rank.saturating_sub(1))
            .up(drop.clone())
            .down(back),
    );
    planner.push(
        at.step(Phase::Create, "generated", "is computed otherwise")
            .rank(at.rank + 1)
            .up(add(is))
            .down(drop)
            .hazard(Hazard::Rewrite),
    );
}

/// Whether an expression has the same value for every row and at any time.
pub fn is_constant(expression: &Expression) -> bool {
    let tokens = lexer::tokens(expression.as_str()).unwrap_or_default();
    let mut cast = false;
    for (i, token) in tokens.iter().enumerate() {
        let after_cast = i >= 2 && tokens[i - 1].text == ":" && tokens[i - 2].text == ":";
        cast =
            after_cast || (cast && (token.kind == Token::Word || ["(", ")", "[", "]", ",", "."].contains(&token.text)));
        let word = token.text.to_ascii_lowercase();
        let constant = match token.kind {
            Token::Literal | Token::Number | Token::Symbol => true,
            Token::Word | Token::Quoted => {
                cast || ["null", "true", "false", "array", "interval", "date", "timestamp", "e"]
                    .contains(&word.as_str())
            }
            Token::Comment => false,
        };
        if !constant {
            return false;
        }
    }
    true
}

/// Functions that give every row of one statement the same value: the server computes them once.
const STABLE: [&str; 7] = [
    "now",
    "current_timestamp",
    "current_date",
    "localtimestamp",
    "transaction_timestamp",
    "current_user",
    "statement_timestamp",
];

fn is_stable(expression: &Expression) -> bool {
    let tokens = lexer::tokens(expression.as_str()).unwrap_or_default();
    let words = tokens.iter().filter(|token| token.kind == Token::Word);
    let known = |word: &str| STABLE.contains(&word) || is_constant(&Expression::from_word(word));
    is_constant(expression) || words.into_iter().all(|token| known(&token.text.to_ascii_lowercase()))
}

fn add(planner: &mut Planner, at: &At, is: &Column) {
    if at.divided && is.identity.is_some() {
        refuse_identity(planner, at);
        return;
    }
    let table = at.table.sql();
    let column = quoted(at.column);
    let filled = is.default.is_some() || is.identity.is_some() || is.generated.is_some() || is.nullable;
    if !filled && is.backfill.is_none() {
        planner.refuse(
            Code::NeedsBackfill,
            at.path(),
            format!("{}.{} is NOT NULL, and rows that exist have no value for it", at.table, at.column),
            "give it a `default`, say `backfill = \"an expression\"`, or make it `nullable`",
        );
        return;
    }
    // A domain may refuse NULL or have a default of its own.
    let (domain, fills) = match is.kind.object().and_then(|kind| planner.new.types.get(&kind)) {
        Some(UserType::Domain(domain)) => (true, domain.default.is_some() || domain.base.object().is_some()),
        _ => (false, false),
    };
    let computed = is.identity.is_some() || is.generated.is_some();
    let drop = format!("ALTER TABLE {table} DROP COLUMN {column};");
    if let Some(backfill) = &is.backfill {
        let bare = Column { nullable: true, default: None, ..is.clone() };
        let mut up = vec![format!("ALTER TABLE {table} ADD COLUMN {};", ddl::column(at.column, &bare))];
        if let Some(default) = &is.default {
            up.push(format!("{} SET DEFAULT ({default});", at.alter()));
        }
        up.push(at.on_all_rows(&format!("UPDATE {table} SET {column} = ({backfill}) WHERE {column} IS NULL;")));
        planner
            .push(at.step(Phase::Create, "", "is new").up(up.join("\n")).never("values written since would be lost"));
        if !is.nullable {
            not_null(planner, at, None);
        }
        return;
    }
    let constant = is.default.as_ref().is_none_or(is_constant) && is.identity.is_none() && !fills;
    let down = if is.generated.is_some() {
        Down::Sql(drop)
    } else if constant {
        let lossy = match &is.default {
            None => format!("SELECT FROM {table} WHERE {column} IS NOT NULL"),
            Some(default) => {
                // As text, since not every type can be compared.
                let kind = is.kind.sql();
                format!("SELECT FROM {table} WHERE {column}::text IS DISTINCT FROM (({default})::{kind})::text")
            }
        };
        let guard = unless(&lossy, &format!("{}.{} holds values", at.table, at.column));
        Down::Sql(format!("{}\n{drop}", at.on_all_rows(&guard)))
    } else {
        Down::Never("values written since would be lost")
    };
    let volatile = is.default.as_ref().is_some_and(|default| !is_stable(default));
    let mut step = at
        .step(Phase::Create, "", "is new")
        .up(format!("ALTER TABLE {table} ADD COLUMN {};", ddl::column(at.column, is)))
        .hazards((computed || volatile || domain).then_some(Hazard::Rewrite));
    // What it is computed from may be new as well.
    step.rank += usize::from(is.generated.is_some());
    step.down = down;
    planner.push(step);
}

/// Takes the NULLs away without a long lock: a condition that is checked while rows can be written.
fn not_null(planner: &mut Planner, at: &At, backfill: Option<&Expression>) {
    let table = at.table.sql();
    let column = quoted(at.column);
    let helper = format!("\"nn_{}\"", Digest::of(at.column.as_str().as_bytes()).short());
    if let Some(backfill) = backfill {
        planner.push(
            at.step(Phase::Create, "backfill", "gets values where it has none")
                .rank(at.rank + 1)
                .up(at.on_all_rows(&format!("UPDATE {table} SET {column} = ({backfill}) WHERE {column} IS NULL;")))
                .never("which values were NULL is forgotten"),
        );
    }
    let add = format!("ALTER TABLE {table} ADD CONSTRAINT {helper} CHECK ({column} IS NOT NULL) NOT VALID;");
    let remove = format!("ALTER TABLE {table} DROP CONSTRAINT {helper};");
    planner.push(
        at.step(Phase::Attach, "nullable", "takes no more NULLs").up(add).down(remove.clone()).hazard(Hazard::MayFail),
    );
    planner.push(
        at.step(Phase::Validate, "nullable", "has no NULLs")
            .up(format!(
                "ALTER TABLE {table} VALIDATE CONSTRAINT {helper};\n{} SET NOT NULL;\n{remove}",
                at.alter()
            ))
            .down(format!(
                "ALTER TABLE {table} ADD CONSTRAINT {helper} CHECK ({column} IS NOT NULL) NOT VALID;\n{} DROP NOT NULL;",
                at.alter()
            ))
            .hazard(Hazard::MayFail),
    );
}

/// How a type becomes another.
enum Conversion {
    /// Nothing is written; the way back may fail, never lose.
    Free { back: bool },
    /// Every row is written, no value changes.
    Widens { back: bool },
    /// Only the user knows.
    Other,
}

fn conversion(old: &TypeName, new: &TypeName) -> Conversion {
    if old.is_array() || new.is_array() {
        return Conversion::Other;
    }
    let (from, to) = (old.modifiers(), new.modifiers());
    let grows = to.is_empty() || (from.len() == 1 && to.len() == 1 && to[0] >= from[0]);
    let number = |kind: &str| ["smallint", "integer", "bigint"].iter().position(|known| *known == kind);
    match (old.base(), new.base()) {
        ("varchar", "text") => Conversion::Free { back: from.is_empty() },
        ("text", "varchar") if to.is_empty() => Conversion::Free { back: true },
        ("varchar", "varchar") if grows => Conversion::Free { back: false },
        ("varbit", "varbit") if grows => Conversion::Free { back: false },
        ("numeric", "numeric") if to.is_empty() => Conversion::Free { back: false },
        ("numeric", "numeric") if from.len() == to.len() && from.get(1) == to.get(1) && from[0] <= to[0] => {
            Conversion::Free { back: true }
        }
        ("timestamp", "timestamp") | ("timestamptz", "timestamptz") | ("time", "time") if grows => {
            Conversion::Free { back: false }
        }
        ("cidr", "inet") => Conversion::Free { back: false },
        (a, b) if number(a).is_some() && number(a) < number(b) => Conversion::Widens { back: true },
        (a, "numeric") if number(a).is_some() && to.is_empty() => Conversion::Widens { back: false },
        ("real", "double precision") | ("char", "text") => Conversion::Widens { back: false },
        _ => Conversion::Other,
    }
}

fn change(planner: &mut Planner, at: &At, table: &Table, was: &Column, is: &Column, rebuilt: bool) {
    if was.generated.is_some() && is.generated.is_none() {
        planner.push(
            at.step(Phase::Create, "generated", "keeps its values and is computed no more")
                .up(format!("{} DROP EXPRESSION;", at.alter()))
                .never("PostgreSQL cannot compute an existing column"),
        );
    } else if was.generated.is_none() && is.generated.is_some() {
        planner.refuse(
            Code::ChangeRefused,
            at.path().key("generated"),
            format!("{}.{} holds values and cannot become computed", at.table, at.column),
            "add a computed column of another name",
        );
        return;
    }
    if was.kind != is.kind || was.collation != is.collation {
        retype(planner, at, table, was, is);
    } else if was.default != is.default && !rebuilt {
        default(planner, at, was, is);
    }
    identity(planner, at, was, is);
    match (was.nullable, is.nullable) {
        (true, false) => not_null(planner, at, is.backfill.as_ref()),
        (false, true) => planner.push(
            at.step(Phase::Create, "nullable", "may be NULL")
                .rank(at.rank + 1)
                .up(format!("{} DROP NOT NULL;", at.alter()))
                .down(format!("{} SET NOT NULL;", at.alter()))
                .hazard(Hazard::DropsConstraint)
                .hazards(owner(at.column)),
        ),
        _ => {}
    }
}

fn set_default(at: &At, default: Option<&Expression>) -> String {
    match default {
        Some(default) => format!("{} SET DEFAULT ({default});", at.alter()),
        None => format!("{} DROP DEFAULT;", at.alter()),
    }
}

fn default(planner: &mut Planner, at: &At, was: &Column, is: &Column) {
    planner.push(
        at.step(Phase::Create, "default", "has another default")
            .up(set_default(at, is.default.as_ref()))
            .down(set_default(at, was.default.as_ref()))
            .hazards(owner(at.column)),
    );
}

fn retype(planner: &mut Planner, at: &At, table: &Table, was: &Column, is: &Column) {
    if table.partition_by.as_ref().is_some_and(|by| by.columns.contains(at.column)) {
        planner.refuse(
            Code::ChangeRefused,
            at.path().key("type"),
            format!("rows are divided by {}.{}, which cannot change its type", at.table, at.column),
            "make a table of another name, and move the rows",
        );
        return;
    }
    let conversion = if is.using.is_some() { Conversion::Other } else { conversion(&was.kind, &is.kind) };
    let same = was.kind == is.kind;
    if matches!(conversion, Conversion::Other) && is.using.is_none() && !same {
        planner.refuse(
            Code::NeedsUsing,
            at.path().key("type"),
            format!("{}.{}: {} does not become {} by itself", at.table, at.column, was.kind, is.kind),
            &format!("say how, such as `using = \"{}::{}\"`, or add another column", at.column, is.kind),
        );
        return;
    }
    let kind = |column: &Column| {
        let collation = column.collation.map_or(String::new(), |collation| format!(" COLLATE {}", collation.sql()));
        let collation = if collation.is_empty() && same { " COLLATE pg_catalog.\"default\"".into() } else { collation };
        format!("{}{collation}", column.kind.sql())
    };
    let alter = |to: &Column, using: Option<&Expression>, from: &Column| {
        let mut sql = Vec::new();
        if from.default.is_some() {
            sql.push(set_default(at, None));
        }
        let using = using.map_or(String::new(), |using| format!(" USING ({using})"));
        sql.push(format!("{} TYPE {}{using};", at.alter(), kind(to)));
        if to.default.is_some() {
            sql.push(set_default(at, to.default.as_ref()));
        }
        sql.join("\n")
    };
    let (hazards, back): (&[Hazard], bool) = match conversion {
        _ if same => (&[Hazard::AccessExclusive, Hazard::BlockingScan], true),
        Conversion::Free { back } => (&[Hazard::AccessExclusive], back),
        Conversion::Widens { back } => (&[Hazard::Rewrite], back),
        Conversion::Other => (&[Hazard::Rewrite, Hazard::ConvertsData, Hazard::MayFail], false),
    };
    let mut step = at
        .step(Phase::Create, "type", if same { "is sorted otherwise" } else { "has another type" })
        .up(alter(is, is.using.as_ref(), was))
        .hazards(hazards.iter().copied())
        .hazards(owner(at.column));
    step.down = if back { Down::Sql(alter(was, None, is)) } else { Down::Never("the old values cannot be told") };
    planner.push(step);
}

/// A table that is divided cannot number its rows later on.
fn refuse_identity(planner: &mut Planner, at: &At) {
    planner.refuse(
        Code::ChangeRefused,
        at.path().key("identity"),
        format!("{} is divided into partitions, and its columns are numbered from the start or not at all", at.table),
        "use a sequence and `default = \"nextval('…')\"`",
    );
}

fn identity(planner: &mut Planner, at: &At, was: &Column, is: &Column) {
    if at.divided && was.identity != is.identity {
        refuse_identity(planner, at);
        return;
    }
    let step = |what: &str| at.step(Phase::Create, "identity", what).rank(at.rank + 1);
    match (was.identity, is.identity) {
        (None, Some(identity)) => {
            let table = literal(&at.table.sql());
            let column = literal(at.column.as_str());
            let next = format!(
                "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence({table}, {column}), \
                 (SELECT coalesce(max({}), 0) + 1 FROM {}), false);",
                quoted(at.column),
                at.table.sql()
            );
            planner.push(
                step("is numbered by the server")
                    .up(format!("{} ADD {};\n{}", at.alter(), ddl::identity(identity), at.on_all_rows(&next)))
                    .down(format!("{} DROP IDENTITY;", at.alter())),
            );
        }
        (Some(_), None) => planner.push(
            step("is numbered by the server no more")
                .rank(at.rank.saturating_sub(1))
                .up(format!("{} DROP IDENTITY;", at.alter()))
                .never("the position of its sequence is gone"),
        ),
        (Some(old), Some(new)) if old != new => {
            let set =
                |identity| format!("{} SET {};", at.alter(), ddl::identity(identity).trim_end_matches(" AS IDENTITY"));
            planner.push(step("is numbered otherwise").up(set(new)).down(set(old)));
        }
        _ => {}
    }
}
