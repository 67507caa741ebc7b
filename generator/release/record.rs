//! The identity of a release: where it was published, which environments it has, and which of two releases is newer. A
//! signed statement contains it, and `pull` stores it next to the files.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::release_error;
use super::version::Version;
use crate::artifact::Sha256;
use crate::diagnostic::{Code, Diagnostic};

/// Version of the format of [`PullRecord`].
pub const RECORD_VERSION: u32 = 1;

/// A release of a stack, as the publisher signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Host and repository.
    pub repository: String,
    /// The tag for which the release was signed; `None` if the address had only a digest.
    pub tag: Option<String>,
    /// Name of the stack's project.
    pub project: String,
    pub environments: BTreeSet<String>,
    /// A number that grows from release to release, for tags without an order.
    pub serial: Option<u64>,
}

/// The release that a pull wrote to a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullRecord {
    /// Version of the record's format.
    pub version: u32,
    /// Digest of the release's manifest in the registry.
    pub digest: Sha256,
    /// The signed release; `None` for a pull without trusted keys.
    pub release: Option<Release>,
}

/// The release that a pull demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedRelease {
    pub repository: String,
    /// `None` accepts any tag, for a pull by digest.
    pub tag: Option<String>,
    /// Empty to accept any environments.
    pub environments: BTreeSet<String>,
}

impl Release {
    /// Returns the reason why the release is not the wanted one, as a clause for a message; `None` if it is.
    pub fn mismatch(&self, wanted: &WantedRelease) -> Option<String> {
        if self.repository != wanted.repository {
            return Some(format!("it was signed for the repository {}", self.repository));
        }
        if wanted.tag.is_some() && self.tag != wanted.tag {
            return Some(match &self.tag {
                Some(tag) => format!("it was signed for the tag `{tag}`"),
                None => "it was signed without a tag".to_owned(),
            });
        }
        if !wanted.environments.is_empty() && self.environments != wanted.environments {
            return Some(format!("it was signed for the environments {}", comma_separated(&self.environments)));
        }
        None
    }

    /// Returns the reason why the release cannot replace `installed`, however new it is, as a clause for a message; `None`
    /// if it can.
    pub fn discontinuity(&self, installed: &Release) -> Option<String> {
        if self.project != installed.project {
            return Some(format!(
                "its project is `{}`, but the installed release has the project `{}`",
                self.project, installed.project
            ));
        }
        if self.environments != installed.environments {
            let (new, old) = (comma_separated(&self.environments), comma_separated(&installed.environments));
            return Some(format!("its environments are {new}, but the installed release has {old}"));
        }
        None
    }

    /// Compares this release with an installed one, by serial number or else by the versions in their tags: `Greater` if
    /// this release is newer. `None` if neither is possible.
    pub fn order(&self, installed: &Release) -> Option<Ordering> {
        if let (Some(new), Some(old)) = (self.serial, installed.serial) {
            return Some(new.cmp(&old));
        }
        let version_of = |release: &Release| release.tag.as_deref().and_then(Version::parse);
        Some(version_of(self)?.cmp(&version_of(installed)?))
    }

    /// Returns the name of the release in messages: its tag, its serial number or both.
    fn name_in_messages(&self) -> String {
        match (self.serial, &self.tag) {
            (Some(serial), Some(tag)) => format!("{tag} with serial {serial}"),
            (Some(serial), None) => format!("serial {serial}"),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "a release without a tag".to_owned(),
        }
    }
}

impl PullRecord {
    /// Checks that this release may replace the installed one: it must be signed for the same project and environments,
    /// and be newer. The same release may be pulled again.
    ///
    /// # Errors
    /// NS825 for a different project or environments, NS826 if it is not newer or the order is unknown.
    pub fn check_replaces(&self, installed: Option<&PullRecord>) -> Result<(), Diagnostic> {
        let refusal = |code, message: String| {
            Err(release_error(code, message).hint(
                "to accept it anyway, use --allow-downgrade; `nself attest --serial NUMBER` gives releases an order",
            ))
        };
        let installed_release = installed.and_then(|record| record.release.as_ref());
        let (new, old) = match (&self.release, installed_release) {
            (Some(new), Some(old)) => (new, old),
            (None, Some(_)) => {
                let message = "a release without a signature would replace an attested one";
                return refusal(Code::ReleaseOrder, message.to_owned());
            }
            (Some(_), None) => {
                let message = "the installed release was not attested, so its order is unknown";
                return refusal(Code::ReleaseOrder, message.to_owned());
            }
            (None, None) => return Ok(()),
        };
        if let Some(reason) = new.discontinuity(old) {
            return refusal(Code::ReleaseMismatch, format!("the release cannot replace the installed one: {reason}"));
        }
        if installed.is_some_and(|record| record.digest == self.digest) {
            return Ok(());
        }
        let (new_name, old_name) = (new.name_in_messages(), old.name_in_messages());
        let message = match new.order(old) {
            Some(Ordering::Greater) => return Ok(()),
            Some(Ordering::Less) => format!("{new_name} is older than {old_name}, which is installed"),
            Some(Ordering::Equal) => {
                format!("{new_name} is not newer than {old_name}, which is installed, but differs")
            }
            None => format!("it is unknown whether {new_name} is newer than {old_name}, which is installed"),
        };
        refusal(Code::ReleaseOrder, message)
    }
}

