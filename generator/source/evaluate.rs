//! Runs a Nickel program and walks its value field by field, going on after a failure, so that one run
//! reports every broken contract. The only module that drives nickel-lang-core.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nickel_lang_core::cache::{CacheHub, InputFormat};
use nickel_lang_core::error::NullReporter;
use nickel_lang_core::eval::cache::CacheImpl;
use nickel_lang_core::eval::value::{Container, NickelValue, ValueContentRef};
use nickel_lang_core::eval::{VirtualMachine, VmContext};
use nickel_lang_core::position::{PosIdx, TermPos};

use super::errors;
use super::imports::Imports;
use super::node::{Document, Entry, Finding, Mark, Node, Value};
use super::reading;
use super::source_map::SourceMap;
use crate::codes::Code;

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct Program {
    pub stack: PathBuf,
    /// The folder that holds `nself/`.
    pub library: PathBuf,
    pub allow_imports: Vec<PathBuf>,
    /// Deepest nesting of records and arrays.
    pub depth: usize,
}

type Machine<'a> = VirtualMachine<'a, CacheHub, CacheImpl>;

/// Evaluates a program to a document. Never fails: what goes wrong is a finding of the document.
pub fn evaluate(program: &Program) -> Document {
    let mut document = Document::default();
    let mut cache = CacheHub::new();
    cache.sources.add_import_paths(std::iter::once(program.library.clone()));
    let main = match cache.sources.add_file(program.stack.as_os_str(), InputFormat::Nickel) {
        Ok(id) => id,
        Err(error) => {
            document.findings.push(errors::unreadable(&shown(&program.stack), &error));
            return document;
        }
    };
    if let Some(refused) = reading::refused(program, &mut cache, main) {
        // Nothing that was read may show, not even in a message.
        let mut places = SourceMap::new(program);
        let mark = refused.import.place.and_then(|(file, byte)| places.mark(&cache.sources.files, file, byte));
        document.findings.push(Finding { mark, ..errors::refused(&refused) });
        document.files = places.into_files();
        return document;
    }
    let mut context: VmContext<CacheHub, CacheImpl> = VmContext::new(cache, std::io::sink(), NullReporter {});
    let prepared = context.prepare_eval_only(main);
    let mut walk = Walk { document: &mut document, places: SourceMap::new(program), depth: program.depth };
    match prepared {
        Ok(value) => {
            let mut machine = VirtualMachine::new(&mut context);
            let mut root = walk.node(&mut machine, value, &mut Vec::new());
            drop(machine);
            walk.settle(&context, &mut root);
            for finding in &mut walk.document.findings {
                finding.mark = finding.mark.and_then(|mark| settled(&context, &mut walk.places, mark));
            }
            walk.document.root = root;
        }
        Err(error) => {
            let files = context.import_resolver.sources.files.clone();
            let findings = errors::findings(error, &files, &mut walk.places);
            walk.document.findings.extend(findings);
        }
    }
    let places = walk.places;
    let imports = Imports::of(program, &context.import_resolver);
    if let Some(outside) = imports.outside {
        // Nothing that was read may show, not even in a message.
        let mut places = SourceMap::new(program);
        let files = &context.import_resolver.sources.files;
        let mark = outside.place.and_then(|(file, byte)| places.mark(files, file, byte));
        let finding = Finding { mark, ..errors::outside(&outside) };
        return Document {
            findings: vec![finding],
            files: places.into_files(),
            inputs: imports.inputs,
            ..Document::default()
        };
    }
    document.inputs = imports.inputs;
    if document.findings.is_empty() && document.root.get("nself_stack").is_none() {
        document.findings.push(errors::not_a_stack());
    }
    errors::tidy(&mut document.findings, &places);
    document.files = places.into_files();
    document
}

fn shown(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

struct Walk<'a> {
    document: &'a mut Document,
    places: SourceMap,
    depth: usize,
}

