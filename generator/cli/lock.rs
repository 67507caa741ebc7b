//! `nself lock`: asks registries what the stack's image tags stand for and writes nself.lock. Pins that are there
//! stay until they are told to move.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use clap::Args;
use serde_json::json;

use super::{DIFFERENCES, ERROR, Format, SUCCESS, StackArguments, generate, output};
use crate::diagnostic::{self, Code, Diagnostic, FieldPath, Span};
use crate::files::{FileKind, Root};
use crate::lock::{FILE, ImageName, Lock, Pin};
use crate::registry::{Registry, Ways};
use crate::values::ImageRef;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    stack: StackArguments,
    /// Ask again for this image; without a tag, for all tags of it. May be repeated.
    #[arg(long, value_name = "IMAGE")]
    update: Vec<String>,
    /// Ask again for every image.
    #[arg(long)]
    update_all: bool,
    /// Write nothing; exit with 1 if nself.lock would change. Asks no registry unless --update says so.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    ways: WaysArguments,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// How to reach registries.
#[derive(Debug, Clone, Args)]
pub struct WaysArguments {
    /// Read what belongs to HOST from MIRROR first; a prefix of repositories may follow. May be repeated.
    #[arg(long, value_name = "HOST=MIRROR[/PREFIX]", value_parser = mirror)]
    mirror: Vec<(String, String)>,
    /// Speak plain HTTP with this host. May be repeated.
    #[arg(long, value_name = "HOST")]
    plain_http: Vec<String>,
}

impl WaysArguments {
    pub fn registry(&self) -> Registry {
        let mut ways = Ways { plain: self.plain_http.iter().cloned().collect(), ..Ways::default() };
        for (host, mirror) in &self.mirror {
            ways.mirrors.entry(host.clone()).or_default().push(mirror.clone());
        }
        Registry::new(ways)
    }
}

fn mirror(text: &str) -> Result<(String, String), String> {
    let (host, mirror) = text.split_once('=').ok_or("it is not HOST=MIRROR")?;
    let plain =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/[]".contains(c));
    if plain(host) && plain(mirror) && !mirror.contains("//") {
        Ok((host.to_owned(), mirror.trim_end_matches('/').to_owned()))
    } else {
        Err("hosts come without https://".to_owned())
    }
}

/// At once; registries answer slowly and take their time in parallel.
const CONNECTIONS: usize = 6;

pub fn run(arguments: &Arguments) -> u8 {
    lock(arguments).unwrap_or_else(|findings| {
        let findings = diagnostic::merge(findings);
        output::failure(arguments.format, &findings);
        ERROR
    })
}

fn lock(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let one = |finding: Diagnostic| vec![finding];
    let project = arguments.stack.project();
    let old = Lock::read(&project).map_err(one)?;
    let images = images(&arguments.stack)?;
    let again = again(arguments, &images)?;
    let (missing, unused) = old.compare(&images.values().map(|image| image.name.clone()).collect());
    if arguments.check && again.is_empty() {
        return Ok(report_check(arguments, &missing, &unused, &images));
    }
    let asked: BTreeSet<&String> = missing.iter().chain(&again).collect();
    let mut new = old.clone();
    new.images.retain(|name, _| !unused.contains(name));
    let mut findings = Vec::new();
    if !asked.is_empty() {
        let registry = arguments.ways.registry();
        for (name, outcome) in ask(&registry, &asked) {
            match outcome {
                Ok(pin) => {
                    new.images.insert(name.clone(), pin);
                }
                Err(failure) => findings.push(images.get(name).map_or_else(
                    || failure.finding(FieldPath::root()),
                    |image| failure.finding(image.path.clone()).at(image.span.clone()),
                )),
            }
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let folder = Root::project(&project);
    let known = folder.read(FILE, FileKind::Lock).map_err(|error| one(error.into()))?;
    let changed = new != old || known.is_none_or(|text| text != new.to_bytes());
    if changed && !arguments.check {
        folder.write(FILE, &new.to_bytes()).map_err(|error| one(error.into()))?;
    }
    Ok(report(arguments, &old, &new, changed))
}

/// An image of the stack and a place that names it.
struct Image {
    name: ImageRef,
    path: FieldPath,
    span: Option<Span>,
}

/// All images of all environments that a lock pins, by their full names.
fn images(stack: &StackArguments) -> Result<BTreeMap<String, Image>, Vec<Diagnostic>> {
    let made = generate::made(stack, &[], None, Some(Lock::default()))?;
    let mut images = BTreeMap::new();
    for planned in &made.plans {
        for (path, image) in planned.plan.images() {
            let reference = ImageName::new(image);
            if reference.digest.is_none() {
                let span = planned.origins.span(&path);
                images.entry(reference.to_string()).or_insert(Image { name: image.clone(), path, span });
            }
        }
    }
    Ok(images)
}

/// The names to ask for although they may be locked.
fn again(arguments: &Arguments, images: &BTreeMap<String, Image>) -> Result<BTreeSet<String>, Vec<Diagnostic>> {
    if arguments.update_all {
        return Ok(images.keys().cloned().collect());
    }
    let mut again = BTreeSet::new();
    let mut findings = Vec::new();
    for text in &arguments.update {
        let wanted = ImageName::read(text);
        let fits = |name: &str| match wanted.tag {
            Some(_) => name == wanted.to_string(),
            None => ImageName::read(name).name() == wanted.name(),
        };
        let found: Vec<&String> = images.keys().filter(|name| fits(name)).collect();
        if found.is_empty() {
            let names: Vec<&str> = images.keys().map(String::as_str).collect();
            findings.push(
                Diagnostic::error(Code::LockDiffers, FieldPath::root())
                    .message(format!("no service runs `{text}` by its tag"))
                    .expected(format!("one of {}", names.join(", "))),
            );
        }
        again.extend(found.into_iter().cloned());
    }
    if findings.is_empty() { Ok(again) } else { Err(findings) }
}

type Outcome = Result<Pin, crate::registry::Failure>;

/// Several at a time; the order of answers does not matter.
fn ask<'a>(registry: &Registry, names: &BTreeSet<&'a String>) -> BTreeMap<&'a String, Outcome> {
    let queue = Mutex::new(names.iter().copied());
    let answers = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS.min(names.len()) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().ok().and_then(|mut queue| queue.next());
                    let Some(name) = next else { break };
                    let outcome = registry.resolve(&ImageName::read(name));
                    if let Ok(mut answers) = answers.lock() {
                        answers.insert(name, outcome);
                    }
                }
            });
        }
    });
    answers.into_inner().unwrap_or_default()
}

