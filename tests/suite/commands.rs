//! Commands with wrong input: they report a code, a message and an exit code, and write nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{ProcessOutput, golden, nself, nself_in, project, run, stack, tree};

const SHOP: &str = r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services.orders = { image = "a/orders:1" } }"#;

fn assert_failure(output: &ProcessOutput, words: &[&str]) {
    assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{output:?}");
    for word in words {
        assert!(output.stderr.contains(word), "{word}: {}", output.stderr);
    }
}

#[test]
fn a_folder_is_not_a_stack() {
    let case = stack(SHOP);
    let folder = case.path().display().to_string();
    assert_failure(
        &nself_in(case.path(), ["gen", &folder]),
        &["NS001", "is a directory", &format!("`{folder}/stack.ncl`")],
    );
    assert_failure(&nself_in(case.path(), ["gen", "."]), &["NS001", "`./stack.ncl`"]);
    assert_failure(&nself_in(case.path(), ["gen", "none.ncl"]), &["NS001", "No such file", "`nself init`"]);
}

#[test]
fn a_refused_path_is_not_opened() {
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services = {
             aa = { build.context = "../x", port = 8001 }, bb = { build = { context = "x", dockerfile = "/y" }, port = 8002 },
             cc = { build.context = "x", port = 8003 } } }"#,
    );
    let output = nself_in(case.path(), ["gen"]);
    assert_failure(&output, &["services.aa.build.context", "services.bb.build.dockerfile"]);
    // Control: an accepted path is looked up.
    assert_eq!(output.stderr.matches("NS311").count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("`x/Dockerfile`"), "{}", output.stderr);
}

