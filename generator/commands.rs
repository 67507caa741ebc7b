//! Commands in hints, with the stack, the output folder and the environments of the run, so that they work as they are
//! printed.

use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::files::OUTPUT;

/// Commands of nself whose first argument without a name is the stack.
const WITH_STACK: [&str; 16] = [
    "nself gen",
    "nself check",
    "nself verify",
    "nself lock",
    "nself graph",
    "nself env list",
    "nself plugin list",
    "nself db baseline",
    "nself db diff",
    "nself db down",
    "nself db lint",
    "nself db new",
    "nself db rebase",
    "nself db status",
    "nself db sum",
    "nself db verify",
];
/// Commands of nself that find the output folder next to the stack unless they have `--out`.
const WITH_OUTPUT_OF_STACK: [&str; 3] = ["nself gen", "nself check", "nself verify"];
/// Commands of nself that find the output folder in the working folder unless they have `--out`, since they read no
/// stack.
const WITH_OUTPUT_FOLDER: [&str; 4] =
    ["nself secrets init", "nself secrets check", "nself secrets kubernetes", "nself publish"];
/// Commands of nself that generate or compare all environments unless they have `--env`.
const WITH_ENVIRONMENTS: [&str; 2] = ["nself gen", "nself check"];
/// The start of a command that reads the Compose file of an environment.
const COMPOSE: &str = "docker compose ";
/// The start of a command that writes a template to a folder.
const INIT: &str = "nself init ";
/// The start of a path below the output folder in a hint that is not completed: `deploy/prod/compose.yaml`.
const DEFAULT_OUTPUT: &str = "deploy/";

/// The place of a run, as its command line names it.
#[derive(Debug, Clone, Default)]
pub struct Commands {
    /// The path of the stack; `None` for the default.
    pub stack: Option<PathBuf>,
    /// The path of the output folder.
    pub folder: PathBuf,
    /// The value of `--out`; `None` for the default.
    pub out: Option<PathBuf>,
    /// The environments that `--env` selects; all if empty.
    pub environments: Vec<String>,
}

impl Commands {
    /// Completes the commands in the hints of findings. A command that needs one environment gets the first one of the
    /// finding.
    pub fn complete_hints(&self, mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        for finding in &mut findings {
            let environment = finding.environments.first().map(String::as_str);
            finding.hint = self.complete(&finding.hint, environment);
        }
        findings
    }

    /// Completes the commands in a text, each of which is between two backticks.
    pub fn complete(&self, text: &str, environment: Option<&str>) -> String {
        // Every second part is a command, since it is between two backticks.
        let parts = text.split('`').enumerate().map(|(i, part)| {
            let is_command = i % 2 == 1;
            if is_command { self.command(part, environment) } else { part.to_owned() }
        });
        parts.collect::<Vec<_>>().join("`")
    }

