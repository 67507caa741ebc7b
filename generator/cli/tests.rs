//! Tests of the command line in process: arguments, and the format of results.

use clap::{CommandFactory, Parser};

use super::output::render;
use super::{Cli, Command, StackArguments};
use crate::diagnostic::{Code, Diagnostic};
use crate::path;

/// Returns the command of a command line with these arguments, or the kind of its error.
fn parse(words: &[&str]) -> Result<Command, clap::error::ErrorKind> {
    let command_line = std::iter::once("nself").chain(words.iter().copied());
    Cli::try_parse_from(command_line).map(|cli| cli.command).map_err(|error| error.kind())
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_a_help_text() {
    fn collect_without_help(command: &clap::Command, names: &mut Vec<String>) {
        for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
            if subcommand.get_about().is_none() {
                names.push(format!("{} {}", command.get_name(), subcommand.get_name()));
            }
            collect_without_help(subcommand, names);
        }
    }
    let mut names = Vec::new();
    collect_without_help(&Cli::command(), &mut names);
    assert_eq!(names, [] as [&str; 0]);
}

/// A command line with only the arguments that all commands about a stack share.
#[derive(Parser)]
struct StackCommandLine {
    #[command(flatten)]
    stack: StackArguments,
}

#[test]
fn the_folder_of_the_stack_is_the_project() {
    let project = |words: &[&str]| StackCommandLine::try_parse_from(words).map(|line| line.stack.project()).ok();
    let working_folder = std::env::current_dir().unwrap();
    assert_eq!(project(&["nself"]), Some(working_folder.clone()));
    assert_eq!(project(&["nself", "shop/stack.ncl"]), Some(working_folder.join("shop")));
    assert_eq!(project(&["nself", "/srv/stack.ncl"]), Some("/srv".into()));
}

/// A finding is printed with its place, its environments and its help. Control characters are shown as text.
#[test]
fn a_finding_is_printed_with_its_place_and_help() {
    let mut finding = Diagnostic::error(Code::PortTaken, path!("services", "orders", "port"))
        .message("port \u{1b}[31m8001 is taken")
        .hint("give one of the two a different port")
        .counterpart(path!("services", "other", "port"), "the other owner");
    finding.environments = vec!["prod".to_owned()];
    let rendered = render(&finding, false);
    let text = rendered.as_str();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("error[NS201]: port ") && !text.contains('\u{1b}'), "{text}");
    assert_eq!(
        lines[1..],
        [
            "  --> services.orders.port",
            "   = in: prod",
            "   = help: give one of the two a different port",
            "   = see: services.other.port: the other owner",
            "",
        ]
    );
    assert!(render(&finding, true).as_str().starts_with("\u{1b}[1;31merror[NS201]"));
}

#[test]
fn unknown_words_are_refused() {
    use clap::error::ErrorKind::{InvalidSubcommand, InvalidValue, UnknownArgument};
    assert_eq!(parse(&["generate"]).err(), Some(InvalidSubcommand));
    assert_eq!(parse(&["gen", "--environment", "prod"]).err(), Some(UnknownArgument));
    assert_eq!(parse(&["gen", "--format", "yaml"]).err(), Some(InvalidValue));
}
