//! Values of containers and clusters: images, paths, users, schedules.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

use super::checked::{Checked, checked};
use super::text::{absolute_path_refusal, alphabet_refusal, dot_part_refusal, is_lower_or_digit};
use super::web::labels_refusal;
use crate::codes::Code;

checked! {
    /// A path inside a container.
    ContainerPath, expected: "an absolute path", example: "/var/lib/data", refusal: |t| absolute_path_refusal(t)
}
checked! {
    /// The mode of a file in octal digits. It must let everyone read the file, which belongs to a different user than
    /// the one that the service runs as.
    FileMode, expected: "a mode in octal digits", example: "0755", refusal: |t| file_mode_refusal(t)
}
checked! {
    /// A path inside the project: parts separated by `/`, without `..`.
    ProjectPath, expected: "a relative path inside the project", example: "services/orders",
    refusal: |t| {
        let path = t.strip_prefix("./").filter(|rest| !rest.is_empty()).unwrap_or(t);
        let may_begin = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._/@+-".contains(c);
        alphabet_refusal(path, 512, "letters, digits and `._/@+-`", may_begin, is_allowed).or_else(|| dot_part_refusal(path))
    },
    BadValue, |path| path.strip_prefix("./").filter(|rest| !rest.is_empty()).map(str::to_owned).unwrap_or(path)
}
impl FileMode {
    /// The start of the name of a folder for files with a mode, such as `mode-0755`.
    pub const FOLDER: &str = "mode-";
}

/// Returns why the mode of a file is refused.
fn file_mode_refusal(text: &str) -> Option<String> {
    let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    let Some(mode) = is_octal.then(|| u32::from_str_radix(text, 8).ok()).flatten() else {
        return Some("it is not three or four digits from 0 to 7".into());
    };
    let reason = match mode {
        _ if mode & 0o7000 != 0 => "it has the setuid, setgid or sticky bit, which is not allowed",
        _ if mode & 0o002 != 0 => "every user could write the file",
        _ if mode & 0o444 != 0o444 => {
            "some users could not read the file, and it belongs to a different user than the service's"
        }
        _ => return None,
    };
    Some(reason.into())
}

checked! {
    /// The name of a kernel setting.
    SysctlName, expected: "the name of a kernel setting", example: "net.core.somaxconn",
    refusal: |t| alphabet_refusal(t, 128, "a-z, 0-9 and `._-`", is_lower_or_digit, |c| is_lower_or_digit(c) || "._-".contains(c))
}

