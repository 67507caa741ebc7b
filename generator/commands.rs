//! Commands in hints, with the output folder and the environments of the run, so that they work as they are printed.

use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;

/// Commands of nself that read the output folder.
const WITH_OUTPUT_FOLDER: [&str; 7] = [
    "nself gen",
    "nself check",
    "nself verify",
    "nself secrets init",
    "nself secrets check",
    "nself secrets kubernetes",
    "nself publish",
];
/// Commands of nself that generate or compare all environments unless they have `--env`.
const WITH_ENVIRONMENTS: [&str; 2] = ["nself gen", "nself check"];
/// The start of a command that reads the Compose file of an environment.
const COMPOSE: &str = "docker compose ";
/// The start of a path below the output folder in a hint that is not completed: `deploy/prod/compose.yaml`.
const DEFAULT_OUTPUT: &str = "deploy/";

/// The place of a run, as its command line names it.
#[derive(Debug, Clone, Default)]
pub struct Commands {
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

    /// Returns a command with the output folder and the environments of the run.
    fn command(&self, command: &str, environment: Option<&str>) -> String {
        if let (Some(arguments), Some(environment)) = (command.strip_prefix(COMPOSE), environment)
            && !arguments.starts_with("-f ")
        {
            return format!(
                "{COMPOSE}-f {} {arguments}",
                shell_word(&self.folder.join(environment).join("compose.yaml"))
            );
        }
        let is_command =
            |name: &str| command.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        if !WITH_OUTPUT_FOLDER.iter().any(|name| is_command(name)) {
            return self.complete_paths(command);
        }
        // The options belong before a pipe: `nself secrets kubernetes --out x | kubectl apply -f -`.
        let (nself_command, pipe) = command.find(" | ").map_or((command, ""), |end| command.split_at(end));
        let mut nself_command = nself_command.to_owned();
        if WITH_ENVIRONMENTS.iter().any(|name| is_command(name)) && !nself_command.contains(" --env ") {
            nself_command
                .extend(self.environments.iter().map(|name| format!(" --env {}", shell_word(Path::new(name)))));
        }
        let out = self.out.iter().filter(|_| !command.contains(" --out "));
        nself_command.extend(out.map(|out| format!(" --out {}", shell_word(out))));
        nself_command + pipe
    }

    /// Returns the text with the output folder of the run in the place of `deploy/`.
    fn complete_paths(&self, text: &str) -> String {
        let words = text.split(' ').map(|part| match part.strip_prefix(DEFAULT_OUTPUT) {
            // A pattern, such as that of a line in `.gitattributes`, is not a word of a shell.
            Some(pattern) if pattern.contains(['*', '?', '[']) => self.folder.join(pattern).display().to_string(),
            Some(path_below) => shell_word(&self.folder.join(path_below)),
            None => part.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Returns a path as one word of a shell.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@<>".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(out: Option<&str>, environments: &[&str]) -> Commands {
        Commands {
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
