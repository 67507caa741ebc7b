//! One run reports all errors of a stack at their places. Uses the public interface of the library.

use std::path::Path;

use nself::diagnostic::{Code, Diagnostic};
use nself::source::{self, EvaluationRequest, Evaluator, Limits, LoadedStack};

fn load_in(folder: &Path, text: &str, evaluator: Evaluator) -> (Option<LoadedStack>, Vec<Diagnostic>) {
    std::fs::write(folder.join("stack.ncl"), text).unwrap();
    let request = EvaluationRequest {
        stack: folder.join("stack.ncl"),
        allow_imports: Vec::new(),
        cache: folder.join(".nself"),
        evaluator,
    };
    match source::load(&request) {
        Ok(mut loaded) => {
            let findings = std::mem::take(&mut loaded.findings);
            (Some(loaded), findings)
        }
        Err(findings) => (None, findings),
    }
}

/// Returns the findings of a stack in which `fields` start on line 3.
fn findings(fields: &str) -> Vec<Diagnostic> {
    let folder = tempfile::tempdir().unwrap();
    let findings = load_in(folder.path(), &stack(fields), Evaluator::InProcess).1;
    let place = folder.path().display().to_string();
    assert!(!format!("{findings:?}").contains(&place), "no finding shows where the project lies: {findings:?}");
    findings
}

fn stack(fields: &str) -> String {
    format!(
        "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n{fields}\n}} | nself.Stack\n"
    )
}

fn places(findings: &[Diagnostic]) -> Vec<String> {
    let place = |finding: &Diagnostic| {
        let span = finding.span.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{} {span} {}", finding.code, finding.path)
    };
    findings.iter().map(place).collect()
}

#[test]
fn all_contract_errors_of_a_run_are_reported_at_line_and_column() {
    let found = findings(
        "services = {\n  orders = { image = 5, port = 70000 },\n  billing = { image = \"a/b:1\", egress = \"no\" },\n  mailer = { image = \"a/\" ++ 1 },\n},\n\
         domain | String,\ncompose.compat = 'old,",
    );
    assert_eq!(
        places(&found),
        [
            "NS101 stack.ncl:4:22 services.orders.image",
            "NS107 stack.ncl:4:32 services.orders.port",
            "NS101 stack.ncl:5:41 services.billing.egress",
            "NS003 stack.ncl:6:30 services.mailer.image",
            "NS101 stack.ncl:9:18 compose.compat",
        ]
    );
    assert_eq!(
        (found[0].message.as_str(), found[0].expected.as_str()),
        ("the value has the wrong type: a number", "text")
    );
    assert_eq!(found[1].expected, "a whole number from 1 to 65535");
}

#[test]
fn columns_count_characters() {
    let found = findings("services = { orders = { image = \"a/b:1\", env = { A = \"äöü\", LONG = 5 } } },");
    assert_eq!(places(&found)[0], "NS103 stack.ncl:3:68 services.orders.env.LONG");
}

#[test]
fn unknown_fields_and_bad_names_are_shown_at_their_key() {
    let found = findings(
        "services = {\n  orders = { prot = 8001 },\n  Upper = { image = \"a/b:1\" },\n},\nservics = { a = 1 },",
    );
    assert_eq!(
        places(&found),
        [
            "NS102 stack.ncl:4:14 services.orders.prot",
            "NS105 stack.ncl:5:3 services.Upper",
            "NS102 stack.ncl:7:1 servics"
        ]
    );
    assert_eq!(found[0].hint, "did you mean `port`?");
    assert_eq!(found[2].hint, "did you mean `services`?");
    assert!(found[0].expected.contains("image, build, layout, entrypoint"), "{}", found[0].expected);
    assert_eq!(found[0].environments, ["local", "prod", "staging"], "one finding for all environments");
}

