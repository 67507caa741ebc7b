//! Checks the planner with PostgreSQL: the planned steps turn one random schema into another, and the catalog equals
//! that of the second schema created from scratch. `NSELF_CASES=20000` runs more cases, `NSELF_SERVER=18` uses a
//! different server.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nself::database::migrate::{Down, StepGroups, StepMode, plan};
use nself::database::model::Schema;
use nself::diagnostic::{Code, Diagnostic, FieldPath};

use super::case::{Case, decode, schema, shuffled};
use super::edits::{Dice, EDITS};
use super::rows::{row_queries, seed};
use super::server::{Server, Session, Version};

/// Plans with every hazard allowed, by the objects that the findings name.
pub fn plan_allowing_hazards(a: &Schema, b: &mut Schema) -> Result<StepGroups, Vec<Diagnostic>> {
    for _ in 0..3 {
        match plan(a, b, &FieldPath::root()) {
            Err(findings)
                if findings.iter().all(|found| {
                    matches!(found.code, Code::HazardNotAllowed | Code::RenameUnclear)
                        || (found.code == Code::NeedsBackfill && found.hint.contains("if every row has a value"))
                }) =>
            {
                for finding in findings {
                    let (object, hazards) = allowance_of(&finding.hint);
                    for hazard in hazards {
                        let hazard = serde_json::from_value(hazard.into()).unwrap();
                        let why = serde_json::from_value("meant".into()).unwrap();
                        b.allow.entry(object.clone()).or_default().insert(hazard, why);
                    }
                }
            }
            other => return other,
        }
    }
    plan(a, b, &FieldPath::root())
}

/// Returns the object and the hazards of the entry that a hint proposes: `allow."t.a".may_fail = "why"`, or
/// `allow."t.a" = { rewrite = "why", may_fail = "why" }`.
fn allowance_of(hint: &str) -> (String, Vec<&str>) {
    let (_, entry) = hint.split_once("allow.\"").unwrap();
    let is_end = |at: &usize| !entry[..*at].ends_with('\\');
    let end = entry.match_indices('"').map(|(at, _)| at).find(is_end).unwrap();
    let (fields, _) = entry[end + 1..].split_once('`').unwrap();
    let names = fields.split(',').map(|field| {
        let name = field.trim_start_matches(['.', ' ', '=', '{']);
        name.split_once(' ').map_or(name, |(name, _)| name)
    });
    (entry[..end].replace("\\\"", "\""), names.collect())
}

pub fn run_up(session: &mut Session, groups: &StepGroups) -> Result<(), String> {
    for group in groups {
        let sql: Vec<&str> = group.iter().map(|step| step.up.as_str()).collect();
        let sql = sql.join("\n");
        let ran = match group[0].mode {
            StepMode::Index(_) => session.try_run(&sql),
            StepMode::Transaction => session.transaction(&sql),
        };
        ran.map_err(|error| format!("{error}\n{sql}"))?;
    }
    Ok(())
}

pub fn run_down(session: &mut Session, groups: &StepGroups) -> Result<bool, String> {
    let never = |group: &[nself::database::migrate::MigrationStep]| {
        group.iter().any(|step| matches!(step.down, Down::Irreversible(_)))
    };
    if groups.iter().any(|group| never(group)) {
        return Ok(false);
    }
    for group in groups.iter().rev() {
        let steps = group.iter().rev().filter_map(|step| match &step.down {
            Down::Sql(sql) => Some(sql.as_str()),
            _ => None,
        });
        let sql = steps.collect::<Vec<_>>().join("\n");
        let ran = match group[0].mode {
            StepMode::Index(_) => session.try_run(&sql),
            StepMode::Transaction => session.transaction(&sql),
        };
        ran.map_err(|error| format!("down: {error}\n{sql}"))?;
    }
    Ok(true)
}

struct World {
    a: Session,
    owner: Session,
    fresh: Session,
    /// Number of columns whose rows were compared before and after.
    compared: usize,
}

impl World {
    fn new(server: &Server, number: usize) -> World {
        let (a, b) = (format!("a{number}"), format!("b{number}"));
        server.database(&a);
        server.database(&b);
        World {
            a: server.session("postgres", &a),
            owner: server.session("owner", &a),
            fresh: server.session("owner", &b),
            compared: 0,
        }
    }

    fn digests(&mut self, queries: impl Iterator<Item = String>) -> Vec<String> {
        let sql: Vec<String> = queries.collect();
        let text = self.a.run_or_panic(&sql.join("\n"));
        // The table may have been renamed.
        text.lines().map(|line| line.split_once('|').unwrap_or_default().1.to_owned()).collect()
    }

