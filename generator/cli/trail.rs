//! From a line of a generated file to the fields of the stack that may have decided it, the likeliest first. The
//! files are read by their indentation, which all of our writers keep; what they name leads to the plan.

use crate::diagnostic::FieldPath;
use crate::path;
use crate::plan::{Plan, Upstream};
use crate::values::ServiceName;

/// A line with the lines that enclose it, innermost first.
#[derive(Debug)]
pub struct Trail<'a> {
    lines: Vec<&'a str>,
    /// The whole block of the line, for formats whose names stand beside it.
    block: Vec<&'a str>,
}

fn depth(line: &str) -> usize {
    // The dash of a list is part of the indentation.
    line.len() - line.trim_start_matches([' ', '-']).len()
}

impl<'a> Trail<'a> {
    pub fn new(lines: &[&'a str], at: usize) -> Self {
        let mut trail = vec![lines[at]];
        let mut limit = depth(lines[at]);
        let mut start = at;
        for (i, line) in lines[..at].iter().enumerate().rev() {
            if !line.trim().is_empty() && depth(line) < limit && !line.trim_start().starts_with(['}', ']', ')']) {
                if trail.len() == 1 {
                    start = i;
                }
                limit = depth(line);
                trail.push(line);
            }
        }
        let inner = depth(lines[at]);
        let end = lines[at..].iter().position(|line| !line.trim().is_empty() && depth(line) < inner);
        let end = end.map_or(lines.len(), |end| at + end);
        Trail { lines: trail, block: lines[start..end].to_vec() }
    }

    /// Keys of YAML or JSON, outermost first.
    fn keys(&self) -> Vec<&'a str> {
        let key = |line: &&'a str| {
            let line = line.trim_start_matches([' ', '-']);
            Some(line.split_once(':')?.0.trim_matches('"')).filter(|key| !key.is_empty())
        };
        let mut keys: Vec<&str> = self.lines.iter().filter_map(key).collect();
        keys.reverse();
        keys
    }

    /// Words of the line, then of what encloses it, then of the whole block.
    fn words(&self) -> impl Iterator<Item = &'a str> + '_ {
        let name = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-');
        self.lines.iter().chain(&self.block).flat_map(move |line| line.split(name)).filter(|word| !word.is_empty())
    }
}

/// Compose's words for fields of a service, where they differ.
const COMPOSE: [(&str, &[&str]); 14] = [
    ("environment", &["env", "extra_env"]),
    ("healthcheck", &["health"]),
    ("deploy", &["limits", "reservations", "replicas"]),
    ("ports", &["publish"]),
    ("secrets", &["secret_files"]),
    ("volumes", &["volumes", "mounts"]),
    ("cap_add", &["capabilities"]),
    ("networks", &["zone", "connects_to", "depends_on", "egress"]),
    ("stop_grace_period", &["stop_grace"]),
    ("labels", &[]),
    ("extra_hosts", &[]),
    ("env", &["env", "extra_env"]),
    ("resources", &["limits", "reservations"]),
    ("securityContext", &["user", "read_only", "capabilities"]),
];

/// The fields behind a line of a file below an environment's folder.
pub fn fields(plan: &Plan, file: &str, trail: &Trail) -> Vec<FieldPath> {
    let keys = trail.keys();
    let mut fields = Vec::new();
    match (file, keys.as_slice()) {
        ("compose.yaml", ["services", service, rest @ ..]) => {
            fields.extend(of_service(plan, service, rest));
        }
        ("compose.yaml" | "secrets.json", ["volumes", name, ..]) => {
            let volume = plan.volumes.iter().find(|(volume, _)| volume.as_str() == *name);
            let owner = volume.and_then(|(_, volume)| plan.services.get(&volume.owner));
            fields.extend(owner.map(|owner| owner.origin.key("volumes").key(*name)));
        }
        (_, ["secrets", name, ..]) => fields.extend(of_secret(plan, name)),
        ("docker-bake.json", ["target", service, ..]) => fields.extend(of_service(plan, service, &["build"])),
        ("health.json", ["services", service, ..]) => fields.extend(of_service(plan, service, &["healthcheck"])),
        _ if file.starts_with("kubernetes/") => {
            let variable = named(trail);
            let service = trail.words().find(|word| plan.services.keys().any(|name| name.as_str() == *word));
            let service = service.or_else(|| in_path(plan, file));
            let rest: Vec<&str> = keys
                .iter()
                .rev()
                .find(|key| COMPOSE.iter().any(|(word, _)| word == *key))
                .copied()
                .into_iter()
                .chain(variable)
                .collect();
            fields.extend(service.into_iter().flat_map(|service| of_service(plan, service, &rest)));
        }
        _ => {}
    }
    if let Some(site) = file.strip_prefix("nginx/sites/").and_then(|file| file.strip_suffix(".conf")) {
        fields.extend(of_site(plan, site, trail));
    }
    fields.extend(by_name(plan, trail));
    fields.extend(of_file(plan, file));
    fields
}