/// Returns names as text: `prod, staging`.
fn comma_separated(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(tag: &str, serial: Option<u64>) -> Release {
        let environments = BTreeSet::from(["prod".to_owned()]);
        let (repository, project) = ("example.com/acme/shop".to_owned(), "shop".to_owned());
        Release { repository, tag: Some(tag.to_owned()), project, environments, serial }
    }

    #[test]
    fn a_release_matches_the_wanted_one_or_returns_the_reason() {
        let signed = release("1.4.0", None);
        let wanted = |repository: &str, tag: Option<&str>, environments: &[&str]| WantedRelease {
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            environments: environments.iter().map(|name| (*name).to_owned()).collect(),
        };
        let repository = "example.com/acme/shop";
        assert_eq!(signed.mismatch(&wanted(repository, Some("1.4.0"), &[])), None);
        assert_eq!(signed.mismatch(&wanted(repository, None, &["prod"])), None);
        for (other, word) in [
            (wanted("example.com/acme/other", Some("1.4.0"), &[]), "repository"),
            (wanted(repository, Some("1.5.0"), &[]), "tag"),
            (wanted(repository, None, &["staging"]), "environments"),
            (wanted(repository, None, &["prod", "staging"]), "environments"),
        ] {
            assert!(signed.mismatch(&other).is_some_and(|reason| reason.contains(word)), "{other:?}");
        }
        let untagged = Release { tag: None, ..signed.clone() };
        assert!(untagged.mismatch(&wanted(repository, Some("1.4.0"), &[])).is_some());
        assert!(signed.discontinuity(&Release { project: "other".into(), ..signed.clone() }).is_some());
        assert!(signed.discontinuity(&Release { environments: BTreeSet::new(), ..signed.clone() }).is_some());
        assert_eq!(signed.discontinuity(&signed), None);
    }

    #[test]
    fn versions_and_serials_have_an_order_and_other_tags_none() {
        let order = ["0.9", "1", "1.0.1-alpha", "1.0.1-alpha.1", "1.0.1-beta.2", "1.0.1-beta.11", "v1.0.1", "1.10.0"];
        for (i, old) in order.iter().enumerate() {
            for (j, new) in order.iter().enumerate() {
                assert_eq!(release(new, None).order(&release(old, None)), Some(j.cmp(&i)), "{old} {new}");
            }
        }
        for tag in ["main", "latest", "1.2.3.4", "1..2", "vx", ""] {
            assert_eq!(release(tag, None).order(&release("1.0.0", None)), None, "{tag}");
        }
        assert_eq!(release("main", Some(7)).order(&release("main", Some(8))), Some(Ordering::Less));
        // Serial numbers take precedence over tags.
        assert_eq!(release("2.0.0", Some(7)).order(&release("1.0.0", Some(8))), Some(Ordering::Less));
        assert_eq!(release("2.0.0", None).order(&release("1.0.0", Some(8))), Some(Ordering::Greater));
    }

    #[test]
    fn only_a_newer_release_of_the_same_environments_replaces_a_signed_one() {
        let record = |release: Option<Release>, content: &str| PullRecord {
            version: RECORD_VERSION,
            digest: Sha256::of(content.as_bytes()),
            release,
        };
        let signed = |tag: &str, serial, content: &str| record(Some(release(tag, serial)), content);
        let installed = signed("1.4.0", None, "installed");
        let refusal = |new: &PullRecord, old: Option<&PullRecord>| {
            new.check_replaces(old).map_err(|finding| (finding.code, finding.message)).err()
        };
        assert_eq!(refusal(&signed("1.5.0", None, "new"), Some(&installed)), None);
        assert_eq!(refusal(&installed, Some(&installed)), None, "the same release again");
        assert_eq!(refusal(&record(None, "new"), None), None, "signatures were never demanded");
        for (new, old, code, words) in [
            (signed("1.3.9", None, "old"), Some(&installed), Code::ReleaseOrder, "1.3.9 is older than 1.4.0"),
            (signed("1.4.0", None, "other"), Some(&installed), Code::ReleaseOrder, "is not newer than 1.4.0"),
            (
                signed("main", Some(7), "new"),
                Some(&installed),
                Code::ReleaseOrder,
                "unknown whether main with serial 7",
            ),
            (record(None, "new"), Some(&installed), Code::ReleaseOrder, "without a signature"),
            (installed.clone(), Some(&record(None, "old")), Code::ReleaseOrder, "was not attested"),
            (installed.clone(), None, Code::ReleaseOrder, "was not attested"),
        ] {
            let finding = refusal(&new, old);
            let is_expected = |(found_code, message): &(Code, String)| *found_code == code && message.contains(words);
            assert!(finding.as_ref().is_some_and(is_expected), "{finding:?}");
        }
        let other = Release { project: "other".into(), ..release("9.0.0", None) };
        let finding = refusal(&record(Some(other), "new"), Some(&installed));
        assert_eq!(finding.map(|(code, _)| code), Some(Code::ReleaseMismatch));
    }
}
