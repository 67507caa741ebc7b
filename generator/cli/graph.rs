//! `nself graph`: services and their connections, or generators and the files that they write.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{ERROR, Format, SUCCESS, StackArguments, output};
use crate::backend::Backend;
use crate::diagnostic::Diagnostic;
use crate::pipeline::{self, Request};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    stack: StackArguments,
    /// The environment.
    #[arg(long, default_value = "local", value_name = "NAME")]
    env: String,
    /// The kind of graph.
    #[arg(long, value_enum, default_value = "services")]
    of: Subject,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "mermaid")]
    format: GraphFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Connections between services, and the order of their start.
    Services,
    /// The generators and the files that each writes, with the digest of what the file is generated from.
    Derivations,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GraphFormat {
    Mermaid,
    Dot,
    Json,
}

/// The content of a graph, before it is written in one of the formats.
#[derive(Debug, Default)]
struct Graph {
    /// Name and group of each node. The group of a service is its zone; otherwise it is `generator` or `file`.
    nodes: BTreeSet<(String, String)>,
    /// Start, end and label of each arrow.
    arrows: BTreeSet<(String, String, String)>,
}

pub fn run(arguments: &Arguments) -> u8 {
    match graph_text(arguments) {
        Ok(text) if arguments.format == GraphFormat::Json => {
            output::json_text(&text);
            SUCCESS
        }
        Ok(text) => {
            output::document(&text);
            SUCCESS
        }
        Err(findings) => {
            let format = if arguments.format == GraphFormat::Json { Format::Json } else { Format::Text };
            output::failure(format, &findings);
            ERROR
        }
    }
}

/// Returns the graph in the format that the arguments select.
fn graph_text(arguments: &Arguments) -> Result<String, Vec<Diagnostic>> {
    let request = arguments.stack.request(std::slice::from_ref(&arguments.env), None);
    let generated = pipeline::generate(&Request { allows_unwritten_migrations: true, ..request })?;
    let mut graph = Graph::default();
    match arguments.of {
        Subject::Services => {
            for plan in generated.plans.iter().map(|planned| &planned.plan) {
                for (name, service) in &plan.services {
                    graph.nodes.insert((name.to_string(), service.zone.name().to_owned()));
                    for to in service.depends_on.keys() {
                        graph.arrows.insert((name.to_string(), to.to_string(), "waits for".to_owned()));
                    }
                }
                for connection in &plan.connections {
                    let (from, to) = (connection.from.to_string(), connection.to.to_string());
                    graph.arrows.insert((from, to, connection.port.to_string()));
                }
            }
        }
        Subject::Derivations => {
            for (path, artifact) in generated.artifacts.iter() {
                let Some(backend) = Backend::of_output(path) else { continue };
                graph.nodes.insert((backend.name().to_owned(), "generator".to_owned()));
                graph.nodes.insert((path.to_string(), "file".to_owned()));
                let label = artifact.derivation.short().to_owned();
                graph.arrows.insert((backend.name().to_owned(), path.to_string(), label));
            }
        }
    }
    Ok(match arguments.format {
        GraphFormat::Mermaid => mermaid(&graph),
        GraphFormat::Dot => dot(&graph),
        GraphFormat::Json => {
            let nodes: Vec<Value> =
                graph.nodes.iter().map(|(name, group)| json!({ "name": name, "group": group })).collect();
            let arrows: Vec<Value> = graph
                .arrows
                .iter()
                .map(|(from, to, label)| json!({ "from": from, "to": to, "label": label }))
                .collect();
            format!("{:#}\n", json!({ "version": 1, "nodes": nodes, "edges": arrows }))
        }
    })
}

/// Returns the graph in Graphviz's language. Names are checked and contain no quotes, so they need no escaping.
fn dot(graph: &Graph) -> String {
    let mut text = String::from("digraph nself {\n  rankdir=LR;\n");
    for (name, group) in &graph.nodes {
        text.push_str(&format!("  \"{name}\" [group=\"{group}\"];\n"));
    }
    for (from, to, label) in &graph.arrows {
        text.push_str(&format!("  \"{from}\" -> \"{to}\" [label=\"{label}\"];\n"));
    }
    text + "}\n"
}

/// Returns the graph in Mermaid's language. Each name has a number there, since identifiers of Mermaid cannot contain
/// all characters of a path.
fn mermaid(graph: &Graph) -> String {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, (name, _)) in graph.nodes.iter().enumerate() {
        numbers.entry(name).or_insert(number);
    }
    let number = |name: &str| numbers.get(name).copied().unwrap_or_default();
    let mut text = String::from("flowchart LR\n");
    for (name, group) in &graph.nodes {
        text.push_str(&format!("  n{}[\"{name}\"]:::{group}\n", number(name)));
    }
    for (from, to, label) in &graph.arrows {
        text.push_str(&format!("  n{} -->|{label}| n{}\n", number(from), number(to)));
    }
    text
}
