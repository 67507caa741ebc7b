//! Runs a Nickel program and evaluates its value field by field. A failure does not end the evaluation, so one run
//! reports every broken contract. No other module runs nickel-lang-core's evaluator.

use std::collections::BTreeMap;
use std::path::Path;

use nickel_lang_core::cache::{CacheHub, InputFormat};
use nickel_lang_core::error::{Error, NullReporter};
use nickel_lang_core::eval::cache::CacheImpl;
use nickel_lang_core::eval::value::{Container, NickelValue, ValueContentRef};
use nickel_lang_core::eval::{VirtualMachine, VmContext};
use nickel_lang_core::files::{FileId, Files};
use nickel_lang_core::position::{PosIdx, TermPos};
use nickel_lang_core::term::record::RecordData;

use super::errors;
use super::imports::Imports;
use super::node::{Document, Entry, Finding, Mark, Node, Value, index_step, key_step};
use super::program::NickelProgram;
use super::reading;
use super::source_map::SourceMap;
use crate::codes::Code;

type Context = VmContext<CacheHub, CacheImpl>;
type Machine<'a> = VirtualMachine<'a, CacheHub, CacheImpl>;

/// Evaluates a program to a document, and returns what `use_document` returns for it. Errors are findings of the
/// document. The memory of the evaluator is freed after the call of `use_document`, so a process that ends there saves
/// this work.
pub fn evaluate<T>(program: &NickelProgram, use_document: impl FnOnce(Document) -> T) -> T {
    let mut cache = CacheHub::new();
    cache.sources.add_import_paths(std::iter::once(program.library.clone()));
    let main = match cache.sources.add_file(program.stack.as_os_str(), InputFormat::Nickel) {
        Ok(id) => id,
        Err(error) => {
            let finding = errors::unreadable(&file_name(&program.stack), &error);
            return use_document(Document { findings: vec![finding], ..Document::default() });
        }
    };
    if let Some(refused_file) = reading::first_refused_file(program, &mut cache, main) {
        let finding = errors::refused_file(&refused_file);
        return use_document(only_finding(program, &cache.sources.files, refused_file.import.place, finding));
    }
    let mut context: Context = VmContext::new(cache, std::io::sink(), NullReporter {});
    use_document(evaluate_file(program, &mut context, main))
}

/// Evaluates a parsed file to a document, and checks the files that it imports.
fn evaluate_file(program: &NickelProgram, context: &mut Context, main: FileId) -> Document {
    let mut evaluation =
        Evaluation { document: Document::default(), places: SourceMap::new(program), depth: program.depth };
    evaluation.evaluate_source(context, main);
    let Evaluation { mut document, places, .. } = evaluation;
    let imports = Imports::of_program(program, &context.import_resolver);
    document.inputs = imports.inputs;
    if let Some(import) = imports.first_outside {
        let files = &context.import_resolver.sources.files;
        let refusal = only_finding(program, files, import.place, errors::import_outside(&import));
        return Document { inputs: document.inputs, ..refusal };
    }
    if document.findings.is_empty() && document.root.get("nself_stack").is_none() {
        document.findings.push(errors::not_a_stack());
    }
    errors::shorten_texts(&mut document.findings, &places);
    document.files = places.into_files();
    document
}