#[test]
fn a_very_long_field_name_is_fast_and_shortened() {
    let started = std::time::Instant::now();
    let found = findings(&format!("services.orders = {{ image = \"a/b:1\", {} = 1 }},", "p".repeat(200_000)));
    assert_eq!(found[0].code, Code::UnknownField);
    assert!(found[0].message.len() < 200);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn messages_of_nickel_programs_are_shortened_and_unchanged() {
    let found = findings(
        "services.orders = std.fail_with \"my own words\",\nservices.billing = std.fail_with (std.string.join \"\" (std.array.replicate 9000 \"x\")),",
    );
    assert_eq!(places(&found), ["NS101 stack.ncl:3:33 services.orders", "NS101 stack.ncl:4:20 services.billing"]);
    assert_eq!(found[0].message, "my own words");
    assert!(found[1].message.chars().count() <= 501, "{}", found[1].message.len());
    let found = findings(
        "services.orders = { image = \"a/b:1\", port | std.contract.from_predicate (fun n => n > 9000) = 8001 },",
    );
    assert_eq!((found[0].code, found[0].message.as_str()), (Code::Contract, "the value violates its contract"));
}

#[test]
fn both_sides_of_a_merge_conflict_are_shown() {
    let found = findings("services = { a-b = { image = \"a/b:1\" } } & {\n  a-b = { image = \"a/b:2\" } },");
    assert_eq!(places(&found), ["NS003 stack.ncl:3:30 services.a-b.image"]);
    let related: Vec<String> =
        found[0].related.iter().filter_map(|place| Some(place.span.as_ref()?.to_string())).collect();
    assert!(related.contains(&"stack.ncl:4:19".to_owned()), "{related:?}");
}

/// Common mistakes: the fields, then code, place, message and fix.
#[test]
fn common_mistakes_are_reported_with_their_fix() {
    for (fields, place, message, hint) in [
        (
            "enviroments.prod = {},",
            "NS102 stack.ncl:3:1 enviroments",
            "there is no field",
            "did you mean `environments`?",
        ),
        (
            "services.aa.port = \"8001\",",
            "NS103 stack.ncl:3:20 services.aa.port",
            "the value has the wrong type: text",
            "remove the quotes",
        ),
        (
            "services.aa.read_only = \"no\",",
            "NS101 stack.ncl:3:25 services.aa.read_only",
            "the value has the wrong type: text",
            "`true` or `false` without quotes",
        ),
        (
            "services.aa.command = \"a b\",",
            "NS101 stack.ncl:3:23 services.aa.command",
            "the value has the wrong type: text",
            "brackets",
        ),
        (
            "services.aa.env = [\"A=b\"],",
            "NS101 stack.ncl:3:19 services.aa.env",
            "the value has the wrong type: an array",
            "`env.LOG_LEVEL = \"info\"`",
        ),
        (
            "services.aa.limits.memory = 256,",
            "NS101 stack.ncl:3:29 services.aa.limits.memory",
            "the value has the wrong type: a number",
            "double quotes",
        ),
        (
            "services = [nself.services.redis],",
            "NS003 stack.ncl:3:12 services",
            "the value is an array, but a record is needed here",
            "`{ orders = …, carts = … }`",
        ),
        (
            "services.aa = { port = 1, port = 2 },",
            "NS003 stack.ncl:3:24 services.aa.port",
            "the field has two values",
            "remove one of them",
        ),
        (
            "services.redis = nself.services.rediss,",
            "NS003 stack.ncl:3:18 services.redis",
            "this record has no field `rediss`",
            "did you mean `redis`?",
        ),
        (
            "services.aa.egress = yes,",
            "NS003 stack.ncl:3:22 services.aa.egress",
            "`yes` is not defined",
            "`true` or `false`",
        ),
        ("services.redis = redis,", "NS003 stack.ncl:3:18 services.redis", "`redis` is not defined", "double quotes"),
        (
            "services.aa = nself.templates.express { port = 1 },",
            "NS003 stack.ncl:3:15 services.aa",
            "a record is not a function",
            "`&`",
        ),
        (
            "services.aa.command = [\"a\" \"b\"],",
            "NS003 stack.ncl:3:24 services.aa.command[0]",
            "text is not a function",
            "a `,` may be missing",
        ),
        // In a layer, which is merged before it is checked.
        (
            "environments.prod.services.aa.replicas = \"2\",",
            "NS103 stack.ncl:3:42 services.aa.replicas",
            "the value has the wrong type: text",
            "remove the quotes",
        ),
        (
            "environments.prod.services.aa.egress = \"true\",",
            "NS103 stack.ncl:3:40 services.aa.egress",
            "the value has the wrong type: text",
            "`true` or `false` without quotes",
        ),
        (
            "environments.prod.services.aa.limits.memory = 256,",
            "NS103 stack.ncl:3:47 services.aa.limits.memory",
            "the value has the wrong type: a number",
            "double quotes",
        ),
        (
            "environments.prod.services.aa.env.A = 5,",
            "NS103 stack.ncl:3:39 services.aa.env.A",
            "the value has the wrong type: a number",
            "double quotes",
        ),
        (
            "environments.prod.services.aa.command = \"a b\",",
            "NS103 stack.ncl:3:41 services.aa.command",
            "the value has the wrong type: text",
            "brackets",
        ),
        (
            "environments = { local.enabled = false, staging.enabled = false, prod.enabled = false },",
            "NS110 stack.ncl:3:16 environments",
            "all environments have",
            "",
        ),
    ] {
        let reported = findings(fields);
        let finding = reported.iter().find(|finding| finding.message.contains(message));
        let finding = finding.unwrap_or_else(|| panic!("{fields}: {reported:?}"));
        assert_eq!(places(std::slice::from_ref(finding)), [place], "{fields}");
        assert!(finding.hint.contains(hint), "{fields}: {finding:?}");
        assert!(
            reported.iter().all(|finding| finding.is_error() && finding.related.len() <= 1),
            "{fields}: {reported:?}"
        );
    }
}

/// Values that would be wrong without quotes as well.
#[test]
fn only_text_that_is_a_number_gets_the_hint_about_quotes() {
    for field in ["replicas = \"two\"", "replicas = \"\"", "egress = \"yes\"", "egress = \"2\"", "replicas = \"2.5\""] {
        let found = findings(&format!("environments.prod.services.aa.{field},"));
        let found: Vec<&Diagnostic> = found.iter().filter(|finding| finding.code == Code::WrongType).collect();
        assert!(found.len() == 1 && !found[0].hint.contains("quotes"), "{field}: {found:?}");
    }
}

/// Files that are not stacks.
#[test]
fn files_that_are_not_nickel_are_reported_by_their_kind() {
    let folder = tempfile::tempdir().unwrap();
    let good = stack("");
    let bad: [(Vec<u8>, &str, &str, &str); 8] = [
        (b"".to_vec(), "NS002 stack.ncl:1:1 ", "the file is empty", "`nself init`"),
        (format!("\u{FEFF}{good}").into(), "NS002 stack.ncl:1:1 ", "byte order mark", "without one"),
        (b"\xff\xfel\0".to_vec(), "NS001 stack.ncl:1:1 ", "not UTF-8 text", "save it as UTF-8"),
        (
            good.replacen('\n', "\n<<<<<<< HEAD\n", 1).into(),
            "NS002 stack.ncl:2:1 ",
            "unresolved merge conflict",
            "remove the conflict markers",
        ),
        (good.replace("project =", "project:").into(), "NS002 stack.ncl:2:12 ", "contract", "`name = value`"),
        (
            good.replace("let nself", "let other").into(),
            "NS003 stack.ncl:4:5 ",
            "`nself` is not defined",
            "let nself = import",
        ),
        (good.replace("| nself.Stack", "").into(), "NS004 stack.ncl:2:1 ", "not an nself stack", "`| nself.Stack`"),
        (
            good.replace("nself/main.ncl", "nself.ncl").into(),
            "NS003 stack.ncl:1:13 ",
            "`nself.ncl` does not exist",
            "`nself/main.ncl`",
        ),
    ];
    for (bytes, place, message, hint) in bad {
        std::fs::write(folder.path().join("stack.ncl"), &bytes).unwrap();
        let request = EvaluationRequest {
            stack: folder.path().join("stack.ncl"),
            allow_imports: Vec::new(),
            cache: folder.path().join(".nself"),
            evaluator: Evaluator::InProcess,
        };
        let found = source::load(&request).map(|_| ()).unwrap_err();
        assert_eq!(places(&found), [place], "{found:?}");
        assert!(found[0].message.contains(message) && found[0].hint.contains(hint), "{found:?}");
    }
    // Controls: Windows line endings and tabs are accepted.
    assert_eq!(load_in(folder.path(), &good.replace('\n', "\r\n\t"), Evaluator::InProcess).1, []);
}

#[test]
fn syntax_errors_of_imports_are_shown_in_the_import() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("part.ncl"), "{\n  a = = 1\n}").unwrap();
    let (loaded, found) = load_in(folder.path(), &stack("services = import \"part.ncl\","), Evaluator::InProcess);
    assert!(loaded.is_none());
    assert_eq!(places(&found), ["NS002 part.ncl:2:7 "]);
    let (_, found) = load_in(folder.path(), "{ a = 1", Evaluator::InProcess);
    assert!(found[0].code == Code::Syntax && !found[0].message.contains('/'), "{found:?}");
    let (_, found) = load_in(folder.path(), &stack("services = import \"absent.ncl\","), Evaluator::InProcess);
    assert_eq!(places(&found), ["NS003 stack.ncl:3:12 "]);
    assert!(!found[0].message.contains(&folder.path().display().to_string()), "{found:?}");
}

