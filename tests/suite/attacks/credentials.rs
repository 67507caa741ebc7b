//! Attacks on secrets: file modes, committed values, values in plain text.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{ProcessOutput, nself_in, run, stack, tool};

const KNOWN: &str = "KnownToTheAttackerKnownToTheAttacker1234567";

/// Generates a project without values of secrets.
fn generated_project() -> tempfile::TempDir {
    let case = stack(r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#);
    assert_eq!(nself_in(case.path(), ["gen", "--env", "local"]).code, 0);
    case
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn init(folder: &Path) -> ProcessOutput {
    let output = nself_in(folder, ["secrets", "init"]);
    assert!(!output.stdout.contains(KNOWN) && !output.stderr.contains(KNOWN));
    output
}

/// Runs git without the settings of this machine.
fn git(folder: &Path, arguments: &[&str]) -> ProcessOutput {
    let mut command = Command::new("git");
    command.current_dir(folder).env("HOME", folder).env("GIT_CONFIG_NOSYSTEM", "1");
    let output = run(command.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(arguments));
    assert_eq!(output.code, 0, "{arguments:?}: {}", output.stderr);
    output
}

/// Attack: `secrets/` and `.env` in a checkout have the modes of git, 0755 and 0644, or looser ones.
/// Expectation: `secrets init` and `secrets check` correct the modes each time, and report what other users could read.
#[test]
fn modes_are_corrected_by_each_run() {
    let case = generated_project();
    let local = case.path().join("deploy/local");
    let secrets = local.join("secrets");
    fs::create_dir(&secrets).unwrap();
    set_mode(&secrets, 0o755);
    fs::write(secrets.join("jwt_key"), KNOWN).unwrap();
    set_mode(&secrets.join("jwt_key"), 0o666);
    let output = init(case.path());
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stderr.contains("warning[NS508]") && output.stderr.contains("secrets/ (0755)"), "{}", output.stderr);
    assert!(output.stderr.contains("secrets/jwt_key (0666)"), "{}", output.stderr);
    let closed = || {
        assert_eq!((mode(&secrets), mode(&local.join(".env"))), (0o700, 0o600));
        for entry in fs::read_dir(&secrets).unwrap() {
            let path = entry.unwrap().path();
            // No container may read the authority's key.
            let expected = if path.ends_with("authority_key") { 0o600 } else { 0o444 };
            assert_eq!(mode(&path), expected, "{}", path.display());
        }
    };
    closed();
    assert!(!init(case.path()).stderr.contains("NS508"), "said once");
    for command in ["init", "check"] {
        set_mode(&secrets, 0o711);
        set_mode(&local.join(".env"), 0o644);
        // A file with mode 0600 is not exposed, but containers cannot read it.
        set_mode(&secrets.join("tls_key"), 0o600);
        set_mode(&secrets.join("authority_key"), 0o444);
        let output = nself_in(case.path(), ["secrets", command]);
        assert!(
            output.stderr.contains("secrets/ (0711)") && output.stderr.contains(".env (0644)"),
            "{}",
            output.stderr
        );
        assert!(output.stderr.contains("secrets/authority_key (0444)"), "{}", output.stderr);
        closed();
    }
}

/// Attack: `secrets/` or a value in it is a symbolic link to a file of the machine.
/// Expectation: it is refused; its target is not read, and its content and mode are unchanged.
#[test]
fn links_among_secrets_are_refused() {
    let case = generated_project();
    let secrets = case.path().join("deploy/local/secrets");
    let elsewhere = tempfile::tempdir().unwrap();
    let private = elsewhere.path().join("private");
    fs::write(&private, KNOWN).unwrap();
    set_mode(&private, 0o640);
    let before = (mode(elsewhere.path()), mode(&private));
    symlink(elsewhere.path(), &secrets).unwrap();
    assert_eq!(init(case.path()).code, 2);
    fs::remove_file(&secrets).unwrap();
    fs::create_dir(&secrets).unwrap();
    symlink(&private, secrets.join("jwt_key")).unwrap();
    for command in [&["secrets", "init"][..], &["secrets", "check"], &["secrets", "kubernetes", "--env", "local"]] {
        let output = nself_in(case.path(), command);
        assert!(output.code == 2 && !output.stdout.contains(KNOWN), "{command:?}: {} {}", output.code, output.stderr);
    }
    assert_eq!((mode(elsewhere.path()), mode(&private)), before);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

/// Creates a repository in each format of git, with an added file.
fn repositories() -> [(&'static str, &'static [&'static str], &'static [&'static str]); 4] {
    [
        ("version 2", &["init", "-q"], &["update-index", "--index-version", "2"]),
        ("version 4", &["init", "-q"], &["update-index", "--index-version", "4"]),
        ("SHA-256", &["init", "-q", "--object-format=sha256"], &["update-index", "--refresh"]),
        ("intent to add", &["init", "-q"], &["add", "-N", "stack.ncl"]),
    ]
}

/// Attack: a pull request commits values of secrets, so that the stack uses values that the attacker knows.
/// Expectation: NS509 for each, from every command that would use or check the value; the fix in the message works.
#[test]
fn values_that_git_tracks_are_refused() {
    for (form, start, after) in repositories() {
        let case = generated_project();
        let folder = case.path();
        let secret = folder.join("deploy/local/secrets/jwt_key");
        fs::create_dir(secret.parent().unwrap()).unwrap();
        fs::write(&secret, KNOWN).unwrap();
        // Control: without the repository, the value is used.
        assert_eq!(init(folder).code, 0);
        assert_eq!(fs::read_to_string(&secret).unwrap(), KNOWN);

        git(folder, start);
        git(folder, &["add", "-f", "deploy/local/secrets/jwt_key", "deploy/local/.env"]);
        git(folder, after);
        for command in [&["secrets", "init"][..], &["secrets", "check"], &["secrets", "kubernetes", "--env", "local"]] {
            let process_output = nself_in(folder, command);
            let reported_files = process_output.stderr.matches("error[NS509]").count();
            assert!(
                process_output.code != 0 && reported_files == 2,
                "{form} {command:?}: {} {}",
                process_output.code,
                process_output.stderr
            );
            assert!(
                process_output.stderr.contains("deploy/local/secrets/jwt_key")
                    && !process_output.stdout.contains(KNOWN),
                "{}",
                process_output.stderr
            );
        }
        // Follow the message.
        let output = init(folder).stderr;
        for line in output.lines().filter_map(|line| line.split_once("`git rm --cached -- ")) {
            let path = line.1.split_once('`').unwrap().0;
            git(folder, &["rm", "-q", "--cached", "--", path]);
            fs::remove_file(folder.join(path)).unwrap();
        }
        let process_output = init(folder);
        assert_eq!(process_output.code, 0, "{form}: {}", process_output.stderr);
        assert_ne!(fs::read_to_string(&secret).unwrap(), KNOWN);
    }
}

/// Attack: a value of a secret, a key and an `.env` file are in files of the project that git tracks.
/// Expectation: `secrets check` names each file, with the line and the secret; files that git ignores do not count.
#[test]
fn secrets_in_files_that_git_tracks_are_found() {
    let case = generated_project();
    let folder = case.path();
    git(folder, &["init", "-q"]);
    assert_eq!(init(folder).code, 0);
    let secrets = folder.join("deploy/local/secrets");
    let value = fs::read_to_string(secrets.join("jwt_key")).unwrap();
    fs::create_dir(folder.join("config")).unwrap();
    fs::write(folder.join("config/app.conf"), format!("port = 1\nkey = {value}\n")).unwrap();
    fs::write(folder.join(".env"), "A=1\nexport DB_PASSWORD=tulip\n").unwrap();
    fs::write(folder.join(".env.example"), "DB_PASSWORD=tulip\n").unwrap();
    fs::copy(secrets.join("authority_key"), folder.join("authority.key")).unwrap();
    fs::copy(secrets.join("tls_key"), folder.join("config/tls.key")).unwrap();
    // A value of an environment that the stack no longer has.
    fs::create_dir_all(folder.join("deploy/old/secrets")).unwrap();
    fs::write(folder.join("deploy/old/secrets/jwt_key"), KNOWN).unwrap();
    let check = || {
        let output = nself_in(folder, ["secrets", "check"]);
        assert!(!output.stderr.contains(&value) && !output.stderr.contains("tulip"), "{}", output.stderr);
        output
    };
    git(folder, &["add", "stack.ncl", ".env.example"]);
    assert!(check().code == 0 && !check().stderr.contains("NS509"), "{}", check().stderr);
    git(folder, &["add", "-f", "config", ".env", "authority.key", "deploy/old/secrets/jwt_key"]);
    let output = check();
    let (errors, warnings) =
        (output.stderr.matches("error[NS509]").count(), output.stderr.matches("warning[NS509]").count());
    assert_eq!((output.code, errors, warnings), (1, 3, 2), "{}", output.stderr);
    for text in [
        "--> config/app.conf:2:7",
        "the value of the secret `jwt_key`",
        "--> config/tls.key:1:1",
        "--> authority.key:1:1",
        "--> .env:2:1",
        "`git rm --cached -- ./deploy/old/secrets/jwt_key`",
    ] {
        assert!(output.stderr.contains(text), "{text}: {}", output.stderr);
    }
    // Without the files, nothing is left.
    git(folder, &["rm", "-rq", "--cached", "config", ".env", "authority.key", "deploy/old"]);
    assert!(!check().stderr.contains("NS509"), "{}", check().stderr);
}

/// Attack: the repository is a worktree, has the project in a subfolder, or has an inner repository around the values.
/// Expectation: the indexes of all enclosing repositories are checked.
#[test]
fn values_tracked_by_any_enclosing_repository_are_found() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("work/shop");
    fs::create_dir_all(&folder).unwrap();
    git(outer.path(), &["init", "-q", "main"]);
    let main = outer.path().join("main");
    fs::write(main.join("a"), "a").unwrap();
    git(&main, &["add", "."]);
    git(&main, &["commit", "-qm", "a"]);
    git(&main, &["worktree", "add", "-q", "../tree"]);
    let tree = outer.path().join("tree/shop");
    fs::create_dir(&tree).unwrap();
    fs::copy(generated_project().path().join("stack.ncl"), tree.join("stack.ncl")).unwrap();
    assert_eq!(nself_in(&tree, ["gen", "--env", "local"]).code, 0);
    assert_eq!(init(&tree).code, 0);
    git(&tree, &["add", "-f", "deploy/local/.env"]);
    // An inner repository without tracked files does not hide the outer one.
    fs::create_dir_all(tree.join("deploy/.git/objects")).unwrap();
    let output = init(&tree);
    assert!(output.code == 2 && output.stderr.contains("NS509"), "{}", output.stderr);
}

/// Attack: the configuration of a repository names a program that git runs to detect changes.
/// Expectation: nself reads the index without git. Control: git runs the program.
#[test]
fn the_configuration_of_a_repository_runs_no_program() {
    let case = generated_project();
    let folder = case.path();
    git(folder, &["init", "-q"]);
    git(folder, &["add", "stack.ncl"]);
    let trace = folder.join("trace");
    let program = folder.join("program");
    fs::write(&program, format!("#!/bin/sh\ntouch {}\n", trace.display())).unwrap();
    set_mode(&program, 0o755);
    git(folder, &["config", "core.fsmonitor", &program.display().to_string()]);
    git(folder, &["config", "core.hooksPath", &folder.display().to_string()]);
    git(folder, &["status"]);
    assert!(trace.exists(), "git runs it");
    fs::remove_file(&trace).unwrap();
    assert_eq!(init(folder).code, 0);
    assert_eq!(nself_in(folder, ["secrets", "check"]).code, 0);
    assert!(!trace.exists());
}

/// Attack: there is no repository, or its index is truncated or split, so that tracked files are unknown.
/// Expectation: one remark says so.
#[test]
fn an_unreadable_index_is_reported() {
    let case = generated_project();
    let folder = case.path();
    let output = init(folder).stderr;
    assert_eq!(output.matches("is not in a git repository").count(), 1, "{output}");
    git(folder, &["init", "-q"]);
    git(folder, &["add", "."]);
    assert!(!init(folder).stderr.contains("not recognised"));
    git(folder, &["update-index", "--split-index"]);
    assert!(init(folder).stderr.contains("it is a split index"), "{}", init(folder).stderr);
    git(folder, &["update-index", "--no-split-index"]);
    let index = folder.join(".git/index");
    let bytes = fs::read(&index).unwrap();
    for cut in [1, 11, 50, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&index, &bytes[..cut]).unwrap();
        assert!(init(folder).stderr.contains("its format is unknown"), "{cut}");
    }
    let mut many = bytes.clone();
    many[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    fs::write(&index, &many).unwrap();
    assert!(init(folder).stderr.contains("its format is unknown"));
}

/// Returns the value that Compose reads from `.env`: version 2, or 1.29 if `old`.
fn compose_reads(folder: &Path, program: &Path, old: bool) -> String {
    let file = "version: '3'\nservices:\n  a:\n    image: a\n    environment:\n      V: ${HASURA_ADMIN_SECRET}\n";
    fs::write(folder.join("read.yaml"), file).unwrap();
    let output =
        run(Command::new(program).current_dir(folder).args(["-f", "read.yaml", "--env-file", ".env", "config"]));
    if output.code != 0 {
        return format!("refused: {}", output.stderr);
    }
    let document: serde_yaml_ng::Value = serde_yaml_ng::from_str(&output.stdout).unwrap();
    let value =
        document["services"]["a"]["environment"]["V"].as_str().unwrap_or_else(|| panic!("{old}: {}", output.stdout));
    value.replace("$$", "$")
}

/// Attack: a value that the operator received ends in a backslash, or has quotes, `$`, `#` or line breaks, and changes
/// the value, adds a variable or breaks `.env`.
/// Expectation: both versions of Compose read exactly the value, or it is refused and the old file is kept.
#[test]
fn env_represents_a_value_exactly_or_it_is_refused() {
    let mut readers: Vec<(PathBuf, bool)> = Vec::new();
    readers.extend(tool("bin/docker-compose-2").map(|program| (program, false)));
    readers.extend(tool("/usr/bin/docker-compose").map(|program| (program, true)));
    if readers.is_empty() {
        return;
    }
    let case = generated_project();
    assert_eq!(init(case.path()).code, 0);
    let local = case.path().join("deploy/local");
    let secret = local.join("secrets/hasura_admin_secret");
    let before = fs::read(local.join(".env")).unwrap();
    let carried = [
        "plain-value-of-an-operator",
        "a\"b",
        "a\\b",
        "\\a",
        "a#b",
        "a #b",
        "#a",
        "$HOME",
        "$$a",
        "`id`",
        "$(id)",
        " a b ",
        "a=b",
        "=a",
        "\"a\"",
        "a\tb",
        "é漢",
        "a\\nb",
        "\\\"",
        "%{x}",
        "a;b&c|d",
        "export A=b",
    ];
    let (mut exact, mut refused) = (0, 0);
    for value in carried.iter().copied().chain([
        "a\\",
        "a\\\\",
        "\\\\a",
        "a\\\\b",
        "it's",
        "'",
        "${HOME}",
        "a${V:-x}b",
        "a\nB=c",
        "a\rb",
        "a\u{1}b",
    ]) {
        fs::remove_file(&secret).unwrap();
        fs::write(&secret, value).unwrap();
        fs::write(local.join(".env"), &before).unwrap();
        let output = nself_in(case.path(), ["secrets", "init"]);
        if output.code == 2 {
            assert!(
                output.stderr.contains("NS106") && output.stderr.contains("hasura_admin_secret"),
                "{}",
                output.stderr
            );
            assert_eq!(fs::read(local.join(".env")).unwrap(), before, "{value:?}");
            refused += 1;
            continue;
        }
        assert_eq!(output.code, 0, "{value:?}: {}", output.stderr);
        for (program, old) in &readers {
            assert_eq!(compose_reads(&local, program, *old), value, "{} {value:?}", program.display());
        }
        exact += 1;
    }
    assert!(exact >= 20 && refused >= 8, "{exact} {refused}");
    // Control: in quotes without a check, the value changes or the file is invalid.
    for value in ["a\\", "it's", "a\\\\"] {
        fs::write(local.join(".env"), format!("HASURA_ADMIN_SECRET='{value}'\nB='c'\n")).unwrap();
        let wrong = readers.iter().any(|(program, old)| compose_reads(&local, program, *old) != value);
        assert!(wrong, "{value}");
    }
}

/// Attack: a committed `secrets.json` names a variable with a line break, to add lines to `.env`, or belongs to a
/// different environment.
/// Expectation: NS805, and nothing is created.
#[test]
fn secret_lists_cannot_add_lines_to_env_and_belong_to_one_environment() {
    let case = generated_project();
    let local = case.path().join("deploy/local");
    let list = fs::read_to_string(local.join("secrets.json")).unwrap();
    for (from, to) in [
        ("\"HASURA_ADMIN_SECRET\"", "\"A='b'\\nCOMPOSE_FILE='/tmp/evil.yaml'\\nB\""),
        ("\"HASURA_ADMIN_SECRET\"", "\"COMPOSE_FILE\""),
        ("\"environment\": \"local\"", "\"environment\": \"prod\""),
    ] {
        assert!(list.contains(from), "{list}");
        fs::write(local.join("secrets.json"), list.replacen(from, to, 1)).unwrap();
        let output = init(case.path());
        assert!(output.code == 2 && output.stderr.contains("NS805"), "{to}: {} {}", output.code, output.stderr);
        assert!(!local.join(".env").exists() && !local.join("secrets").exists(), "{to}");
    }
}

/// Attack: a credential is in a place where only its name reveals it: a build argument, a variable in camel case or
/// with a rarer word, an argument of a command, a raw key.
/// Expectation: NS504 at that place without the value. Settings about credentials are accepted.
#[test]
fn credentials_by_name_are_found_in_every_field() {
    let service = |fields: &str| {
        format!(
            "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.web = {{ port = 8001, user = \"1:1\", {fields} }} }}"
        )
    };
    let build = |args: &str| service(&format!("build = {{ context = \"a\", args = {{ {args} }} }}"));
    let image = |fields: &str| service(&format!("image = \"a/b:1\", {fields}"));
    let refused = [
        (build("NPM_TOKEN = \"tulip-field\""), "services.web.build.args.NPM_TOKEN"),
        (build("KEY_PASSPHRASE = \"tulip-field\""), "services.web.build.args.KEY_PASSPHRASE"),
        (image("env.KEY_PASSPHRASE = \"tulip-field\""), "services.web.env.KEY_PASSPHRASE"),
        (image("env.FTP_PASSWD = \"tulip-field\""), "services.web.env.FTP_PASSWD"),
        (image("env.DB_PW = \"tulip-field\""), "services.web.env.DB_PW"),
        (image("env.SERVICE_JWT = \"tulip-field\""), "services.web.env.SERVICE_JWT"),
        (image("env.dbPassword = \"tulip-field\""), "services.web.env.dbPassword"),
        (image("env.PGPASSWORD = \"tulip-field\""), "services.web.env.PGPASSWORD"),
        (image("command = [\"serve\", \"--db-password=tulip-field\"]"), "services.web.command[1]"),
        (image("command = [\"serve\", \"--apiKey\", \"tulip-field\"]"), "services.web.command[1]"),
        (image("compose.annotations.\"x.api-key\" = \"tulip-field\""), "services.web.compose.annotations"),
    ];
    for (body, place) in refused {
        let case = stack(&body);
        fs::create_dir(case.path().join("a")).unwrap();
        fs::write(case.path().join("a/Dockerfile"), "FROM scratch\n").unwrap();
        let output = nself_in(case.path(), ["gen", "--env", "local"]);
        assert!(
            output.code == 2 && output.stderr.contains("NS504") && output.stderr.contains(place),
            "{body}\n{}",
            output.stderr
        );
        assert!(!output.stderr.contains("tulip"), "{}", output.stderr);
    }
    for body in [
        build("NPM_TOKEN_URL = \"https://example.com\", NODE_ENV = \"test\", API_KEY = \"\""),
        image(
            "env = { PASSWORD_MIN_LENGTH = \"9\", JWT_ALGORITHM = \"RS256\", TOKEN_URL = \"https://example.com/t\" }",
        ),
        image(
            "env = { DB_PASSWORD_FILE = \"/run/secrets/x\", ALLOW_EMPTY_PASSWORD = \"no\", TLS_KEY = \"/certs/tls.key\" }",
        ),
        image("command = [\"serve\", \"--password-file=/run/secrets/x\", \"--tls-key\", \"/certs/tls.key\"]"),
    ] {
        let case = stack(&body);
        fs::create_dir(case.path().join("a")).unwrap();
        fs::write(case.path().join("a/Dockerfile"), "FROM scratch\n").unwrap();
        let output = nself_in(case.path(), ["gen", "--env", "local"]);
        assert!(output.code == 0 && !output.stderr.contains("NS504"), "{body}\n{}", output.stderr);
    }
}