fn report_check(
    arguments: &Arguments,
    missing: &BTreeSet<String>,
    unused: &BTreeSet<String>,
    images: &BTreeMap<String, Image>,
) -> u8 {
    let missing = missing.iter().map(|name| {
        let finding =
            Diagnostic::error(Code::LockDiffers, FieldPath::root()).message(format!("`{name}` is not locked"));
        let finding = finding.hint("`nself lock` asks the registry and writes nself.lock");
        match images.get(name) {
            Some(image) => Diagnostic { path: image.path.clone(), ..finding }.at(image.span.clone()),
            None => finding,
        }
    });
    let unused = unused.iter().map(|name| {
        Diagnostic::error(Code::LockDiffers, FieldPath::root())
            .message(format!("{FILE} holds `{name}`, which no service runs"))
            .hint("`nself lock` takes it out")
    });
    let findings = diagnostic::merge(missing.chain(unused).collect());
    let status = if findings.is_empty() { "same" } else { "differs" };
    match arguments.format {
        Format::Json => output::json(&json!({ "version": 1, "status": status, "diagnostics": findings })),
        Format::Text => {
            output::findings(&findings);
            if findings.is_empty() {
                output::remark(&format!("{FILE}: {} images, all locked", images.len()));
            }
        }
    }
    if findings.is_empty() { SUCCESS } else { DIFFERENCES }
}

fn report(arguments: &Arguments, old: &Lock, new: &Lock, changed: bool) -> u8 {
    let names: BTreeSet<&String> = old.images.keys().chain(new.images.keys()).collect();
    let moves = names.into_iter().filter_map(|name| {
        let (from, to) = (old.images.get(name), new.images.get(name));
        (from != to).then_some((name, from.map(|pin| &pin.digest), to.map(|pin| &pin.digest)))
    });
    let status = match (changed, arguments.check) {
        (false, _) => "same",
        (true, true) => "differs",
        (true, false) => "written",
    };
    match arguments.format {
        Format::Json => {
            let moves: Vec<_> =
                moves.map(|(name, from, to)| json!({ "image": name, "from": from, "to": to })).collect();
            output::json(&json!({ "version": 1, "status": status, "images": new.images.len(), "changes": moves }));
        }
        Format::Text => {
            for (name, from, to) in moves {
                output::line(&match (from, to) {
                    (None, Some(to)) => format!("locked {name} {to}"),
                    (Some(from), Some(to)) if from == to => format!("platforms {name}"),
                    (Some(from), Some(to)) => format!("moved {name} {from} -> {to}"),
                    (_, None) => format!("removed {name}"),
                });
            }
            let end = match status {
                "same" => "all locked",
                "differs" => "not as the registries say; run the same without --check",
                _ => "written",
            };
            output::remark(&format!("{FILE}: {} images; {end}", new.images.len()));
        }
    }
    if status == "differs" { DIFFERENCES } else { SUCCESS }
}
