//! Common mistakes with their exact findings: each mistake gives one error and no follow-up errors.

use std::fmt::Write;
use std::fs;

use nself::diagnostic::Diagnostic;
use nself::pipeline::{self, Request};
use nself::source::Evaluator;

use crate::support::root;

const FILES: [&str; 5] = ["fields", "names", "references", "safety", "types"];
/// The fields around each mistake: they waive monitoring and set a domain for each environment.
const AROUND: &str =
    "monitoring.waive = \"not the subject\", environments.staging.domain = \"staging.shop.example.com\",";

/// Returns the findings of a stack with these fields, one line for each.
fn findings(fields: &str) -> Vec<String> {
    let findings = diagnostics(fields);
    findings.iter().map(|finding| format!("=> {} {}: {}", finding.code, finding.path, finding.message)).collect()
}

fn diagnostics(fields: &str) -> Vec<Diagnostic> {
    let folder = tempfile::tempdir().unwrap();
    let stack = folder.path().join("stack.ncl");
    let text = format!(
        "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", {AROUND}\n{fields}\n}} | nself.Stack\n"
    );
    fs::write(&stack, text).unwrap();
    match pipeline::generate(&Request::new(&stack, Evaluator::InProcess)) {
        Ok(output) => output.findings,
        Err(findings) => findings,
    }
}

/// Each mistake is a line of fields, followed by lines of findings that start with `=>`. `NSELF_BLESS=1` rewrites them.
#[test]
fn each_mistake_has_exactly_these_findings() {
    let mut mistakes = 0;
    for name in FILES {
        let path = root().join("tests/mistakes").join(format!("{name}.txt"));
        let expected = fs::read_to_string(&path).unwrap();
        let mut actual = String::new();
        for fields in expected.lines().filter(|line| !line.starts_with("=>")) {
            mistakes += 1;
            let _ = writeln!(actual, "{fields}");
            for finding in findings(fields) {
                let _ = writeln!(actual, "{finding}");
            }
        }
        if std::env::var_os("NSELF_BLESS").is_some() {
            fs::write(&path, &actual).unwrap();
        } else {
            assert_eq!(expected, actual, "{name}");
        }
    }
    assert!(mistakes >= 150, "{mistakes}");
}

/// Each line has one finding, except for lines that are two mistakes.
#[test]
fn no_mistake_causes_a_second_finding() {
    for name in FILES {
        let text = fs::read_to_string(root().join("tests/mistakes").join(format!("{name}.txt"))).unwrap();
        let mut fields = "";
        let mut count = 1;
        for line in text.lines().chain([""]) {
            if line.starts_with("=>") {
                count += 1;
                continue;
            }
            assert_eq!(count, 1, "{name}: {fields}");
            (fields, count) = (line, 0);
        }
    }
}