impl Walk<'_> {
    fn node(&mut self, machine: &mut Machine, value: NickelValue, path: &mut Vec<String>) -> Node {
        let written = value.pos_idx();
        if path.len() >= self.depth {
            let message = format!("records and arrays are nested deeper than {} levels", self.depth);
            let finding = Finding { mark: pending(written), ..errors::plain(Code::EvaluationLimit, message) };
            return self.broken(path, finding);
        }
        let value = match machine.eval(value) {
            Ok(value) => value,
            Err(error) => {
                machine.reset();
                let files = machine.import_resolver().sources.files.clone();
                let mut findings =
                    errors::findings(nickel_lang_core::error::Error::EvalError(error), &files, &mut self.places);
                for finding in &mut findings {
                    finding.path.clone_from(path);
                }
                self.document.findings.extend(findings);
                self.document.broken.push(path.clone());
                return Node { value: Value::Broken, mark: pending(written) };
            }
        };
        let mark = pending(value.pos_idx()).or_else(|| pending(written));
        let pos = value.pos_idx();
        let value = match value.content_ref() {
            ValueContentRef::Null => Value::Null,
            ValueContentRef::Bool(value) => Value::Bool(value),
            ValueContentRef::Number(number) => match i64::try_from(number) {
                Ok(integer) => Value::Integer(integer),
                Err(_) => match approximate(&number.to_string()) {
                    number if number.is_finite() => Value::Float(number),
                    _ => return self.broken(path, Finding { mark, ..errors::too_large() }),
                },
            },
            ValueContentRef::String(text) => Value::Text(text.to_string()),
            ValueContentRef::EnumVariant(variant) if variant.arg.is_none() => {
                Value::Text(variant.tag.label().to_owned())
            }
            ValueContentRef::Array(Container::Empty) => Value::Array(Vec::new()),
            ValueContentRef::Record(Container::Empty) => Value::Record(BTreeMap::new()),
            ValueContentRef::Array(Container::Alloc(data)) => {
                let items: Vec<NickelValue> = data.iter_with_pending_contracts(pos).collect();
                let nodes =
                    items.into_iter().enumerate().map(|(i, item)| self.step(machine, item, path, format!("#{i}")));
                Value::Array(nodes.collect())
            }
            ValueContentRef::Record(Container::Alloc(data)) => {
                let mut fields = BTreeMap::new();
                for (name, field) in &data.fields {
                    if field.metadata.not_exported() || field.is_empty_optional() {
                        continue;
                    }
                    let key = self.place(machine, name.pos);
                    let node = match field.value_with_pending_contracts() {
                        Some(value) => self.step(machine, value, path, name.label().to_owned()),
                        None => {
                            path.push(name.label().to_owned());
                            let finding = Finding { mark, ..errors::missing(name.label()) };
                            let node = self.broken(path, finding);
                            path.pop();
                            node
                        }
                    };
                    fields.insert(name.label().to_owned(), Entry { key, node });
                }
                Value::Record(fields)
            }
            _ => {
                let finding = Finding { mark, ..errors::not_data() };
                return self.broken(path, finding);
            }
        };
        Node { value, mark }
    }

    fn step(&mut self, machine: &mut Machine, value: NickelValue, path: &mut Vec<String>, step: String) -> Node {
        path.push(step);
        let node = self.node(machine, value, path);
        path.pop();
        node
    }

    fn broken(&mut self, path: &[String], finding: Finding) -> Node {
        self.document.findings.push(Finding { path: path.to_vec(), ..finding });
        self.document.broken.push(path.to_vec());
        Node { value: Value::Broken, mark: None }
    }

    fn place(&mut self, machine: &Machine, position: TermPos) -> Option<Mark> {
        let span = position.into_opt()?;
        self.places.mark(&machine.import_resolver().sources.files, span.src_id, span.start.0)
    }

    /// The machine keeps its table of positions to itself until it is gone.
    fn settle(&mut self, context: &VmContext<CacheHub, CacheImpl>, node: &mut Node) {
        node.mark = node.mark.and_then(|mark| settled(context, &mut self.places, mark));
        match &mut node.value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.settle(context, item)),
            Value::Record(fields) => fields.values_mut().for_each(|entry| self.settle(context, &mut entry.node)),
            _ => {}
        }
    }
}

/// Stands in a mark for "position of this index".
const PENDING: u32 = u32::MAX;

fn pending(index: PosIdx) -> Option<Mark> {
    (index != PosIdx::NONE).then(|| Mark(PENDING, u32::try_from(index.to_usize()).unwrap_or_default(), 0))
}

fn settled(context: &VmContext<CacheHub, CacheImpl>, places: &mut SourceMap, mark: Mark) -> Option<Mark> {
    if mark.0 != PENDING {
        return Some(mark);
    }
    let span = context.pos_table.get(PosIdx::from_usize_truncate(mark.1 as usize)).into_opt()?;
    places.mark(&context.import_resolver.sources.files, span.src_id, span.start.0)
}

/// Nickel keeps numbers exact and writes a fraction as `1/3`. Infinite when it is larger than a float can be.
fn approximate(number: &str) -> f64 {
    let parse = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    number.split_once('/').map_or_else(|| parse(number), |(top, bottom)| parse(top) / parse(bottom))
}