/// The variable that a list of records names: `- name: PORT`.
fn named<'a>(trail: &Trail<'a>) -> Option<&'a str> {
    let line = trail.block.iter().chain(&trail.lines).find_map(|line| line.trim_start().strip_prefix("- name:"));
    line.map(|name| name.trim().trim_matches('"'))
}

fn in_path<'a>(plan: &Plan, file: &'a str) -> Option<&'a str> {
    let known = |part: &&str| plan.services.keys().any(|name| name.as_str() == *part);
    file.split(['/', '.']).find(known)
}

fn of_service(plan: &Plan, name: &str, rest: &[&str]) -> Vec<FieldPath> {
    let Some((_, service)) = plan.services.iter().find(|(service, _)| service.as_str() == name) else {
        return Vec::new();
    };
    let origin = &service.origin;
    let Some(word) = rest.first() else { return vec![origin.clone()] };
    if let ["deploy", "resources", kind, leaf @ ..] = rest {
        let base = origin.key(*kind);
        return leaf.first().map(|leaf| base.key(*leaf)).into_iter().chain([base, origin.clone()]).collect();
    }
    let mapped = COMPOSE.iter().find(|(compose, _)| compose == word).map(|(_, fields)| *fields);
    let alone = [*word];
    let mut fields: Vec<FieldPath> = Vec::new();
    for field in mapped.unwrap_or(&alone) {
        let base = origin.key(*field);
        fields.extend(rest.get(1).map(|inner| base.key(*inner)));
    }
    fields.extend(rest.get(1).map(|inner| origin.key(*inner)));
    fields.extend(mapped.unwrap_or(&alone).iter().map(|field| origin.key(*field)));
    fields.push(origin.clone());
    fields
}

fn of_secret(plan: &Plan, name: &str) -> Vec<FieldPath> {
    let found = plan.secrets.iter().find(|(secret, _)| secret.as_str() == name);
    let users = found.into_iter().flat_map(|(_, secret)| secret.files_of.iter().chain(&secret.variables_of));
    let declared = users.filter_map(|user| plan.services.get(user)).map(|user| user.origin.key("secrets").key(name));
    std::iter::once(path!("secrets", name)).chain(declared).collect()
}

fn of_site(plan: &Plan, site: &str, trail: &Trail) -> Vec<FieldPath> {
    let Some(site) = plan.ingress.sites.get(site) else { return Vec::new() };
    let upstream = |upstream: &Upstream| match upstream {
        Upstream::Service { service, .. } => Some(service.clone()),
        Upstream::HostMachine { .. } => None,
    };
    let all: Vec<ServiceName> = site.locations.iter().filter_map(|location| upstream(&location.upstream)).collect();
    let named = all.iter().filter(|name| trail.words().any(|word| word == name.as_str()));
    let routed = named.chain(&all).filter_map(|name| plan.services.get(name));
    let mut fields: Vec<FieldPath> =
        routed.flat_map(|service| [service.origin.key("route"), service.origin.key("routes")]).collect();
    let ports = site.locations.iter().filter_map(|location| match location.upstream {
        Upstream::HostMachine { port } => Some(port),
        Upstream::Service { .. } => None,
    });
    if ports.count() > 0 {
        fields.push(path!("frontends"));
    }
    fields
}

/// A service, secret, database or role that the line or what is around it names.
fn by_name(plan: &Plan, trail: &Trail) -> Option<FieldPath> {
    trail.words().find_map(|word| {
        let hyphens = word.replace('_', "-");
        let service = plan.services.iter().find(|(name, _)| name.as_str() == word || name.as_str() == hyphens);
        if let Some((_, service)) = service {
            return Some(service.origin.clone());
        }
        let database = plan.databases.iter().find(|(name, _)| name.as_str() == word);
        let owner =
            database.and_then(|(_, database)| database.owner.as_ref()).map(|owner| owner.as_str().replace('_', "-"));
        let owner = owner.and_then(|owner| plan.services.iter().find(|(name, _)| name.as_str() == owner));
        owner.map(|(_, service)| service.origin.key("databases"))
    })
}

/// What a whole file comes from.
pub fn of_file(plan: &Plan, file: &str) -> Vec<FieldPath> {
    let service = |name: &str| {
        plan.services.iter().find(|(service, _)| service.as_str() == name).map(|(_, service)| service.origin.clone())
    };
    if let Some(site) = file.strip_prefix("nginx/sites/").and_then(|file| file.strip_suffix(".conf")) {
        return of_site(plan, site, &Trail { lines: Vec::new(), block: Vec::new() });
    }
    let found = match file.split('/').next() {
        Some("nginx") => Some(path!("edge")).or_else(|| service("nginx")),
        Some("postgres") => service("postgres"),
        Some("acme") => service("acme"),
        Some("kubernetes") => in_path(plan, file).and_then(service).or(Some(path!("kubernetes"))),
        _ => None,
    };
    found.into_iter().chain([FieldPath::root()]).collect()
}