/// A mistake, a part of its hint, the corrected fields, and the code that no longer appears.
const HINTS: [(&str, &str, &str, &str); 77] = [
    (
        "services.aa = { image = \"a/b:1\", env.A = $DOMAIN },",
        "put text in double quotes",
        "services.aa = { image = \"a/b:1\", env.A = \"domain\" },",
        "NS002",
    ),
    (
        "services.aa = { image = \"a/b:1\"; },",
        "separate fields with `,`",
        "services.aa = { image = \"a/b:1\", },",
        "NS002",
    ),
    ("services.aa: { image = \"a/b:1\" },", "`name = value`", "services.aa = { image = \"a/b:1\" },", "NS002"),
    (
        "services.aa = { image = \"a/b:1\", env.A = 'b },",
        "put text in double quotes",
        "services.aa = { image = \"a/b:1\", env.A = \"b\" },",
        "NS103",
    ),
    (
        "services.aa = { image = \"a/b:1\", depends_on.bb.condition = \"service_healthy\" }, services.bb = { image = \"a/b:1\", health.exec = [\"x\"] },",
        "`depends_on.orders = 'healthy`",
        "services.aa = { image = \"a/b:1\", depends_on.bb = 'healthy }, services.bb = { image = \"a/b:1\", health.exec = [\"x\"] },",
        "NS106",
    ),
    (
        "services.aa = { image = \"a/b:1\", run = 'job },",
        "did you mean `'once`?",
        "services.aa = { image = \"a/b:1\", run = 'once },",
        "NS101",
    ),
    (
        "services.aa = { image = \"a/b:1\", env_files = \"aa.env\", env.A = \"b\" },",
        "`env_files = [\"…\"]`",
        "services.aa = { image = \"a/b:1\", env_files = [], env.A = \"b\" },",
        "NS101",
    ),
    (
        "services.aa = { image = \"a/b:1\", files.\"/etc/x\".content = \"text\" },",
        "write `text = \"…\"`",
        "services.aa = { image = \"a/b:1\", files.\"/etc/x\".text = \"text\" },",
        "NS102",
    ),
    (
        "mail.relay = \"smtp.example.com\",",
        "`mail.relay.host = \"smtp.example.com\"`",
        "mail.relay.host = \"smtp.example.com\",",
        "NS003",
    ),
    (
        "services.aa = { image = \"a/b:1\", ports.http = \"8080:80\" },",
        "`publish.http.port = 8443`",
        "services.aa = { image = \"a/b:1\", ports.http = 80, publish.http = { port = 8443, reason = \"…\" } },",
        "NS103",
    ),
    (
        "services.redis = nself.services.redis & { only = ['local] }, services.aa = { image = \"a/b:1\", env.CACHE = \"redis:6379\" },",
        "`environments.local.services.aa.connects_to = [\"redis\"]`",
        "services.redis = nself.services.redis & { only = ['local] }, services.aa = { image = \"a/b:1\", env.CACHE = \"redis:6379\" }, environments.local.services.aa.connects_to = [\"redis\"],",
        "NS326",
    ),
    (
        "services.aa = { image = \"a/b:1\", only = \"local\" },",
        "`['local]`",
        "services.aa = { image = \"a/b:1\", only = ['local] },",
        "NS101",
    ),
    (
        "services.aa = { image = \"a/b:1\", only = 'local },",
        "`['local]`",
        "services.aa = { image = \"a/b:1\", only = ['local] },",
        "NS101",
    ),
    (
        "services.aa = { image = \"a/b:1\", env.HOST = \"${DB_HOST:-localhost}\" },",
        "write the default as the value",
        "services.aa = { image = \"a/b:1\", env.HOST = \"localhost\" },",
        "NS411",
    ),
    (
        "services.aa = { image = \"a/b:1\", env.NAME = \"x-${TAIL}\" },",
        "`secrets.name = nself.template [{ text = \"…\" }, { secret = \"tail\" }]` and `secrets.tail = nself.external \"what it is\"`",
        "services.aa = { image = \"a/b:1\", env.NAME = nself.secret \"name\" }, secrets = { name = nself.template [{ text = \"x-\" }, { secret = \"tail\" }], tail = nself.external \"what it is\" },",
        "NS411",
    ),
    (
        "services.aa = { image = \"a/b:1\", env.LEVEL = nself.by_profile { dev = \"x\", staging = \"x\", prod = \"x\" } },",
        "did you mean `local`?",
        "services.aa = { image = \"a/b:1\", env.LEVEL = nself.by_profile { local = \"x\", staging = \"x\", prod = \"x\" } },",
        "NS102",
    ),
    (
        "services.aa = { image = \"a/b:1\", port = 8001, health = { tcp = {}, initialDelaySeconds = 5 } },",
        "`health.start_period = \"30s\"`",
        "services.aa = { image = \"a/b:1\", port = 8001, health = { tcp = {}, start_period = \"30s\" } },",
        "NS102",
    ),
    (
        "services.aa = { image = \"a/b:1\" } && { port = 8001 },",
        "a single `&`",
        "services.aa = { image = \"a/b:1\" } & { port = 8001 },",
        "NS003",
    ),
    (
        "services.aa = { image = \"a/b:1\", port = 8001, route.subdomain = \"x\" }, services.bb = { image = \"a/b:1\", port = 8002, route.subdomain = \"x\" },",
        "`services.bb.route.path = \"/bb\"`",
        "services.aa = { image = \"a/b:1\", port = 8001, route.subdomain = \"x\" }, services.bb = { image = \"a/b:1\", port = 8002, route = { subdomain = \"x\", path = \"/bb\" } },",
        "NS202",
    ),
    (
        "services.aa = { image = \"a/b:1\", ports.dns = 5353, publish.dns = { port = 5353, protocol = 'udp, reason = \"name server of the office\" } }, services.bb = { image = \"a/b:1\", env.URL = nself.url \"aa\" },",
        "`nself.url_of { service = \"aa\", scheme = 'none }`",
        "services.aa = { image = \"a/b:1\", ports.dns = 5353, publish.dns = { port = 5353, protocol = 'udp, reason = \"name server of the office\" } }, services.bb = { image = \"a/b:1\", env.URL = nself.url_of { service = \"aa\", scheme = 'none } },",
        "NS306",
    ),
    (
        "environments = { local.enabled = false, staging.enabled = false }, frontends.web = { port = 3000, route.subdomain = \"app\", container = { image = \"a/b:1\", ports.http = 8080 } }, services.aa = { image = \"a/b:1\", connects_to = [\"web\"] },",
        "`frontends.web.include = true`",
        "environments = { local.enabled = false, staging.enabled = false }, frontends.web = { port = 3000, include = true, route.subdomain = \"app\", container = { image = \"a/b:1\", ports.http = 8080 } }, services.aa = { image = \"a/b:1\", connects_to = [\"web\"] },",
        "NS301",
    ),
    (
        "services.redis = nself.services.redis, services.aa = { image = \"a/b:1\", env.CACHE = \"redis:6379\" },",
        "`services.aa.connects_to = [\"redis\"]`",
        "services.redis = nself.services.redis, services.aa = { image = \"a/b:1\", env.CACHE = \"redis:6379\", connects_to = [\"redis\"] },",
        "NS326",
    ),
    (
        "services.tool = { image = \"a/b:1\" }, environments.prod.services.tol = null,",
        "did you mean `tool`?",
        "services.tool = { image = \"a/b:1\" }, environments.prod.services.tool = null,",
        "NS327",
    ),
    (
        "services.aa = { image = \"a/b:1\", env.HOST = \"${DB_HOST}\" },",
        "`extra_env.HOST`",
        "services.aa = { image = \"a/b:1\", extra_env.HOST = \"${DB_HOST}\" },",
        "NS411",
    ),
    (
        "frontends.web = { port = 3000, subdomain = \"app\" },",
        "`route.subdomain = \"app\"`",
        "frontends.web = { port = 3000, route.subdomain = \"app\" },",
        "NS102",
    ),
    (
        "services.aa = { image = \"a/b:1\", processes.worker.command = [\"w\"] }, environments.prod.services.aa-worker.replicas = 2,",
        "`services.aa.processes.worker`",
        "services.aa = { image = \"a/b:1\", processes.worker.command = [\"w\"] }, environments.prod.services.aa.processes.worker.replicas = 2,",
        "NS307",
    ),
    (
        "databases.shop.tables.orders = { columns.id = { type = \"strng\" }, primary_key = [\"id\"] },",
        "did you mean `text`?",
        "databases.shop.tables.orders = { columns.id = { type = \"text\" }, primary_key = [\"id\"] },",
        "NS710",
    ),
    (
        "environments = { prod.compose.machine = \"a\", staging.compose.machine = \"a\" },",
        "`environments.prod.services.nginx.publish = { http.address = \"192.0.2.1\", https.address = \"192.0.2.1\" }`",
        "environments = { prod = { compose.machine = \"a\", services.nginx.publish = { http.address = \"192.0.2.1\", https.address = \"192.0.2.1\" } }, staging = { compose.machine = \"a\", services.nginx.publish = { http.address = \"192.0.2.2\", https.address = \"192.0.2.2\" } } },",
        "NS321",
    ),
    (
        "services.cache = nself.services.redis,",
        "write `services.redis = nself.services.redis`",
        "services.redis = nself.services.redis,",
        "NS324",
    ),
    (
        "services.redis = nself.services.redis & { command = [\"redis-server\", \"--appendonly\", \"yes\"] },",
        "write `command = [\"redis-server\", \"/run/secrets/redis_conf\", \"--appendonly\", \"yes\"]`",
        "services.redis = nself.services.redis & { command = [\"redis-server\", \"/run/secrets/redis_conf\", \"--appendonly\", \"yes\"] },",
        "NS529",
    ),
    (
        "services.aa = { image = \"a/b:1\", port = 8001, env.PORT = \"8001\" }, environments.prod.services.aa.port = 8002,",
        "set `services.aa.env.PORT` to \"8002\" in the same layer",
        "services.aa = { image = \"a/b:1\", port = 8001, env.PORT = \"8001\" }, environments.prod.services.aa = { port = 8002, env.PORT = \"8002\" },",
        "NS518",
    ),
    (
        "services.aa = { image = \"a/b:1\", env.A = \"x-${nself.domain}\" },",
        "join text and references: `nself.join",
        "services.aa = { image = \"a/b:1\", env.A = nself.join [\"x-\", nself.domain] },",
        "NS411",
    ),
    (
        "services.aa = { image = \"a/b:1\", port = 8001, route = null },",
        "`environments.prod.services.aa.route = null`",
        "services.aa = { image = \"a/b:1\", port = 8001, route.subdomain = \"aa\" }, environments.prod.services.aa.route = null,",
        "NS101",
    ),
    (
        "backups = { enabled = true, target.s3 = { bucket = \"shop-backups\", path = \"shop\", access_key = nself.secret \"a\", secret_key = nself.secret \"b\" } }, secrets = { a = nself.external \"a key\", b = nself.external \"a key\" },",
        "remove `backups.target.s3.path`",
        "backups = { enabled = true, target.s3 = { bucket = \"shop-backups\", access_key = nself.secret \"a\", secret_key = nself.secret \"b\" } }, secrets = { a = nself.external \"a key\", b = nself.external \"a key\" },",
        "NS847",
    ),
    ("environments.production = {},", "did you mean `prod`?", "environments.prod = {},", "NS111"),
    (
        "mail.relay = { host = \"smtp.example.com\", port = 465 },",
        "`security = 'tls`",
        "mail.relay = { host = \"smtp.example.com\", port = 465, security = 'tls },",
        "NS314",
    ),
    (
        "mail.relay = { host = \"smtp.example.com\", port = 465 },",
        "port 587",
        "mail.relay = { host = \"smtp.example.com\", port = 587 },",
        "NS314",
    ),
    ("environments.prod.monitoring = { enabled = false, waive = null },", "monitoring.waive = ", "", "NS704"),
    (
        "environments.staging.domain | force = \"shop.example.com\",",
        "environments.staging.domain = \"staging.shop.example.com\"",
        "",
        "NS608",
    ),
    (
        "environments.staging.domain | force = \"shop.example.com\",",
        "enabled = false",
        "environments.staging.enabled = false,",
        "NS608",
    ),
    (
        "services.aa = { image = \"a/b:1\", port = 8001, route.subdomain = \"aa.shop.example.com\" },",
        "`subdomain = \"aa\"`",
        "services.aa = { image = \"a/b:1\", port = 8001, route.subdomain = \"aa\" },",
        "NS607",
    ),
    ("services.postgres.publish.pg.port = 5432,", "remove `publish`", "", "NS501"),
    (
        "graphql_endpoints.app1.route.subdomain = \"app1\", databases.shop.served_by = \"hasura-app1\",",
        "`served_by = \"hasura\"`",
        "graphql_endpoints.app1.route.subdomain = \"app1\", databases.shop.served_by = \"hasura\",",
        "NS301",
    ),
    ("services.hasura.enabled = false,", "enable it", "services.hasura.enabled = true,", "NS303"),
    (
        "services.orders = { image = \"a/b:1\" }, environments.prod.services.order.replicas = 3,",
        "did you mean `orders`?",
        "services.orders = { image = \"a/b:1\" }, environments.prod.services.orders.replicas = 3,",
        "NS307",
    ),
    (
        "services.wiki = { image = \"a/b:1\", port = 8001, route = { subdomain = \"wiki\", basic_auth = \"readers\" } },",
        "`secrets.readers = nself.external \"an htpasswd file\"`",
        "services.wiki = { image = \"a/b:1\", port = 8001, route = { subdomain = \"wiki\", basic_auth = \"readers\" } }, secrets.readers = nself.external \"an htpasswd file\",",
        "NS304",
    ),
    (
        "services.wiki = { image = \"a/b:1\", port = 8001, route = { subdomain = \"wiki\", basic_auth = \"readers\" } },",
        "`nself.template [{ text = \"reader:{PLAIN}\" }, { secret = \"reader_password\" }]` with `secrets.reader_password = nself.random 43`",
        "services.wiki = { image = \"a/b:1\", port = 8001, route = { subdomain = \"wiki\", basic_auth = \"readers\" } }, secrets = { readers = nself.template [{ text = \"reader:{PLAIN}\" }, { secret = \"reader_password\" }], reader_password = nself.random 43 },",
        "NS304",
    ),
    (
        "backups = { enabled = true, target.folder.host = \"/mnt/backups\", volumes = [\"backup-wal\"] },",
        "remove it",
        "backups = { enabled = true, target.folder.host = \"/mnt/backups\" },",
        "NS843",
    ),
    (
        "services.aa = { image = \"a/b:1\" }, services.bb = { image = \"a/b:1\", depends_on.aa = 'healthy },",
        "`services.aa.health.exec = [\"/app/service\", \"health\"]`",
        "services.aa = { image = \"a/b:1\", health.exec = [\"/app/service\", \"health\"] }, services.bb = { image = \"a/b:1\", depends_on.aa = 'healthy },",
        "NS308",
    ),
    (
        "services.aa = { image = \"a/b:1\", port = 8001 }, services.bb = { image = \"a/b:1\", depends_on.aa = 'healthy },",
        "`services.aa.health.http.path = \"/healthz\"`",
        "services.aa = { image = \"a/b:1\", port = 8001, health.http.path = \"/healthz\" }, services.bb = { image = \"a/b:1\", depends_on.aa = 'healthy },",
        "NS308",
    ),
    (
        "services.aa = { image = \"a/b:1\", processes.worker = { command = [\"work\"] } }, services.bb = { image = \"a/b:1\", depends_on.aa-worker = 'completed },",
        "`services.aa.processes.worker.run = 'once`",
        "services.aa = { image = \"a/b:1\", processes.worker = { command = [\"work\"], run = 'once } }, services.bb = { image = \"a/b:1\", depends_on.aa-worker = 'completed },",
        "NS514",
    ),
    (
        "services.aa = { image = \"a/b:1\", port = 8001, route.host = \"aa.internal\" },",
        "choose a public host name",
        "services.aa = { image = \"a/b:1\", only = ['prod], port = 8001, route.host = \"aa.example.org\" },",
        "NS601",
    ),
    (
        "services.cc = { image = \"a/b:1\", depends_on.orders-migrate = 'completed }, services.orders = { image = \"a/b:1\", processes.migrate.command = [\"m\"] },",
        "`services.orders.processes.migrate.run = 'once`",
        "services.cc = { image = \"a/b:1\", depends_on.orders-migrate = 'completed }, services.orders = { image = \"a/b:1\", processes.migrate = { command = [\"m\"], run = 'once } },",
        "NS514",
    ),
    (
        "services.cc = { image = \"a/b:1\", depends_on.orders-setup = 'started }, services.orders = { image = \"a/b:1\" },",
        "`services.orders.processes.setup = …`",
        "services.cc = { image = \"a/b:1\", depends_on.orders-setup = 'started }, services.orders = { image = \"a/b:1\", processes.setup.command = [\"s\"] },",
        "NS301",
    ),
    (
        "services.cc = { image = \"a/b:1\", depends_on.nightly = 'started }, services.nightly = { image = \"a/b:1\", schedule = \"0 3 * * *\" },",
        "`connects_to = [\"nightly\"]`",
        "services.cc = { image = \"a/b:1\", connects_to = [\"nightly\"] }, services.nightly = { image = \"a/b:1\", schedule = \"0 3 * * *\" },",
        "NS514",
    ),
    (
        "environments.prod.mail.relay = null, mail.relay.host = \"smtp.example.org\",",
        "remove this `null`",
        "mail.relay.host = \"smtp.example.org\",",
        "NS314",
    ),
    (
        "services.aa = { image = \"a/b:1\", depends_on = [\"redis\"] },",
        "`services.redis = nself.services.redis`",
        "services.aa = { image = \"a/b:1\", depends_on = [\"redis\"] }, services.redis = nself.services.redis,",
        "NS301",
    ),
    (
        "services.redis.enabled = true,",
        "`services.redis = nself.services.redis`",
        "services.redis = nself.services.redis,",
        "NS307",
    ),
    (
        "services.aa = { image = \"a/b:1\", databases.shop = {} },",
        "set `services.aa.databases.shop.access` to 'schema, 'write or 'read",
        "services.aa = { image = \"a/b:1\", databases.shop.access = 'write },",
        "NS205",
    ),
    (
        "services.aa = { image = \"a/b:1\", env.LEVEL = nself.by_profile { local = \"x\", stagin = \"x\", prod = \"x\" } },",
        "did you mean `staging`?",
        "services.aa = { image = \"a/b:1\", env.LEVEL = nself.by_profile { local = \"x\", staging = \"x\", prod = \"x\" } },",
        "NS102",
    ),
    (
        "services = (nself.redis_sentinel { replicaz = 2 }).services,",
        "did you mean `replicas`?",
        "services = (nself.redis_sentinel { replicas = 2 }).services,",
        "NS102",
    ),
    (
        "services.aa = { image = \"a/b:1\", volumes.data = { path = \"/data\", writers.aa = \"/d\" } },",
        "remove this entry",
        "services.aa = { image = \"a/b:1\", volumes.data.path = \"/data\" },",
        "NS207",
    ),
    (
        "databases.shop.tables.t = { columns.n = { type = \"integer\", default = 0 } },",
        "such as `\"0\"`",
        "databases.shop.tables.t = { columns.n = { type = \"integer\", default = \"0\" } },",
        "NS101",
    ),
    (
        "databases.shop.tables.t = { columns.n.type = \"integer\", partition_by = { strategy = 'list, columns = [\"n\"] }, partitions.t1.in = [\"1\"] },",
        "`\"in\" = …`",
        "databases.shop.tables.t = { columns.n.type = \"integer\", partition_by = { strategy = 'list, columns = [\"n\"] }, partitions.t1.\"in\" = [\"1\"] },",
        "NS002",
    ),
    (
        "services.aa = { image = \"a/b:1\", environment.LOG_LEVEL = \"info\" },",
        "`env.LOG_LEVEL = \"info\"`",
        "services.aa = { image = \"a/b:1\", env.LOG_LEVEL = \"info\" },",
        "NS102",
    ),
    (
        "services.aa = { image = \"a/b:1\", healthcheck.test = [\"x\"] },",
        "`health.exec = [\"program\"]`",
        "services.aa = { image = \"a/b:1\", health.exec = [\"program\"] },",
        "NS102",
    ),
    ("services.nginx.route.subdomain = \"x\",", "remove it", "", "NS106"),
    ("services.postgres.env.POSTGRES_PASSWORD = \"hunter2hunter2\",", "remove `POSTGRES_PASSWORD`", "", "NS504"),
    (
        "databases.shop.functions.f = { language = 'sql, returns = \"integer\", body = \"SELECT '1'\" },",
        "write `'1'::integer`",
        "databases.shop.functions.f = { language = 'sql, returns = \"integer\", body = \"SELECT '1'::integer\" },",
        "NS710",
    ),
    (
        "databases.shop.tables.t = { columns = { id.type = \"bigint\", j.type = \"json\" }, primary_key = [\"id\"], uniques.u.columns = [\"j\"] },",
        "use jsonb instead of json",
        "databases.shop.tables.t = { columns = { id.type = \"bigint\", j.type = \"jsonb\" }, primary_key = [\"id\"], uniques.u.columns = [\"j\"] },",
        "NS710",
    ),
    (
        "databases.shop.tables.t = { columns = { id.type = \"bigint\", a.type = \"text\" }, primary_key = [\"id\"], indexes.i = { columns = [{ column = \"a\" }], using = 'gin } },",
        "the extension pg_trgm and `opclass = \"gin_trgm_ops\"`",
        "databases.shop = { extensions = [\"pg_trgm\"], tables.t = { columns = { id.type = \"bigint\", a.type = \"text\" }, primary_key = [\"id\"], indexes.i = { columns = [{ column = \"a\", opclass = \"gin_trgm_ops\" }], using = 'gin } } },",
        "NS710",
    ),
    (
        "databases.shop = { schemas.extensions = {}, extensions = [{ name = \"pg_trgm\", schema = \"extensions\" }], tables.t = { columns = { id.type = \"bigint\", a.type = \"text\" }, primary_key = [\"id\"], indexes.i = { columns = [{ column = \"a\", opclass = \"gin_trgm_ops\" }], using = 'gin } } },",
        "write `extensions.gin_trgm_ops`",
        "databases.shop = { schemas.extensions = {}, extensions = [{ name = \"pg_trgm\", schema = \"extensions\" }], tables.t = { columns = { id.type = \"bigint\", a.type = \"text\" }, primary_key = [\"id\"], indexes.i = { columns = [{ column = \"a\", opclass = \"extensions.gin_trgm_ops\" }], using = 'gin } } },",
        "NS710",
    ),
    (
        "databases.shop = { extensions = [{ name = \"citext\", schema = \"extensions\" }], tables.t = { columns = { id.type = \"bigint\", a.type = \"extensions.citext\" }, primary_key = [\"id\"] } },",
        "declare it: `schemas.extensions = {}`",
        "databases.shop = { schemas.extensions = {}, extensions = [{ name = \"citext\", schema = \"extensions\" }], tables.t = { columns = { id.type = \"bigint\", a.type = \"extensions.citext\" }, primary_key = [\"id\"] } },",
        "NS710",
    ),
    (
        "databases.shop.tables.t = { columns.id.type = \"bigint\", primary_key = [\"id\"], excludes.x = { using = 'gist, elements = [{ expression = \"id\", with = \"=\" }] } },",
        "the extension btree_gist",
        "databases.shop = { extensions = [\"btree_gist\"], tables.t = { columns.id.type = \"bigint\", primary_key = [\"id\"], excludes.x = { using = 'gist, elements = [{ expression = \"id\", with = \"=\" }] } } },",
        "NS710",
    ),
    (
        "databases.shop.functions.f = { language = 'plpgsql, returns = \"integer\", body = \"BEGIN RETURN NEXT 1; END\" },",
        "use `SETOF`",
        "databases.shop.functions.f = { language = 'plpgsql, returns = \"SETOF integer\", body = \"BEGIN RETURN NEXT 1; END\" },",
        "NS710",
    ),
    (
        "databases.shop.functions.f = { language = 'sql, returns = \"anyelement\", body = \"SELECT NULL\" },",
        "add an argument of the type anyelement",
        "databases.shop.functions.f = { language = 'sql, returns = \"anyelement\", body = \"SELECT $1\", arguments = [{ type = \"anyelement\" }] },",
        "NS710",
    ),
    (
        "databases.shop.types = { p.composite.attributes = [{ name = \"x\", type = \"integer\" }], d.domain = { type = \"p\", checks.c = \"VALUE.x > 0\" } },",
        "write `(VALUE)` with brackets",
        "databases.shop.types = { p.composite.attributes = [{ name = \"x\", type = \"integer\" }], d.domain = { type = \"p\", checks.c = \"(VALUE).x > 0\" } },",
        "NS710",
    ),
];