/// A hint names the missing item and how to add it.
#[test]
fn hints_name_the_missing_item() {
    let orders = |fields: &str| format!(r#"services.orders = {{ image = "a/b:1", {fields} }}"#);
    for (fields, message, hint) in [
        (
            orders(r#"env.A = nself.secret "redis_url""#),
            "no secret `redis_url`",
            "add the service that declares it: `services.redis = nself.services.redis`",
        ),
        (
            orders(r#"env.A = nself.secret "redis_url""#)
                + ", services.redis = nself.services.redis & { only = ['staging] }",
            "`redis` is not part of this environment, but other services need it",
            "add the profile of this environment to `only`, or remove the fields that refer to it",
        ),
        (orders(r#"env.A = nself.secret "jwt_secrt""#), "no secret `jwt_secrt`", "did you mean `jwt_secret`?"),
        (orders(r#"secret_files = ["stripe"]"#), "no secret `stripe`", "declare it: `secrets.stripe = "),
        (
            orders(r#"databases.main = {}, env.A = nself.database_url "mian""#),
            "no database entry `mian`",
            "did you mean `main`?",
        ),
        (
            orders(r#"env.A = nself.database_url "main""#),
            "no database entry `main`",
            "declare it: `databases.main.name = \"orders\"`",
        ),
        (
            "frontends.shop-web.port = 3001".to_owned(),
            "`shop-web` has no route, so browsers cannot open it",
            "`route.subdomain = \"shop-web\"`",
        ),
        (
            orders(r#"port = 8001, route.path = "/x""#),
            "`subdomain` and `host`, but this one has neither",
            "`subdomain = \"orders\"`",
        ),
        (
            orders(r#"port = 8001, route = { subdomain = "a", host = "a.b" }"#),
            "`subdomain` and `host`, but this one has both",
            "remove one of them",
        ),
        (
            r#"services.orders = { build.context = "x", port = 8001 }"#.to_owned(),
            "`x/Dockerfile` does not exist",
            "NAME is one of bullmq, connect-go, express, fastapi, functions-node, functions-python, go-http, nestjs",
        ),
    ] {
        let case = stack(&format!(
            r#"{{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", {fields} }}"#
        ));
        assert_failure(&nself_in(case.path(), ["gen"]), &[message, hint]);
    }
}

#[test]
fn environments_are_listed_with_their_domains() {
    let case = stack(SHOP);
    let output = nself_in(case.path(), ["env", "list"]);
    let domains: Vec<&str> = output.stdout.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(domains, ["local.nself.org", "shop.example.com", "shop.example.com"], "{}", output.stdout);
}

#[test]
fn a_lock_that_is_not_a_regular_file_is_an_error() {
    let case = stack(SHOP);
    let lock = case.path().join("nself.lock");
    let gen_ = || nself_in(case.path(), ["gen"]);
    fs::write(&lock, "{\n  \"version\": 1,\n").unwrap();
    let output = gen_();
    assert_failure(&output, &["NS806", "nself.lock:3:1: EOF"]);
    assert!(!output.stderr.contains("at line"), "{}", output.stderr);
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    assert_failure(&gen_(), &["NS806", "nself.lock is not a regular file"]);
    fs::remove_dir(&lock).unwrap();
    std::os::unix::fs::symlink("stack.ncl", &lock).unwrap();
    assert_failure(&gen_(), &["NS806", "nself.lock is not a regular file"]);
    assert!(!case.path().join("deploy").exists());
}

#[test]
fn a_missing_manifest_is_named() {
    let case = stack(SHOP);
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let manifest = case.path().join("deploy/nself.manifest");
    let before = fs::read(&manifest).unwrap();
    fs::remove_file(&manifest).unwrap();
    let output = nself_in(case.path(), ["check"]);
    assert!(output.code == 1 && output.stderr.contains("nself.manifest missing; run `nself gen`"), "{}", output.stderr);
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    assert_eq!(fs::read(&manifest).unwrap(), before);
    assert_eq!(nself_in(case.path(), ["check"]).code, 0);
}

#[test]
fn commands_in_hints_name_the_output_folder_and_the_environment() {
    let case = stack(SHOP);
    let nself = |arguments: &[&str]| nself_in(case.path(), arguments);
    let in_folder = |out: &str, options: &[&str]| {
        let generated = |command: &[&str]| nself(&[command, options].concat());
        assert_eq!(generated(&["gen", "--env", "local"]).code, 0);
        let checked = nself(&[["secrets", "check", "--env", "local"].as_slice(), options].concat());
        let file = case.path().join(out).join("local/compose.yaml");
        fs::write(&file, fs::read_to_string(&file).unwrap() + "# an edit\n").unwrap();
        let [check, refused, verified] =
            [["check", "--env", "local"].as_slice(), &["gen", "--env", "local"], &["verify"]].map(generated);
        [checked, check, refused, verified].map(|output| output.stderr)
    };
    let [secrets, check, refused, verified] = in_folder("build", &["--out", "build"]);
    for (text, command) in [
        (&secrets, "`nself secrets init --env local --out build`"),
        (&check, "run `nself gen --env local --out build` to update"),
        (&refused, "`nself gen --force --env local --out build`"),
        (&verified, "`nself check --out build`"),
    ] {
        assert!(text.contains(command), "{command}: {text}");
    }
    // Control: the default folder needs no option.
    for text in in_folder("deploy", &[]) {
        assert!(!text.contains("--out") && text.contains("`nself "), "{text}");
    }
}

#[test]
fn commands_in_hints_name_the_stack_of_the_command_line() {
    let case = stack(SHOP);
    let parent = case.path().parent().unwrap();
    let folder = case.path().file_name().unwrap().to_str().unwrap();
    let path = format!("{folder}/stack.ncl");
    let nself = |words: &str| nself_in(parent, words.replace("STACK", &path).split(' ')).stderr;
    assert_eq!(nself_in(parent, ["gen", &path, "--env", "local"]).code, 0);
    let file = case.path().join("deploy/local/compose.yaml");
    fs::write(&file, fs::read_to_string(&file).unwrap() + "# an edit\n").unwrap();
    for (words, command) in [
        ("gen STACK --env local", "`nself gen STACK --force --env local`"),
        ("check STACK --env local", "`nself gen STACK --env local`"),
        ("verify STACK", "`nself check STACK`"),
        ("lock STACK --check", "`nself lock STACK`"),
        ("why FOLDER/deploy/local/compose.yaml STACK", "`nself check STACK`"),
        ("why FOLDER/deploy/none STACK", "`nself graph STACK --of derivations`"),
        ("secrets check --env local --out FOLDER/deploy", "`nself secrets init --env local --out FOLDER/deploy`"),
    ] {
        let text = nself(&words.replace("FOLDER", folder));
        let command = command.replace("STACK", &path).replace("FOLDER", folder);
        assert!(text.contains(&command), "{command}: {text}");
    }
    // Control: the default stack needs no argument.
    let text = nself_in(case.path(), ["lock", "--check"]).stderr;
    assert!(text.contains("`nself lock`"), "{text}");
}

#[test]
fn an_output_folder_next_to_the_project_refers_to_the_project() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("proj");
    fs::create_dir_all(project.join("data")).unwrap();
    let fields = r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
        services.orders = { image = "a/b:1", mounts = [{ source = "data", target = "/srv" }] } }"#;
    fs::write(project.join("stack.ncl"), format!("let nself = import \"nself/main.ncl\" in\n{fields} | nself.Stack\n"))
        .unwrap();
    let compose = |working_folder: &Path, arguments: &[&str]| {
        let output = nself_in(working_folder, [["gen", "--env", "local"].as_slice(), arguments].concat());
        assert_eq!(output.code, 0, "{}", output.stderr);
        fs::read_to_string(folder.path().join("other/local/compose.yaml")).unwrap()
    };
    let from_project = compose(&project, &["--out", "../other"]);
    assert!(from_project.contains("\"../../proj/data\""), "{from_project}");
    // The same files result from the data folder, from which the stack is `../stack.ncl`, and with other spellings.
    assert_eq!(compose(&project.join("data"), &["--out", "../../other"]), from_project);
    assert_eq!(compose(folder.path(), &["proj/data/../stack.ncl", "--out", "other"]), from_project);
}

#[test]
fn a_mount_without_a_source_is_a_warning() {
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
             services.orders = { image = "a/b:1", mounts = [{ source = "static", target = "/srv" }] } }"#,
    );
    let warned = |output: &ProcessOutput| {
        output.stderr.contains("warning[NS312]: `static` does not exist in the folder of the stack")
    };
    let place = "--> stack.ncl:3:72 (services.orders.mounts[0].source)\n   = in: local, prod, staging\n";
    let first = nself_in(case.path(), ["gen"]);
    assert!(first.code == 0 && warned(&first) && first.stderr.contains(place), "{}", first.stderr);
    assert!(warned(&nself_in(case.path(), ["gen"])), "a warm run says it too");
    fs::create_dir(case.path().join("static")).unwrap();
    let there = nself_in(case.path(), ["gen"]);
    assert!(there.code == 0 && !warned(&there), "{}", there.stderr);
}

#[test]
fn mounts_of_services_that_do_not_run_are_not_checked() {
    let mount = |source: &str| format!(r#"mounts = [{{ source = "{source}", target = "/srv" }}]"#);
    let case = stack(&format!(
        r#"{{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
             services.orders = {{ image = "a/b:1", only = ['local], {} }},
             services.helper = {{ image = "a/b:1", only_with = ["orders"], {} }},
             frontends.web = {{ port = 3000, route.subdomain = "web", include = true, container = {{ image = "a/b:1", port = 8003, {} }} }} }}"#,
        mount("linked"),
        mount("absent"),
        mount("page"),
    ));
    std::os::unix::fs::symlink("/", case.path().join("linked")).unwrap();
    let prod = nself_in(case.path(), ["gen", "--env", "prod"]);
    assert!(prod.code == 0 && prod.stderr.contains("`page` does not exist"), "{}", prod.stderr);
    assert!(!prod.stderr.contains("`absent`") && !prod.stderr.contains("NS313"), "{}", prod.stderr);
    let all = nself_in(case.path(), ["gen"]);
    assert_eq!(all.code, 2, "{}", all.stderr);
    for (message, environments) in [
        ("error[NS313]: `linked` is a symbolic link", "local"),
        ("warning[NS312]: `absent` does not exist", "local"),
        ("warning[NS312]: `page` does not exist", "prod, staging"),
    ] {
        let finding = all.stderr.split("\n\n").find(|finding| finding.contains(message)).unwrap_or_default();
        assert!(finding.contains(&format!("= in: {environments}\n")), "{message}: {}", all.stderr);
    }
}

#[test]
fn converted_line_endings_are_reported_as_such() {
    let case = stack(SHOP);
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let file = case.path().join("deploy/local/compose.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace('\n', "\r\n")).unwrap();
    let output = nself_in(case.path(), ["check"]);
    assert!(
        output.code == 1
            && output.stderr.contains("hand-edited only by Windows line endings: 1 file")
            && output.stderr.contains("-text"),
        "{}",
        output.stderr
    );
    assert_failure(
        &nself_in(case.path(), ["gen"]),
        &["NS801", "local/compose.yaml has Windows line endings", "core.autocrlf", "--force"],
    );
    // Control: an edited line is reported as an edit.
    fs::write(&file, text.replace('\n', "\r\n") + "# mine\r\n").unwrap();
    assert_failure(&nself_in(case.path(), ["gen"]), &["NS801", "local/compose.yaml was edited by hand"]);
    assert!(!nself_in(case.path(), ["check"]).stderr.contains("Windows"));
    assert_eq!(nself_in(case.path(), ["gen", "--force"]).code, 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    // The advice names the folder of the run.
    assert_eq!(nself_in(case.path(), ["gen", "--out", "infra"]).code, 0);
    fs::write(case.path().join("infra/local/compose.yaml"), text.replace('\n', "\r\n")).unwrap();
    let output = nself_in(case.path(), ["check", "--out", "infra"]);
    assert!(output.stderr.contains("`infra/** -text`") && !output.stderr.contains("deploy"), "{}", output.stderr);
}

/// git may convert line endings of a checkout, as on Windows; the generated attributes prevent that.
#[test]
fn git_does_not_convert_line_endings_of_an_environment() {
    let case = stack(SHOP);
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    let git = |folder: &Path, arguments: &[&str]| {
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "core.autocrlf=true"];
        let output = run(Command::new("git").args(who).args(arguments).current_dir(folder));
        assert_eq!(output.code, 0, "{arguments:?}: {}", output.stderr);
    };
    fs::write(case.path().join("other.txt"), "a\nb\n").unwrap();
    for arguments in [&["init", "-q"][..], &["add", "stack.ncl", "deploy", "other.txt"], &["commit", "-qm", "one"]] {
        git(case.path(), arguments);
    }
    let elsewhere = tempfile::tempdir().unwrap();
    git(elsewhere.path(), &["clone", "-q", &case.path().display().to_string(), "copy"]);
    let copy = elsewhere.path().join("copy");
    for environment in ["local", "staging", "prod"] {
        let files = tree(&copy.join("deploy").join(environment));
        assert!(files.len() > 10 && files == tree(&case.path().join("deploy").join(environment)), "{environment}");
    }
    assert_eq!(fs::read_to_string(copy.join("other.txt")).unwrap(), "a\r\nb\r\n", "control: git does rewrite");
    assert_eq!(nself_in(&copy, ["gen"]).code, 0);
    assert_eq!(nself_in(&copy, ["check"]).code, 0);
}

/// The data of a volume outlives the image that wrote it.
#[test]
fn a_postgresql_image_that_cannot_use_the_data_is_a_warning_once() {
    // Each environment has its commands.
    const ENVIRONMENTS: usize = 3;
    let project = tempfile::tempdir().unwrap();
    let gen_with = |postgres: &str, arguments: &[&str]| {
        let text = format!(
            "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n{postgres}\n}} | nself.Stack\n"
        );
        fs::write(project.path().join("stack.ncl"), text).unwrap();
        let output = nself_in(project.path(), arguments);
        (output.code, output.stderr.matches("warning[NS709]").count(), output.stderr)
    };
    let of = |image: &str| format!("services.postgres.image = \"{image}\",");
    let first = gen_with("", &["gen"]);
    assert_eq!((first.0, first.1), (0, 0), "nothing has run: {}", first.2);
    let patch = gen_with(&of("docker.io/library/postgres:16.4-alpine"), &["gen"]);
    assert_eq!((patch.0, patch.1), (0, 0), "the same major version: {}", patch.2);
    let checked = gen_with(&of("docker.io/library/postgres:17-alpine"), &["check"]);
    assert_eq!((checked.0, checked.1), (1, ENVIRONMENTS), "{}", checked.2);
    let major = gen_with(&of("docker.io/library/postgres:17-alpine"), &["gen"]);
    assert_eq!((major.0, major.1), (0, ENVIRONMENTS), "{}", major.2);
    for part in ["PostgreSQL 17 cannot use the data of PostgreSQL 16", "stack.ncl:3:27", "pg_dumpall -U postgres"] {
        assert!(major.2.contains(part), "{part}: {}", major.2);
    }
    let again = gen_with(&of("docker.io/library/postgres:17-alpine"), &["gen", "--force"]);
    assert_eq!((again.0, again.1), (0, 0), "once: {}", again.2);
    let other = gen_with(&of("docker.io/pgvector/pgvector:pg17"), &["gen"]);
    assert!(other.1 == ENVIRONMENTS && other.2.contains("reindexdb --all -U postgres"), "{}", other.2);
    // The warning names the only environment that it concerns.
    let only_prod = gen_with(
        "services.postgres.image = \"docker.io/pgvector/pgvector:pg17\", environments.prod.services.postgres.image = \"docker.io/pgvector/pgvector:pg18\",",
        &["gen"],
    );
    assert!(only_prod.1 == 1 && only_prod.2.contains("= in: prod\n"), "{}", only_prod.2);
}

#[test]
fn why_refuses_a_line_beyond_the_end_of_the_file() {
    let case = stack(SHOP);
    let compose = "deploy/local/compose.yaml";
    assert_failure(&nself_in(case.path(), ["why", &format!("{compose}:0")]), &["has no such line", "from 1 to "]);
    assert_failure(
        &nself_in(case.path(), ["why", "deploy/none"]),
        &["does not generate `none`", "`nself graph --of derivations`"],
    );
    let graph = nself_in(case.path(), ["graph", "--of", "derivations"]);
    assert!(graph.stdout.contains("local/compose.yaml"), "{}", graph.stdout);
}

#[test]
fn init_prints_a_line_that_a_stack_accepts() {
    let case = stack(SHOP);
    let next = |folder: &str| nself_in(case.path(), ["init", folder, "--template", "express"]).stderr;
    let line = |name: &str, context: &str| {
        format!(
            "next: in stack.ncl: services.{name} = nself.templates.express & {{ build.context = \"{context}\", port = 8001 }},\n"
        )
    };
    assert_eq!(next("services/web"), line("web", "services/web"));
    assert_eq!(next(&case.path().join("mailer").display().to_string()), line("mailer", "mailer"));
    assert_eq!(next("services/My_Web"), line("orders", "services/My_Web"));
    for outside in ["../beside", "a b"] {
        let folder = case.path().join("inner");
        fs::create_dir_all(&folder).unwrap();
        let output = nself_in(&folder, ["init", outside, "--template", "express"]);
        assert!(output.code == 0 && output.stderr.contains("next to stack.ncl: "), "{}", output.stderr);
    }
    let before = tree(case.path());
    assert_failure(
        &nself_in(case.path(), ["init", "services/web", "--template", "express"]),
        &["NS804", "services/web/.dockerignore", "already exists"],
    );
    assert_failure(&nself_in(case.path(), ["init"]), &["NS804", "error[NS804]: stack.ncl already exists"]);
    assert_eq!(tree(case.path()), before);
}

#[test]
fn init_prints_commands_that_work_in_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, start) in [
        (vec!["init"], "next: nself gen && "),
        (vec!["init", "shop"], "next: cd shop && nself gen && "),
        (vec!["init", "my shops/one"], "next: cd 'my shops/one' && nself gen && "),
    ] {
        let output = nself_in(folder.path(), arguments);
        assert!(output.code == 0 && output.stderr.starts_with(start), "{start}: {}", output.stderr);
        let commands = output.stderr.trim_end().strip_prefix("next: ").unwrap();
        let first_commands = commands.split(" && nself secrets").next().unwrap();
        let program = nself(folder.path()).get_program().to_owned();
        let in_shell = first_commands.replace("nself gen", "\"$PROGRAM\" gen --env local");
        let output = run(Command::new("sh").args(["-c", &in_shell]).env("PROGRAM", program).current_dir(folder.path()));
        assert_eq!(output.code, 0, "{in_shell}: {}", output.stderr);
    }
}

#[test]
fn init_prints_a_port_that_no_service_has() {
    let taken = SHOP.replacen(
        '{',
        "{ services = { first = { image = \"a/b:1\", port = 8001 }, second = { image = \"a/b:1\", port = 8002 } },",
        1,
    );
    let case = stack(&taken);
    let output = nself_in(case.path(), ["init", "services/web", "--template", "express"]);
    assert!(output.stderr.contains("port = 8003 }"), "{}", output.stderr);
}

#[test]
fn a_misspelled_environment_is_recognized() {
    let case = stack(SHOP);
    assert_failure(
        &nself_in(case.path(), ["gen", "--env", "prodd"]),
        &["NS110", "no environment `prodd`", "one of local, prod, staging", "did you mean `prod`?"],
    );
    assert_failure(&nself_in(case.path(), ["gen", "--env", "qa"]), &["NS110", "declare it in `environments`"]);
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
    for command in ["init", "kubernetes", "check"] {
        let output = nself_in(case.path(), ["secrets", command, "--env", "prodd"]);
        assert_failure(&output, &["NS804", "deploy/prodd/secrets.json does not exist", "did you mean `prod`?"]);
    }
}

#[test]
fn json_is_printed_for_failures_as_well() {
    let case = stack(
        r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services.orders = { prot = 1 } }"#,
    );
    for arguments in [
        ["gen", "--format", "json"].as_slice(),
        &["check", "--format", "json"],
        &["env", "list", "--format", "json"],
        &["graph", "--format", "json"],
        &["why", "deploy/local/compose.yaml", "--format", "json"],
        &["image", "orders", "--format", "json"],
        &["lock", "--check", "--format", "json"],
        &["db", "status", "--format", "json"],
        &["db", "lint", "--format", "json"],
        &["verify", "--format", "json"],
        &["publish", "oci://registry.example.com/a:1", "--format", "json"],
    ] {
        let output = nself_in(case.path(), arguments);
        let document: serde_json::Value =
            serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {output:?}"));
        assert_eq!(
            (output.code, &document["status"], &document["version"]),
            (2, &"error".into(), &1.into()),
            "{arguments:?}: {output:?}"
        );
        assert!(
            !document["diagnostics"].as_array().unwrap().is_empty() && output.stderr.is_empty(),
            "{arguments:?}: {output:?}"
        );
    }
}

#[test]
fn a_hand_written_file_that_nginx_cannot_read_is_refused() {
    let case = stack(SHOP);
    let file = case.path().join("nginx/conf.d/own.conf");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "\u{FEFF}map $uri $own { default 1; }\n").unwrap();
    assert_failure(&nself_in(case.path(), ["gen"]), &["NS603", "nginx/conf.d/own.conf", "byte order mark"]);
    // Control: a file that only has Windows line endings is accepted.
    fs::write(&file, "map $uri $own {\r\n  default 1;\r\n}\r\n").unwrap();
    assert_eq!(nself_in(case.path(), ["gen"]).code, 0);
}

#[test]
fn environments_are_shown_as_gen_plans_them() {
    let case = crate::support::project(&crate::support::root().join("golden/database"));
    assert_eq!(nself_in(case.path(), ["check"]).code, 1, "it is complete");
    let output = nself_in(case.path(), ["env", "show", "prod"]);
    assert!(output.code == 0 && output.stdout.contains("\"migrations\": {"), "{output:?}");
    let output = nself_in(case.path(), ["env", "diff", "staging", "prod"]);
    assert!(output.code == 1 && output.stdout.contains("+  \"profile\": \"prod\""), "{output:?}");
    assert_failure(
        &nself_in(case.path(), ["env", "diff", "staging", "prd"]),
        &["NS110", "`prd`", "one of local, prod, staging"],
    );
}

#[test]
fn json_output_is_one_document_without_log_lines() {
    let case = project(&golden(false)[0]);
    let output = nself_in(case.path(), ["gen", "--format", "json"]);
    assert!(serde_json::from_str::<serde_json::Value>(&output.stdout).is_ok(), "{}", output.stdout);
    assert_eq!(output.stderr, "", "a machine reads one document and nothing else");
}

#[test]
fn a_stack_is_found_from_a_folder_below_it() {
    let case = stack("{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\" }");
    let below = case.path().join("services/orders");
    fs::create_dir_all(&below).unwrap();
    let output = nself_in(&below, ["gen", "--env", "local"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(case.path().join("deploy/local/compose.yaml").exists() && !below.join("deploy").exists());
    // Known-bad control: a stack above the root of the repository does not belong to the project.
    fs::create_dir_all(case.path().join("services/.git")).unwrap();
    assert_eq!(nself_in(&below, ["gen", "--env", "local"]).code, 2);
}

#[test]
fn help_and_the_language_are_complete() {
    let anywhere = Path::new("/");
    let help = nself_in(anywhere, ["help"]);
    assert!(help.code == 0 && help.stdout.contains("Commands:"), "{}", help.stderr);
    let check = nself_in(anywhere, ["check", "--help"]).stdout;
    assert!(
        check.contains("--frozen") && !check.contains("      --force") && !check.contains("      --check"),
        "{check}"
    );
    assert!(nself_in(anywhere, ["gen", "--help"]).stdout.contains("--force"));
    let all = nself_in(anywhere, ["schema"]).stdout;
    assert!(all.contains("'local | 'staging | 'prod"), "{all}");
    for name in ["Route", "route", "relay"] {
        let output = nself_in(anywhere, ["schema", name]);
        assert!(
            output.code == 0 && output.stdout.lines().count() > 3 && output.stdout.len() < all.len() / 4,
            "{name}: {}",
            output.stdout
        );
    }
    let unknown = nself_in(anywhere, ["schema", "Rote"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("did you mean `Route`?"), "{}", unknown.stderr);
}

#[test]
fn an_environment_is_shown_as_text() {
    let case = stack("{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\" }");
    let output = nself_in(case.path(), ["env", "show", "prod", "--format", "text"]);
    assert!(output.stdout.lines().any(|line| line == "services.auth.env.AUTH_PORT.text = 4000"), "{}", output.stdout);
    let output = nself_in(case.path(), ["image", "nope"]);
    assert!(
        output.code == 2 && output.stderr.contains("no service of this environment has a layout"),
        "{}",
        output.stderr
    );
}