    /// Returns a command with the stack, the output folder and the environments of the run.
    fn command(&self, command: &str, environment: Option<&str>) -> String {
        if let (Some(arguments), Some(environment)) = (command.strip_prefix(COMPOSE), environment)
            && !arguments.starts_with("-f ")
        {
            return format!(
                "{COMPOSE}-f {} {arguments}",
                shell_word(&self.folder.join(environment).join("compose.yaml"))
            );
        }
        if let Some(arguments) = command.strip_prefix(INIT) {
            return self.init_command(arguments);
        }
        let find = |names: &[&'static str]| names.iter().copied().find(|name| is_command(command, name));
        let name_with_stack = find(&WITH_STACK);
        if name_with_stack.is_none() && find(&WITH_OUTPUT_FOLDER).is_none() {
            return self.complete_paths(command);
        }
        // The arguments belong before a pipe: `nself secrets kubernetes --out x | kubectl apply -f -`.
        let (nself_command, pipe) = command.find(" | ").map_or((command, ""), |end| command.split_at(end));
        let mut nself_command = nself_command.to_owned();
        if let (Some(name), Some(stack)) = (name_with_stack, &self.stack) {
            let stack = format!(" {}", shell_word(stack));
            if !nself_command[name.len()..].starts_with(&stack) {
                nself_command.insert_str(name.len(), &stack);
            }
        }
        if find(&WITH_ENVIRONMENTS).is_some() && !nself_command.contains(" --env ") {
            nself_command
                .extend(self.environments.iter().map(|name| format!(" --env {}", shell_word(Path::new(name)))));
        }
        let out = match (find(&WITH_OUTPUT_OF_STACK), find(&WITH_OUTPUT_FOLDER)) {
            (Some(_), _) => self.out.as_deref(),
            (_, Some(_)) => {
                let folder = self.out.as_deref().unwrap_or(&self.folder);
                Some(folder).filter(|folder| *folder != Path::new(OUTPUT))
            }
            _ => None,
        };
        let out = out.filter(|_| !command.contains(" --out "));
        nself_command.extend(out.map(|out| format!(" --out {}", shell_word(out))));
        nself_command + pipe
    }

    /// Returns the command that writes a template to the folder with which `arguments` begins. In hints, it is a folder of
    /// the project.
    fn init_command(&self, arguments: &str) -> String {
        let project = self.stack.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let (folder, options) =
            arguments.split_once(' ').map_or((arguments, ""), |(folder, options)| (folder, options));
        if project.as_os_str().is_empty() || folder.starts_with(['-', '\'']) || Path::new(folder).starts_with(project) {
            return format!("{INIT}{arguments}");
        }
        format!("{INIT}{} {options}", shell_word(&project.join(folder))).trim_end().to_owned()
    }

    /// Returns the text with the output folder of the run in the place of `deploy/`.
    fn complete_paths(&self, text: &str) -> String {
        let words = text.split(' ').map(|word| {
            // A variable in front of a command: `PGSSLROOTCERT=deploy/prod/secrets/database_authority`.
            let (variable, path) = word.split_at(word.find('=').map_or(0, |end| end + 1));
            format!("{variable}{}", self.complete_path(path))
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Returns the path with the output folder of the run in the place of `deploy/`.
    fn complete_path(&self, path: &str) -> String {
        // A path in the folder of the run was completed before, by a different part of the program.
        let is_complete = Path::new(path).starts_with(&self.folder);
        match path.strip_prefix(DEFAULT_OUTPUT).filter(|_| !is_complete) {
            // A pattern, such as that of a line in `.gitattributes`, is not a word of a shell.
            Some(pattern) if pattern.contains(['*', '?', '[']) => self.folder.join(pattern).display().to_string(),
            Some(path_below) => shell_word(&self.folder.join(path_below)),
            None => path.to_owned(),
        }
    }
}

/// Returns whether a command line begins with the name of a command.
fn is_command(command_line: &str, name: &str) -> bool {
    command_line.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Returns a path as one word of a shell.
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@<>".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(out: Option<&str>, environments: &[&str]) -> Commands {
        Commands {
            stack: None,
            folder: out.unwrap_or("deploy").into(),
            out: out.map(PathBuf::from),
            environments: environments.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn commands_name_the_folder_and_the_environments_of_the_run() {
        let text = "run `nself gen --force`, then `docker compose restart` and `nself secrets init --env prod`";
        let default = commands(None, &[]).complete(text, Some("prod"));
        assert_eq!(default, text.replace("compose restart", "compose -f deploy/prod/compose.yaml restart"));
        let other = commands(Some("build/a b"), &["prod", "local"]).complete(text, Some("prod"));
        assert_eq!(
            other,
            "run `nself gen --force --env prod --env local --out 'build/a b'`, then `docker compose -f 'build/a b/prod/compose.yaml' restart` \
             and `nself secrets init --env prod --out 'build/a b'`"
        );
        let piped =
            commands(Some("x"), &[]).complete("`nself secrets kubernetes --env prod | kubectl apply -f -`", None);
        assert_eq!(piped, "`nself secrets kubernetes --env prod --out x | kubectl apply -f -`");
        let path =
            commands(Some("x"), &[]).complete("`kubectl apply -k deploy/prod/kubernetes`, not deploy/prod", None);
        assert_eq!(path, "`kubectl apply -k x/prod/kubernetes`, not deploy/prod");
        let variable = commands(Some("a b"), &[]).complete("`CERTIFICATE=deploy/prod/secrets/x psql -c 'a=b'`", None);
        assert_eq!(variable, "`CERTIFICATE='a b/prod/secrets/x' psql -c 'a=b'`");
    }

    #[test]
    fn commands_name_the_stack_of_the_run() {
        let stack = |path: &str, folder: &str| Commands {
            stack: Some(path.into()),
            folder: folder.into(),
            out: None,
            environments: vec!["local".to_owned()],
        };
        let text = "`nself gen --force`, `nself check`, `nself lock`, `nself db rebase --base REV`, `nself secrets init --env local`, \
                    `nself db import --sql FOLDER`, `deploy/local/x`";
        let commands = stack("proj/stack.ncl", "proj/deploy");
        let completed = commands.complete(text, Some("local"));
        assert_eq!(
            completed,
            "`nself gen proj/stack.ncl --force --env local`, `nself check proj/stack.ncl --env local`, `nself lock proj/stack.ncl`, \
             `nself db rebase proj/stack.ncl --base REV`, `nself secrets init --env local --out proj/deploy`, \
             `nself db import --sql FOLDER`, `proj/deploy/local/x`"
        );
        assert_eq!(commands.complete(&completed, Some("local")), completed, "a second completion changes nothing");
        let init = "`nself init services/orders --template go-connect`, `nself init`";
        let completed = commands.complete(init, None);
        assert_eq!(completed, "`nself init proj/services/orders --template go-connect`, `nself init`");
        assert_eq!(commands.complete(&completed, None), completed);
        let spaced = stack("a b/shop.ncl", "deploy/all");
        let completed = spaced.complete("`nself verify`, `deploy/local`", None);
        assert_eq!(completed, "`nself verify 'a b/shop.ncl'`, `deploy/all/local`");
        assert_eq!(spaced.complete(&completed, None), completed);
    }

    #[test]
    fn patterns_get_the_folder_without_quotes() {
        let text = "prevent that with `deploy/** -text` in .gitattributes";
        assert_eq!(commands(None, &[]).complete(text, None), text);
        let other = commands(Some("build/out"), &[]).complete(text, None);
        assert_eq!(other, "prevent that with `build/out/** -text` in .gitattributes");
    }

    #[test]
    fn other_text_is_unchanged() {
        let text = "`nself generate` and nself gen, `services.nginx`, `docker compose up`, `it's`";
        assert_eq!(commands(Some("x"), &["prod"]).complete(text, None), text);
    }
}