/// Returns a document with one finding and nothing else, so that it shows no content of a refused file.
fn only_finding(program: &NickelProgram, files: &Files, place: Option<(FileId, u32)>, finding: Finding) -> Document {
    let mut places = SourceMap::new(program);
    let mark = place.and_then(|(file, byte)| places.mark(files, file, byte));
    Document { findings: vec![Finding { mark, ..finding }], files: places.into_files(), ..Document::default() }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The evaluation of a file: the document and the places so far.
struct Evaluation {
    document: Document,
    places: SourceMap,
    /// Maximum nesting of records and arrays.
    depth: usize,
}

impl Evaluation {
    /// Evaluates a value and all values in it. `path` is the path of the value, and is the same again at the end.
    fn evaluate_node(&mut self, machine: &mut Machine, value: NickelValue, path: &mut Vec<String>) -> Node {
        let declared_mark = pending_mark(value.pos_idx());
        if path.len() >= self.depth {
            let message = format!("records and arrays are nested deeper than {} levels", self.depth);
            let finding = Finding { mark: declared_mark, ..errors::without_place(Code::EvaluationLimit, message) };
            return self.record_broken(path, finding);
        }
        let value = match machine.eval(value) {
            Ok(value) => value,
            Err(error) => {
                machine.reset();
                self.record_failure(machine, Error::EvalError(error), path);
                return Node { value: Value::Broken, mark: declared_mark };
            }
        };
        let mark = pending_mark(value.pos_idx()).or(declared_mark);
        match self.convert(machine, (&value, mark), path) {
            Ok(value) => Node { value, mark },
            Err(finding) => self.record_broken(path, Finding { mark, ..finding }),
        }
    }

    /// Evaluates a file to the root of the document. For a file that does not parse, the document has only findings.
    fn evaluate_source(&mut self, context: &mut Context, file: FileId) {
        match context.prepare_eval_only(file) {
            Ok(value) => {
                let mut machine = VirtualMachine::new(context);
                let mut root = self.evaluate_node(&mut machine, value, &mut Vec::new());
                drop(machine);
                self.resolve_marks(context, &mut root);
                self.document.root = root;
                for finding in &mut self.document.findings {
                    finding.mark = finding.mark.and_then(|mark| place_in_source(context, &mut self.places, mark));
                }
            }
            Err(error) => {
                let files = context.import_resolver.sources.files.clone();
                self.document.findings.extend(errors::findings(error, &files, &mut self.places));
            }
        }
    }

    /// Records the findings about a value whose evaluation failed.
    fn record_failure(&mut self, machine: &Machine, error: Error, path: &[String]) {
        let files = machine.import_resolver().sources.files.clone();
        let mut findings = errors::findings(error, &files, &mut self.places);
        for finding in &mut findings {
            finding.path = path.to_vec();
        }
        self.document.findings.extend(findings);
        self.document.broken.push(path.to_vec());
    }

    /// Converts an evaluated value, and evaluates its items and fields. `mark` is the place of the value.
    ///
    /// # Errors
    /// A value that is not data, or a number that is too large.
    fn convert(
        &mut self,
        machine: &mut Machine,
        (value, mark): (&NickelValue, Option<Mark>),
        path: &mut Vec<String>,
    ) -> Result<Value, Finding> {
        let position = value.pos_idx();
        Ok(match value.content_ref() {
            ValueContentRef::Null => Value::Null,
            ValueContentRef::Bool(value) => Value::Bool(value),
            ValueContentRef::Number(number) => match i64::try_from(number) {
                Ok(integer) => Value::Integer(integer),
                Err(_) => Value::Float(approximate(&number.to_string()).ok_or_else(errors::too_large)?),
            },
            ValueContentRef::String(text) => Value::Text(text.to_string()),
            ValueContentRef::EnumVariant(variant) if variant.arg.is_none() => {
                Value::Text(variant.tag.label().to_owned())
            }
            ValueContentRef::Array(Container::Empty) => Value::Array(Vec::new()),
            ValueContentRef::Record(Container::Empty) => Value::Record(BTreeMap::new()),
            ValueContentRef::Array(Container::Alloc(array)) => {
                let items: Vec<NickelValue> = array.iter_with_pending_contracts(position).collect();
                let nodes = items
                    .into_iter()
                    .enumerate()
                    .map(|(i, item)| self.evaluate_child(machine, item, path, index_step(i)));
                Value::Array(nodes.collect())
            }
            ValueContentRef::Record(Container::Alloc(record)) => {
                Value::Record(self.evaluate_fields(machine, (record, mark), path))
            }
            _ => return Err(errors::not_data()),
        })
    }

    /// Evaluates the fields of a record, except those that are not exported or optional without a value. `mark` is the
    /// place of the record.
    fn evaluate_fields(
        &mut self,
        machine: &mut Machine,
        (record, mark): (&RecordData, Option<Mark>),
        path: &mut Vec<String>,
    ) -> BTreeMap<String, Entry> {
        let mut fields = BTreeMap::new();
        for (name, field) in &record.fields {
            if field.metadata.not_exported() || field.is_empty_optional() {
                continue;
            }
            let key = self.mark_of(machine, name.pos);
            let label = name.label().to_owned();
            let node = match field.value_with_pending_contracts() {
                Some(value) => self.evaluate_child(machine, value, path, key_step(&label)),
                None => {
                    path.push(key_step(&label));
                    let node = self.record_broken(path, Finding { mark, ..errors::missing_field(&label) });
                    path.pop();
                    node
                }
            };
            fields.insert(label, Entry { key, node });
        }
        fields
    }

    /// Evaluates an item or field of the value at `path`, to which `step` leads.
    fn evaluate_child(
        &mut self,
        machine: &mut Machine,
        value: NickelValue,
        path: &mut Vec<String>,
        step: String,
    ) -> Node {
        path.push(step);
        let node = self.evaluate_node(machine, value, path);
        path.pop();
        node
    }

    /// Records a finding about a value that cannot be used, and returns the node that replaces the value.
    fn record_broken(&mut self, path: &[String], finding: Finding) -> Node {
        self.document.findings.push(Finding { path: path.to_vec(), ..finding });
        self.document.broken.push(path.to_vec());
        Node { value: Value::Broken, mark: None }
    }

    /// Returns the place of a position in the evaluator; `None` in a source that Nickel created.
    fn mark_of(&mut self, machine: &Machine, position: TermPos) -> Option<Mark> {
        let span = position.into_opt()?;
        self.places.mark(&machine.import_resolver().sources.files, span.src_id, span.start.0)
    }

    /// Replaces the pending marks of a tree with places. They are pending because the machine borrows the table of
    /// positions until it is dropped.
    fn resolve_marks(&mut self, context: &Context, node: &mut Node) {
        node.mark = node.mark.and_then(|mark| place_in_source(context, &mut self.places, mark));
        match &mut node.value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.resolve_marks(context, item)),
            Value::Record(fields) => fields.values_mut().for_each(|entry| self.resolve_marks(context, &mut entry.node)),
            _ => {}
        }
    }
}

/// The file number of a pending mark. Its second number is not a line, but an index into the evaluator's table of
/// positions, from which [`place_in_source`] finds the place.
const PENDING: u32 = u32::MAX;

/// Returns the pending mark of a position in the evaluator.
fn pending_mark(index: PosIdx) -> Option<Mark> {
    (index != PosIdx::NONE).then(|| Mark(PENDING, u32::try_from(index.to_usize()).unwrap_or_default(), 0))
}

/// Returns the place of a pending mark; any other mark unchanged.
fn place_in_source(context: &Context, places: &mut SourceMap, mark: Mark) -> Option<Mark> {
    if mark.0 != PENDING {
        return Some(mark);
    }
    let span = context.pos_table.get(PosIdx::from_usize_truncate(mark.1 as usize)).into_opt()?;
    places.mark(&context.import_resolver.sources.files, span.src_id, span.start.0)
}

/// Returns the float that is nearest to an exact number, which Nickel writes as a fraction such as `1/3`; `None` if the
/// number is too large for a float.
fn approximate(number: &str) -> Option<f64> {
    let parse = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    let float = number
        .split_once('/')
        .map_or_else(|| parse(number), |(numerator, denominator)| parse(numerator) / parse(denominator));
    float.is_finite().then_some(float)
}
