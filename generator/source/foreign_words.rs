//! Hints for fields that other tools have under other names: Compose, Kubernetes, SQL, nginx and migration tools.

mod by_record;

use self::by_record::{SERVICE_ONLY, SYNONYMS, WORDS, Word};
use crate::diagnostic::{FieldPath, Segment};
use crate::words;

/// Returns the hint for an unknown field whose name is a word of a different tool.
pub fn hint(path: &FieldPath) -> Option<String> {
    let record = &path.0[..path.0.len().checked_sub(1)?];
    let name = path.last_key();
    let find = |words: &[Word]| words.iter().find(|(word, _)| *word == name).map(|(_, hint)| (*hint).to_owned());
    let find_at = |record: &[Segment]| {
        WORDS.iter().filter(|(pattern, _)| is_record(record, pattern)).find_map(|(_, words)| find(words))
    };
    if let Some(hint) = find_at(record) {
        return Some(hint);
    }
    if is_record(record, &["services", "*", "processes", "*"]) {
        return find(&SERVICE_ONLY).map(|hint| format!("set it in the service, for all of its processes: {hint}"));
    }
    // Records below a process or the container of a frontend, such as `health`, are those of a service.
    let below = match record {
        [_, _, Segment::Key(processes), _, below @ ..] if processes == "processes" => below,
        [Segment::Key(frontends), _, Segment::Key(container), below @ ..]
            if frontends == "frontends" && container == "container" =>
        {
            below
        }
        _ => return None,
    };
    if below.is_empty() {
        return None;
    }
    let service = ["services", "*"].map(|key| Segment::Key(key.to_owned()));
    find_at(&[&service[..], below].concat())
}

/// Returns the hint for an unknown field whose name is similar to a word of a different tool, such as `enviroment`.
pub fn hint_of_similar_word(path: &FieldPath) -> Option<String> {
    let record = &path.0[..path.0.len().checked_sub(1)?];
    let tables = WORDS.iter().filter(|(pattern, _)| is_record(record, pattern));
    let names = tables.flat_map(|(_, words)| words.iter().map(|(word, _)| *word));
    let word = words::nearest(path.last_key(), names)?;
    let mut similar_path = path.clone();
    similar_path.0.pop();
    hint(&similar_path.key(word))
}

/// Returns whether the path of a record fits a pattern, in which `*` is any name.
fn is_record(record: &[Segment], pattern: &[&str]) -> bool {
    pattern.len() == record.len()
        && pattern.iter().zip(record).all(|(wanted, segment)| match segment {
            Segment::Key(key) => *wanted == "*" || key == wanted,
            Segment::Index(_) => false,
        })
}

/// Returns whether a name that was written probably means a field: it is a misspelling or a synonym of its name.
pub fn is_meant(written: &str, field: &str) -> bool {
    words::nearest(written, [field]).is_some() || SYNONYMS.contains(&(written, field))
}

/// Returns the field that a name probably means: the nearest one, or the one of which it is a synonym.
pub fn meant_field<'a>(written: &str, fields: &[&'a str]) -> Option<&'a str> {
    let nearest = words::nearest(written, fields.iter().copied());
    nearest.or_else(|| fields.iter().copied().find(|field| SYNONYMS.contains(&(written, *field))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;

    #[test]
    fn words_of_other_tools_have_hints_at_their_records() {
        let has = |path: FieldPath, text: &str| hint(&path).is_some_and(|hint| hint.contains(text));
        assert!(has(path!("services", "a", "livenessProbe"), "health.http.path"));
        assert!(has(path!("services", "a", "processes", "w", "resources"), "limits"));
        assert!(has(path!("services", "a", "processes", "w", "workdir"), "in the service"));
        assert!(!has(path!("services", "a", "workdir"), "in the service"));
        assert_eq!(hint(&path!("graphql_endpoints", "a", "image")), None);
        assert!(has(path!("databases", "a", "tables", "t", "columns", "c", "not_null"), "nullable"));
        assert!(has(path!("name"), "project"));
        let similar = hint_of_similar_word(&path!("services", "a", "enviroment"));
        assert!(similar.is_some_and(|hint| hint.contains("`env`")));
        assert_eq!(hint_of_similar_word(&path!("services", "a", "zebra")), None);
        assert_eq!(hint(&path!("services", "a", "env", "links")), None);
        assert_eq!(hint(&path!("links")), None);
        assert!(has(path!("services", "a", "health", "tcp", "initialDelaySeconds"), "`health.start_period"));
        assert!(has(path!("services", "a", "health", "grpc", "timeout"), "`health.timeout"));
        assert!(has(path!("services", "a", "processes", "w", "health", "httpGet"), "`health.http.path"));
        assert!(has(path!("frontends", "a", "container", "limits", "cpu"), "`cpus"));
    }

    #[test]
    fn words_of_probes_and_health_checks_have_hints() {
        // The fields of a Probe of Kubernetes, and of `healthcheck` of Compose that `health` does not have.
        let kubernetes = "exec failureThreshold grpc httpGet initialDelaySeconds periodSeconds successThreshold \
                          tcpSocket terminationGracePeriodSeconds timeoutSeconds host httpHeaders path port scheme service";
        let own_words = ["exec", "grpc"];
        for word in kubernetes.split_whitespace().chain(["test", "disable"]).filter(|word| !own_words.contains(word)) {
            assert!(hint(&path!("services", "a", "health", word)).is_some(), "{word}");
            assert!(hint(&path!("services", "a", "health", "tcp", word)).is_some(), "{word}");
        }
    }

    #[test]
    fn names_of_profiles_are_understood() {
        let profiles = ["local", "staging", "prod"];
        for (written, meant) in [("dev", "local"), ("stage", "staging"), ("live", "prod"), ("prd", "prod")] {
            assert_eq!(meant_field(written, &profiles), Some(meant), "{written}");
        }
        assert_eq!(meant_field("demo", &profiles), None);
    }

    #[test]
    fn every_table_is_sorted() {
        for (record, words) in WORDS {
            assert!(words.is_sorted_by_key(|(word, _)| *word), "{record:?}");
        }
    }
}