#[test]
fn functions_and_infinite_numbers_are_reported() {
    let found = findings(
        "services.orders = { image = \"a/b:1\",\n  compose = { a = fun x => x, b = Number, c = 'Tag 1, d = 1e400, e = 1/3 } },",
    );
    assert_eq!(
        places(&found),
        [
            "NS103 stack.ncl:4:19 services.orders.compose.a",
            "NS103 stack.ncl:4:35 services.orders.compose.b",
            "NS103 stack.ncl:4:47 services.orders.compose.c",
            "NS107 stack.ncl:4:59 services.orders.compose.d",
        ]
    );
}

#[test]
fn nesting_is_allowed_up_to_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let evaluator = || Evaluator::Child { executable: env!("CARGO_BIN_EXE_nself").into(), limits: Limits::default() };
    let nested = |levels: usize| {
        stack(&format!(
            "services.orders = {{ image = \"a/b:1\", compose.x = {}1{} }},",
            "{a=".repeat(levels),
            "}".repeat(levels)
        ))
    };
    assert_eq!(load_in(folder.path(), &nested(90), evaluator()).1, []);
    let (_, found) = load_in(folder.path(), &nested(150), evaluator());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].code, found[0].message.as_str()),
        (Code::EvaluationLimit, "records and arrays are nested deeper than 100 levels")
    );
    assert_eq!(found[0].span.as_ref().map(|span| span.line), Some(3));
}