checked! {
    /// An image reference: `registry/name:tag` or with a digest; the tag `latest` and a missing tag are refused.
    ImageRef, expected: "an image with a tag or digest", example: "ghcr.io/acme/orders:1.4.2", refusal: |t| image_refusal(t)
}
checked! {
    /// A registry, optionally with the folder of the images.
    Registry, expected: "a registry with an optional folder", example: "ghcr.io/acme",
    refusal: |t| alphabet_refusal(t, 200, "a-z, 0-9 and `._/:-`", is_lower_or_digit, |c| is_lower_or_digit(c) || "._/:-".contains(c)).or_else(|| dot_part_refusal(t))
        .or_else(|| t.ends_with('/').then(|| "it ends with `/`".to_owned()))
        // The name of an image follows.
        .or_else(|| repository_refusal(&format!("{t}/name")))
}
checked! {
    /// The tag of an image.
    Tag, expected: "the tag of an image", example: "1.4.2",
    refusal: |t| alphabet_refusal(t, 128, "letters, digits and `._-`", |c| c.is_ascii_alphanumeric() || c == '_', |c| c.is_ascii_alphanumeric() || "._-".contains(c))
        .or_else(|| (t == "latest").then(|| "the tag `latest` is not allowed, because it can name a different image every day".to_owned()))
}
checked! {
    /// A value in base64 that only the Sealed Secrets controller of one cluster can decrypt.
    Sealed, expected: "a value encrypted by `kubeseal --raw`", example: "AgBy3i4OJSWK",
    refusal: |t| alphabet_refusal(t, 16_384, "base64 digits", |c| c.is_ascii_alphanumeric(), |c| c.is_ascii_alphanumeric() || "+/=".contains(c))
}
checked! {
    /// The name of an annotation, with an optional DNS prefix. Snippet annotations are refused: the ingress
    /// controller runs them as configuration, and it can read the secrets of all namespaces.
    AnnotationName, expected: "the name of an annotation", example: "service.beta.kubernetes.io/aws-load-balancer-type",
    refusal: |text| {
        let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        prefix.and_then(labels_refusal)
            .or_else(|| alphabet_refusal(name, 63, "letters and digits, and between them `-_.`", |c| c.is_ascii_alphanumeric(), is_allowed))
            .or_else(|| (!name.ends_with(|c: char| c.is_ascii_alphanumeric())).then(|| "it does not end with a letter or digit".to_owned()))
            .or_else(|| name.starts_with("com.docker.compose.").then(|| "Compose sets the labels with the prefix `com.docker.compose.` itself".to_owned()))
            .or_else(|| name.ends_with("-snippet").then(|| "snippets are not allowed: the ingress controller would run them with access to all secrets".to_owned()))
    }
}
checked! {
    /// A commit of a repository.
    Commit, expected: "a commit as 40 or 64 hexadecimal digits", example: "4f1c9ce6d6f0b3c5a1e2f60718293a4b5c6d7e8f",
    refusal: |t| (!matches!(t.len(), 40 | 64) || !t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
        .then(|| "it is not 40 or 64 lower-case hexadecimal digits".to_owned())
}
checked! {
    /// A schedule in the format of cron, in UTC: minute, hour, day of month, month and day of week.
    Schedule, expected: "a cron schedule of five fields", example: "15 3 * * *",
    refusal: |t| schedule_refusal(t)
}
checked! {
    /// An operating system and processor for which images are built.
    Platform, expected: "a Linux platform", example: "linux/amd64",
    refusal: |text| match text.strip_prefix("linux/") {
        Some(processor) => alphabet_refusal(processor, 40, "a-z, 0-9 and `/`", |c| c.is_ascii_lowercase(), |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '/'),
        None => Some("it does not start with `linux/`".into()),
    }
}
checked! {
    /// `uid:gid`, both numeric.
    UserId, expected: "a numeric user and group", example: "10001:10001",
    refusal: |text| {
        // The comparison refuses leading zeros and signs.
        let is_id = |id: &str| id.parse::<u32>().is_ok_and(|number| number.to_string() == id);
        match text.split_once(':') {
            Some((user, group)) if is_id(user) && is_id(group) => None,
            _ => Some("it is not two numbers with a colon between them".into()),
        }
    }
}
impl UserId {
    /// Returns the numbers of user and group.
    pub fn ids(&self) -> (u32, u32) {
        let (user, group) = self.as_str().split_once(':').unwrap_or_default();
        (user.parse().unwrap_or(u32::MAX), group.parse().unwrap_or(u32::MAX))
    }
}
checked! {
    /// A Linux capability without its prefix.
    Capability, expected: "a Linux capability", example: "NET_BIND_SERVICE",
    refusal: |t| alphabet_refusal(t, 40, "A-Z and `_`", |c| c.is_ascii_uppercase(), |c| c.is_ascii_uppercase() || c == '_')
}
checked! {
    /// A stop signal.
    Signal, expected: "a signal name", example: "SIGTERM",
    refusal: |t| (!t.starts_with("SIG")).then(|| "it does not start with SIG".to_owned())
        .or_else(|| alphabet_refusal(t, 16, "A-Z and digits", |c| c.is_ascii_uppercase(), |c| c.is_ascii_uppercase() || c.is_ascii_digit()))
}

/// Returns why a cron schedule is refused. Each field is a list of `*`, numbers and ranges, each with an optional step,
/// such as `1-5` or `*/15`.
fn schedule_refusal(text: &str) -> Option<String> {
    const FIELDS: [(&str, u8, u8); 5] =
        [("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 6)];
    if let Some(refusal) = foreign_schedule_refusal(text) {
        return Some(refusal);
    }
    let fields: Vec<&str> = text.split(' ').collect();
    if fields.len() != FIELDS.len() {
        return Some(format!("a schedule has five fields separated by spaces, but this one has {}", fields.len()));
    }
    for (field, (name, min, max)) in fields.iter().zip(FIELDS) {
        // The comparison refuses leading zeros and signs.
        let number_in_range = |text: &str| {
            text.parse::<u8>().ok().filter(|number| number.to_string() == text && (min..=max).contains(number))
        };
        let is_range = |part: &str| match part.split_once('-') {
            Some((from, to)) => number_in_range(from).zip(number_in_range(to)).is_some_and(|(from, to)| from <= to),
            None => part == "*" || number_in_range(part).is_some(),
        };
        let is_item = |item: &str| match item.split_once('/') {
            Some((part, step)) => {
                // A step beyond the range would match the first value only: `*/90` in the minutes runs every hour.
                let is_step = |number: u8| number > 0 && number <= max - min && number.to_string() == step;
                is_range(part) && step.parse::<u8>().is_ok_and(is_step)
            }
            None => is_range(item),
        };
        if !field.split(',').all(is_item) {
            let advice = match *field {
                "7" => "; Sunday is `0`",
                field if field.contains('/') => {
                    "; a step must be smaller than the range, since the steps start again in each range"
                }
                field if field.contains(|c: char| c.is_ascii_alphabetic()) => "; write numbers instead of names",
                _ => "",
            };
            return Some(format!(
                "the {name} `{field}` is not a list of numbers from {min} to {max}, ranges or `*`{advice}"
            ));
        }
    }
    let [_, _, day, month, weekday] = fields[..] else { return None };
    // With a day of the week as well, cron runs on days that match one of the two fields, so the schedule has days in
    // any case.
    // `*/1` is `*`, but `0-6` lists days.
    let is_every_weekday = weekday.split(',').any(|item| matches!(item, "*" | "*/1"));
    (is_every_weekday && !has_day(day, month)).then(|| format!("the day `{day}` does not occur in the month `{month}`"))
}

/// Returns why a schedule is refused that has a form of other programs: a time zone or a name such as `@daily`.
fn foreign_schedule_refusal(text: &str) -> Option<String> {
    const NAMES: [(&str, &str); 7] = [
        ("@annually", "0 0 1 1 *"),
        ("@daily", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
        ("@midnight", "0 0 * * *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@yearly", "0 0 1 1 *"),
    ];
    if text.starts_with("CRON_TZ=") || text.starts_with("TZ=") {
        return Some("schedules are in UTC: remove the time zone and convert the hour".to_owned());
    }
    let (_, fields) = NAMES.iter().find(|(name, _)| *name == text)?;
    Some(format!("write `{text}` as `{fields}`"))
}

/// Returns whether a schedule with these days of the month and these months has at least one day: `31` and `2` have
/// none.
fn has_day(days: &str, months: &str) -> bool {
    const MONTH_LENGTHS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    // If any of the days occurs in a month, the smallest one does.
    let Some(first_day) = schedule_values(days, 1, 31).pop_first() else { return true };
    let months = schedule_values(months, 1, 12);
    months.into_iter().any(|month| MONTH_LENGTHS.get(usize::from(month) - 1).is_some_and(|length| first_day <= *length))
}

/// Returns the values of one field of a checked schedule. `min` and `max` are the smallest and the largest value of
/// such a field. Its text is a list of `*`, numbers and ranges with optional steps. A number with a step begins a range
/// up to `max`, as on Kubernetes: `5/25` in the minutes is `5-59/25`, which is 5, 30 and 55.
pub fn schedule_values(field: &str, min: u8, max: u8) -> BTreeSet<u8> {
    let number = |text: &str| text.parse().unwrap_or(min);
    let mut values = BTreeSet::new();
    for item in field.split(',') {
        let (range, step_text) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        let (from, to) = match (range.split_once('-'), range, step_text) {
            (Some((from, to)), ..) => (number(from), number(to)),
            (None, "*", _) => (min, max),
            (None, start, Some(_)) => (number(start), max),
            (None, value, None) => (number(value), number(value)),
        };
        let step: u8 = step_text.map_or(1, |step| step.parse().unwrap_or(1)).max(1);
        values.extend((from..=to).step_by(usize::from(step)));
    }
    values
}

/// Returns why container engines refuse the name of an image without its tag, or a registry with an optional folder.
/// They accept an optional host with a port, and parts of letters and digits. Between the letters and digits of a part
/// can be a single dot, one or two `_`, or hyphens. A host has no `_` (`domain-component` in the grammar of
/// distribution/reference).
fn repository_refusal(repository: &str) -> Option<String> {
    let is_allowed_separator = |text: &str| matches!(text, "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    repository.split('/').enumerate().find_map(|(i, part)| {
        let (name, port) = match part.split_once(':') {
            Some((host, port)) if i == 0 => (host, Some(port)),
            _ => (part, None),
        };
        if let Some(port) = port.filter(|port| port.parse::<u16>().is_err()) {
            return Some(format!("the port `{port}` is not a number from 0 to 65535"));
        }
        if name.contains(':') {
            return Some(format!("the part `{name}` of the image's name contains `:`"));
        }
        // Of a name with several parts, a first part with a dot or a port is a host, and so is `localhost`.
        let is_host = i == 0 && repository.contains('/') && (port.is_some() || name.contains('.'));
        if is_host && name.contains('_') {
            return Some(format!("the registry `{name}` contains `_`, which names of hosts do not have"));
        }
        let is_letter_or_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if !is_letter_or_digit(name.chars().next()) || !is_letter_or_digit(name.chars().next_back()) {
            return Some(format!("the part `{name}` of the image's name must begin and end with a letter or digit"));
        }
        // Each separator consists of all characters between two letters or digits.
        let mut separators = name.split(|c: char| c.is_ascii_alphanumeric()).filter(|text| !text.is_empty());
        let separator = separators.find(|separator| !is_allowed_separator(separator))?;
        Some(format!("the part `{name}` of the image's name contains `{separator}`"))
    })
}

/// Returns why an image reference is refused.
fn image_refusal(text: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._/:@-".contains(c);
    let refusal =
        alphabet_refusal(text, 512, "letters, digits and `._/:@-`", |c| c.is_ascii_alphanumeric(), is_allowed);
    if refusal.is_some() {
        return refusal;
    }
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    if let Some(digest) = digest {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')) {
            return Some("the digest is not sha256: and 64 hexadecimal digits".into());
        }
    }
    // Only the last part can have a tag: a colon before it begins the port of the registry.
    let last_part = name.rsplit('/').next().unwrap_or(name);
    // The name without the tag: `localhost:5000/orders` of `localhost:5000/orders:1`.
    let repository =
        name.strip_suffix(last_part).unwrap_or_default().to_owned() + last_part.split(':').next().unwrap_or(last_part);
    if let Some((scheme, _)) = name.split_once("://") {
        return Some(format!("the name of an image has no scheme such as `{scheme}://`"));
    }
    if repository.split('/').any(str::is_empty) {
        return Some("a part of the image's name, next to a `/`, is empty".into());
    }
    if let Some(letter) = repository.chars().find(char::is_ascii_uppercase) {
        return Some(format!("the name of the image has the upper-case letter `{letter}`"));
    }
    if let Some(refusal) = repository_refusal(&repository) {
        return Some(refusal);
    }
    match last_part.split_once(':') {
        Some((_, "latest")) => {
            Some("the tag `latest` is not allowed, because it can name a different image every day".into())
        }
        Some((_, "")) => Some("the tag after `:` is empty".into()),
        Some((_, tag)) if tag.contains(':') => Some(format!("the tag `{tag}` contains `:`")),
        Some((_, tag)) if tag.starts_with(['.', '-']) => {
            Some(format!("the tag `{tag}` does not begin with a letter, a digit or `_`"))
        }
        Some((_, tag)) if tag.len() > 128 => {
            Some(format!("the tag has {} characters, but at most 128 are allowed", tag.len()))
        }
        None if digest.is_none() => {
            Some("the image has no tag; without one, every pull may get a different image".into())
        }
        _ => None,
    }
}