    /// Checks one case. Returns `None` if the change is refused, otherwise whether it can be reverted.
    fn check(&mut self, case: &Case, done: &mut Vec<&'static str>) -> Result<Option<bool>, String> {
        let (draft_a, draft_b) = case.drafts(done);
        let (a, mut b) = (schema(&draft_a.root)?, schema(&draft_b.root)?);
        let empty = Schema::default();
        let text = |error: Vec<Diagnostic>| format!("{error:#?}");
        let Ok(groups) = plan_allowing_hazards(&a, &mut b) else { return Ok(None) };
        let mut permuted = decode(&shuffled(&draft_b.root, &mut Dice::new(7)))?;
        permuted.allow = b.allow.clone();
        if plan(&a, &permuted, &FieldPath::root()).map_err(text)? != groups {
            return Err("another order of fields gives another plan".into());
        }
        self.owner.reset();
        run_up(&mut self.owner, &plan(&empty, &a, &FieldPath::root()).map_err(text)?)?;
        self.a.try_run(&seed(&a)).map_err(|error| format!("seeds: {error}"))?;
        let before = self.owner.catalog();
        let kept = row_queries(&a, &b);
        let rows = self.digests(kept.iter().map(|(old, _)| old.clone()));
        self.compared += rows.iter().filter(|row| row.starts_with("3|")).count();
        run_up(&mut self.owner, &groups)?;
        let after = self.owner.catalog();
        self.fresh.reset();
        run_up(&mut self.fresh, &plan(&empty, &b, &FieldPath::root()).map_err(text)?)?;
        compare_catalogs("fresh", &self.fresh.catalog(), "migrated", &after)?;
        if self.digests(kept.iter().map(|(_, new)| new.clone())) != rows {
            return Err(format!("stored rows changed: {kept:#?}"));
        }
        // The snapshot of B equals B, so no change remains.
        let snapshot: Schema = serde_json::from_str(&serde_json::to_string(&b).unwrap()).map_err(|e| e.to_string())?;
        if !plan(&snapshot, &b, &FieldPath::root()).map_err(text)?.is_empty() {
            return Err("a second run has something to do".into());
        }
        let back = run_down(&mut self.owner, &groups)?;
        if back {
            compare_catalogs("before", &before, "and back", &self.owner.catalog())?;
            if self.digests(kept.iter().map(|(old, _)| old.clone())) != rows {
                return Err("the way back lost rows".into());
            }
        }
        Ok(Some(back))
    }
}

/// Returns an error with the differences unless two catalogs are equal. Each has a title for the message.
pub fn compare_catalogs(one: &str, left: &str, other: &str, right: &str) -> Result<(), String> {
    if left == right {
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(left, right);
    Err(format!("catalogs differ\n{}", diff.unified_diff().context_radius(0).header(one, other)))
}

/// Removes edits as long as the case still fails.
fn shrink(world: &mut World, mut case: Case) -> (Case, String) {
    let fails = |world: &mut World, case: &Case| world.check(case, &mut Vec::new()).err();
    let mut error = fails(world, &case).unwrap_or_default();
    loop {
        let mut smaller = None;
        for i in 0..case.second.len() + case.first.len() {
            let mut tried = case.clone();
            if i < case.second.len() {
                tried.second.remove(i);
            } else {
                tried.first.remove(i - case.second.len());
            }
            if let Some(found) = fails(world, &tried) {
                smaller = Some((tried, found));
                break;
            }
        }
        match smaller {
            Some((tried, found)) => (case, error) = (tried, found),
            None => return (case, error),
        }
    }
}

fn cases() -> usize {
    std::env::var("NSELF_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(2_000)
}

fn property(version: Version, from: usize, count: usize) {
    let Some(server) = Server::start(version) else { return };
    let next = AtomicUsize::new(from);
    let failed = Mutex::new(None);
    let counts = Mutex::new((BTreeMap::<&str, usize>::new(), 0, 0, 0));
    let compared = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let (server, next, failed, counts, compared) = (&server, &next, &failed, &counts, &compared);
            scope.spawn(move || {
                let mut world = World::new(server, worker);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= from + count || failed.lock().unwrap().is_some() {
                        break;
                    }
                    let case = Case::new(number as u64);
                    let mut done = Vec::new();
                    match world.check(&case, &mut done) {
                        Ok(outcome) => {
                            let mut counts = counts.lock().unwrap();
                            match outcome {
                                None => counts.1 += 1,
                                Some(back) => {
                                    counts.2 += 1;
                                    counts.3 += usize::from(back);
                                    for kind in done {
                                        *counts.0.entry(kind).or_default() += 1;
                                    }
                                }
                            }
                        }
                        Err(_) => {
                            let (case, error) = shrink(&mut world, case);
                            let (a, b) = case.drafts(&mut Vec::new());
                            let mut names = Vec::new();
                            names.extend(case.second.iter().map(|(edit, _)| EDITS[*edit].0));
                            *failed.lock().unwrap() = Some(format!(
                                "case {number}, edits {names:?}\n{error}\nfrom {:#}\nto {:#}",
                                a.root, b.root
                            ));
                        }
                    }
                }
                compared.fetch_add(world.compared, Ordering::Relaxed);
            });
        }
    });
    if let Some(failure) = failed.into_inner().unwrap() {
        panic!("{failure}");
    }
    let (kinds, refused, ran, back) = counts.into_inner().unwrap();
    let compared = compared.into_inner();
    eprintln!(
        "{version:?}: {ran} plans ran, {back} of them also back, {refused} refused, {compared} columns with rows kept; {} kinds: {kinds:?}",
        kinds.len()
    );
    assert!(compared > ran, "hardly any rows are looked at: {compared}");
    assert!(refused * 5 < ran, "too much is refused");
    if count >= 1_000 {
        assert!(kinds.len() >= 90, "kinds of change are never tried: {}", kinds.len());
        assert!(back * 4 > ran, "ways back are hardly ever tried");
    }
}

#[test]
fn a_planned_change_leads_to_the_schema_and_keeps_the_rows() {
    property(Version::chosen(), 0, cases());
}

#[test]
fn a_planned_change_works_on_a_newer_server() {
    property(Version::V17, 1_000_000, cases() / 10);
}

#[test]
fn a_planned_change_works_on_the_newest_server() {
    property(Version::V18, 2_000_000, cases() / 10);
}