#[test]
fn a_field_that_failed_causes_only_one_finding() {
    // The layer fails, so the common value stays and causes no other finding.
    let found = findings(
        "services = { orders = { image = \"a/b:1\" }, web = { image = \"a/b:1\", depends_on = [\"orders\"] } },\n\
         environments.prod.services.orders = std.fail_with \"broken layer\",",
    );
    assert_eq!(places(&found), ["NS101 stack.ncl:4:51 environments.prod.services.orders"]);
    let folder = tempfile::tempdir().unwrap();
    let text = stack(
        "services = { orders = { image = \"a/b:1\" } },\nenvironments.prod.services.orders = std.fail_with \"broken layer\",",
    );
    let (loaded, _) = load_in(folder.path(), &text, Evaluator::InProcess);
    let loaded = loaded.unwrap();
    let prod = loaded.environments.iter().find(|environment| environment.name.as_str() == "prod").unwrap();
    assert!(prod.stack.services.keys().any(|name| name.as_str() == "orders"));
    assert_eq!(prod.broken, [nself::path!("services", "orders")]);
}

/// The time for reporting must grow linearly with the number of findings.
#[test]
fn thousands_of_mismatches_are_reported_in_one_run() {
    let misfits = |count: usize| -> String {
        (0..count)
            .map(|i| format!("service-{i} = {{ image = \"a/b:1\", depends_on = 5, limits.memory = \"1X\" }},\n"))
            .collect()
    };
    let started = std::time::Instant::now();
    let found = findings(&format!("services = {{\n{}}},", misfits(2000)));
    assert_eq!(found.len(), 4000);
    assert!(found.iter().all(|finding| finding.environments.len() == 3 && finding.span.is_some()));
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn no_finding_is_lost_when_its_record_is_decoded_again() {
    // After each mismatch the service is decoded again: findings about the name, the unknown field and the refused text
    // must remain.
    let found = findings(
        "services.Bad = { image = \"no tag\", depends_on = 5, prot = 1, limits.memory = \"1X\", volumes.\"X Y\".path = \"rel\" },\n\
         services.orders = { image = \"a/b:1\", depends_on = { redis = 'sometime } },\n\
         domain | force = \"not a host\",",
    );
    let at: Vec<String> = found.iter().map(|finding| format!("{} {}", finding.code, finding.path)).collect();
    for expected in [
        "NS105 services.Bad",
        "NS106 services.Bad.image",
        "NS103 services.Bad.depends_on",
        "NS102 services.Bad.prot",
        "NS106 services.Bad.limits.memory",
        "NS105 services.Bad.volumes.\"X Y\"",
        "NS106 services.Bad.volumes.\"X Y\".path",
        "NS106 services.orders.depends_on.redis",
        "NS106 domain",
    ] {
        assert_eq!(at.iter().filter(|found| *found == expected).count(), 1, "{expected} in {at:?}");
    }
    assert_eq!(found.len(), 9, "{at:?}");
}