#[test]
fn following_a_hint_removes_its_finding() {
    for (fields, hint, corrected_fields, code) in HINTS {
        let findings = diagnostics(fields);
        let has_hint = |finding: &Diagnostic| finding.code.id() == code && finding.hint.contains(hint);
        assert!(findings.iter().any(has_hint), "{fields}: {findings:?}");
        let mut remaining = self::findings(corrected_fields);
        // A definition without mistakes needs a migration, which this stack does not have.
        remaining.retain(|finding| !finding.starts_with("=> NS731 "));
        assert_eq!(remaining, Vec::<String>::new(), "{corrected_fields}");
    }
}

/// A layer that removes a field with `null` is the place of what follows from it, not the field of the library that needs
/// the removed one. And of several fields that are the mistake together, the one that the user wrote is the place.
#[test]
fn the_place_of_a_finding_is_in_the_file_of_the_user() {
    let monitored = "monitoring = { enabled = true, receivers.team.webhook.url = nself.secret \"alerts_url\" }, secrets.alerts_url = nself.external \"a webhook\"";
    let without_loki = format!(
        "{monitored},\nedge.internal_addresses = [\"198.51.100.0/24\"],\nenvironments.prod.services.loki =\nnull,"
    );
    let two_internal = format!(
        "{monitored}, environments.prod.enabled = false,\nservices.mail = nself.services.mail & {{ only | force = ['staging] }},"
    );
    for (fields, code, line, hint) in [
        (without_loki.as_str(), "NS301", 6, "remove this `null`, since `services."),
        (
            "environments.prod.mail.relay =\nnull, mail.relay.host = \"smtp.example.org\",",
            "NS314",
            4,
            "remove this `null`",
        ),
        (two_internal.as_str(), "NS604", 4, "edge.internal_addresses"),
        (
            "\nservices.aa = { image = \"a/b:1\", databases.shop = {} },",
            "NS205",
            4,
            "`services.aa.databases.shop.access`",
        ),
    ] {
        let findings = diagnostics(fields);
        let [finding] = findings.as_slice() else { panic!("{fields}: {findings:?}") };
        let place = finding.span.as_ref().map(|span| span.line);
        assert_eq!((finding.code.id(), place), (code, Some(line)), "{finding:?}");
        assert!(finding.hint.contains(hint), "{finding:?}");
    }
}

/// Known-good control: the stack around the mistakes has no finding.
#[test]
fn the_stack_around_the_mistakes_has_no_findings() {
    assert_eq!(findings(""), Vec::<String>::new());
}
