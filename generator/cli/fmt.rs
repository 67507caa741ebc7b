//! `nself fmt`: formats the Nickel files of a project.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{DIFFERENCES, ERROR, SUCCESS, StackArguments, output};
use crate::diagnostic::Diagnostic;
use crate::formatter::{FormatFailure, SourceFile, files_of_project, named_file};
use crate::source::EvaluationRequest;
use crate::store::{DiffBudget, OldSide, text_diff};
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The files to format; by default, the stack file and the files of the project that it imports.
    files: Vec<PathBuf>,
    /// Print what would change, and write nothing.
    #[arg(long)]
    check: bool,
}

pub fn run(arguments: &Arguments) -> u8 {
    let stack = StackArguments::default_stack();
    let request = stack.evaluation_request();
    let files = match files_to_format(arguments, &request, &stack) {
        Ok(files) => files,
        Err(findings) => {
            output::findings(&findings);
            return ERROR;
        }
    };
    let (mut findings, mut budget) = (Vec::new(), DiffBudget::default());
    let (mut changed_count, mut failed_count) = (0, 0);
    for file in &files {
        match file.format(&request.evaluator, &stack.project()) {
            Ok(None) => {}
            Ok(Some(formatted)) if arguments.check => {
                changed_count += 1;
                output::lines(&text_diff(
                    (&file.name, &formatted.old),
                    (&file.name, &formatted.new),
                    OldSide::Printed,
                    &mut budget,
                ));
            }
            Ok(Some(formatted)) => match formatted.write() {
                Ok(()) => {
                    changed_count += 1;
                    output::line(&format!("formatted {}", file.name));
                }
                Err(finding) => {
                    failed_count += 1;
                    findings.push(finding);
                }
            },
            Err(FormatFailure::FormatterMissing(finding)) => {
                findings.push(*finding);
                output::findings(&findings);
                return ERROR;
            }
            Err(FormatFailure::File(file_findings)) => {
                failed_count += 1;
                findings.extend(file_findings);
            }
        }
    }
    output::findings(&findings);
    let unchanged_count = files.len() - changed_count - failed_count;
    let changed_state = if arguments.check { "not formatted" } else { "formatted" };
    output::remark(&format!("{changed_count} {changed_state}, {} unchanged", words::count(unchanged_count, "file")));
    if !findings.is_empty() {
        ERROR
    } else if arguments.check && changed_count > 0 {
        DIFFERENCES
    } else {
        SUCCESS
    }
}

/// Returns the files that the command line names. If it names none, these are the stack file and the files of the
/// project that it imports.
fn files_to_format(
    arguments: &Arguments,
    request: &EvaluationRequest,
    stack: &StackArguments,
) -> Result<Vec<SourceFile>, Vec<Diagnostic>> {
    if arguments.files.is_empty() {
        let display_folder = stack.path().parent().map(Path::to_owned).unwrap_or_default();
        return files_of_project(request, &display_folder);
    }
    arguments.files.iter().map(|path| named_file(path)).collect()
}
