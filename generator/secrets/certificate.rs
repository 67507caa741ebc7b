//! Issues certificates for local names. Each is signed by an authority whose name constraints permit only the domains
//! of the stack. Users import the authority of the edge's certificate into their browsers, so it is kept: its key is in
//! a file that no container may read, and signs a new certificate when the hosts change. Any other certificate, such as
//! the database's, has a separate authority, whose key is not stored.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use time::{Duration, OffsetDateTime};

use super::created_secrets::CreatedSecrets;
use super::folder::{AUTHORITY, AUTHORITY_KEY, AUTHORITY_RECORD, SecretFolder};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::secret_list::Recipe;
use crate::values::{Checked, SecretName, labels_below};

/// Validity in days. Browsers accept at most 825 days from an authority that the user added.
const VALID_DAYS: i64 = 800;
/// The validity begins this number of days in the past, for clocks that are behind.
const CLOCK_MARGIN_DAYS: i64 = 1;
/// A certificate is renewed this many days before its end.
const RENEWAL_DAYS: i64 = 30;

/// Issues each certificate that is missing, is for different hosts, or expires within [`RENEWAL_DAYS`].
pub fn renew(folder: &SecretFolder, report: &mut CreatedSecrets) -> Result<(), Diagnostic> {
    for (name, entry) in &folder.list.secrets {
        if let Recipe::LocalCertificate { hosts, domains } = &entry.recipe
            && let Some(files) = CertificateFiles::find(folder, name)
        {
            if files.are_current(folder, hosts)? {
                report.existing.extend(files.names());
            } else {
                files.issue(folder, hosts, domains)?;
                report.created.extend(files.names());
            }
        }
    }
    Ok(())
}

/// Returns a finding for each existing certificate that is not for the current hosts of the stack, or expires soon.
pub fn check(folder: &SecretFolder) -> Result<Vec<Diagnostic>, Diagnostic> {
    let mut findings = Vec::new();
    for (name, entry) in &folder.list.secrets {
        let Recipe::LocalCertificate { hosts, .. } = &entry.recipe else { continue };
        let Some(files) = CertificateFiles::find(folder, name) else { continue };
        if folder.read(name)?.is_some() && !files.are_current(folder, hosts)? {
            let environment = &folder.list.environment;
            let services = entry.used_by.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            let mut finding = Diagnostic::error(Code::CertificateOutdated, path!("secrets", name))
                .message(format!(
                    "the certificate `{name}` is incomplete, expires soon, or is for different hosts than the stack has"
                ))
                .hint(format!(
                    "run `nself secrets init --env {environment}`, then {}",
                    if folder.is_on_cluster() {
                        format!(
                            "`nself secrets kubernetes --env {environment} | kubectl apply --server-side -f -` and `kubectl rollout \
                             restart deployment,statefulset --namespace {}-{environment} --selector 'app.kubernetes.io/name in ({services})'`",
                            folder.list.project
                        )
                    } else {
                        format!("`docker compose restart {}`", services.replace(',', " "))
                    }
                ));
            finding.environments = vec![environment.to_string()];
            findings.push(finding);
        }
    }
    Ok(findings)
}

/// Names of the files of one certificate.
struct CertificateFiles {
    certificate: SecretName,
    key: SecretName,
    authority: SecretName,
    /// Whether the authority's certificate is a secret of the stack, which containers read. The authority's key is then
    /// not stored.
    containers_read_authority: bool,
    /// The file that records the end of the validity and the hosts of the certificate, so that the certificate need not
    /// be parsed.
    issue_record: SecretName,
}

impl CertificateFiles {
    /// Finds the files that belong to a certificate; `None` if the stack has no secret for its key.
    fn find(folder: &SecretFolder, certificate: &SecretName) -> Option<Self> {
        let name_by_recipe = |matches: &dyn Fn(&Recipe) -> bool| {
            let mut entries = folder.list.secrets.iter();
            entries.find(|(_, entry)| matches(&entry.recipe)).map(|(name, _)| name.clone())
        };
        let key =
            name_by_recipe(&|recipe| matches!(recipe, Recipe::LocalKey { certificate: name } if name == certificate))?;
        let authority = name_by_recipe(
            &|recipe| matches!(recipe, Recipe::LocalAuthority { certificate: name } if name == certificate),
        );
        Some(CertificateFiles {
            certificate: certificate.clone(),
            key,
            containers_read_authority: authority.is_some(),
            authority: authority.unwrap_or_else(|| SecretName::wrap(AUTHORITY.into())),
            issue_record: issue_record(certificate),
        })
    }

    /// Returns the names of the stack's secrets among the files.
    fn names(&self) -> Vec<SecretName> {
        let authority = self.containers_read_authority.then(|| self.authority.clone());
        [Some(self.certificate.clone()), Some(self.key.clone()), authority].into_iter().flatten().collect()
    }

    /// Returns whether all files exist, are for these hosts and stay valid for [`RENEWAL_DAYS`].
    fn are_current(&self, folder: &SecretFolder, hosts: &[String]) -> Result<bool, Diagnostic> {
        for name in [&self.certificate, &self.key, &self.authority] {
            if folder.read(name)?.is_none() {
                return Ok(false);
            }
        }
        let Some(issue_record) = folder.read(&self.issue_record)? else { return Ok(false) };
        let (end, issued_hosts) = parse_issue_record(&issue_record);
        Ok(ends_after_renewal(end) && issued_hosts.eq(hosts.iter().map(String::as_str)))
    }

    /// Issues the certificate, and creates its authority unless an existing one can sign it.
    fn issue(&self, folder: &SecretFolder, hosts: &[String], domains: &[String]) -> Result<(), Diagnostic> {
        let now = OffsetDateTime::now_utc();
        let validity =
            Validity { start: now - Duration::days(CLOCK_MARGIN_DAYS), end: now + Duration::days(VALID_DAYS) };
        let creation_error = |error: rcgen::Error| {
            Diagnostic::error(Code::Internal, FieldPath::root())
                .message(format!("the certificate cannot be created: {error}"))
        };
        let project = folder.list.project.as_str();
        let authority = match self.existing_authority(folder, hosts, domains)? {
            Some(authority) => authority,
            None => {
                let authority =
                    Authority::create(project, permitted_names(hosts, domains), validity).map_err(creation_error)?;
                self.write_authority(folder, &authority)?;
                authority
            }
        };
        let leaf = authority.sign(project, hosts, validity).map_err(creation_error)?;
        // The file has the whole chain: the certificate, then that of its authority.
        folder.write(&self.certificate, &(leaf.certificate + &authority.certificate))?;
        folder.write(&self.key, &leaf.key)?;
        let end = validity.end.unix_timestamp().min(authority.end);
        folder.write(&self.issue_record, &format!("{end}\n{}", hosts.join("\n")))
    }

    /// Returns the authority in the folder; `None` if it is incomplete, expires soon or does not permit the hosts.
    fn existing_authority(
        &self,
        folder: &SecretFolder,
        hosts: &[String],
        domains: &[String],
    ) -> Result<Option<Authority>, Diagnostic> {
        if self.containers_read_authority {
            return Ok(None);
        }
        let files = [self.authority.as_str(), AUTHORITY_KEY, AUTHORITY_RECORD];
        let [certificate, key, issue_record] = files.map(|name| folder.read(&SecretName::wrap(name.into())));
        let (Some(certificate), Some(key), Some(issue_record)) = (certificate?, key?, issue_record?) else {
            return Ok(None);
        };
        let (end, limits) = parse_issue_record(&issue_record);
        let limits: Vec<String> = limits.map(str::to_owned).collect();
        let is_usable =
            ends_after_renewal(end) && permitted_names(hosts, domains).iter().all(|name| limits.contains(name));
        // `read` removed the last line break, which separates the authority from the certificate before it.
        Ok(is_usable.then(|| Authority { certificate: certificate + "\n", key, limits, end }))
    }

    /// Writes the certificate of the authority and, unless containers read it, also its key and its record.
    fn write_authority(&self, folder: &SecretFolder, authority: &Authority) -> Result<(), Diagnostic> {
        folder.write(&self.authority, &authority.certificate)?;
        if self.containers_read_authority {
            return Ok(());
        }
        folder.write_private(&SecretName::wrap(AUTHORITY_KEY.into()), &authority.key)?;
        let authority_record = SecretName::wrap(AUTHORITY_RECORD.into());
        folder.write(&authority_record, &format!("{}\n{}", authority.end, authority.limits.join("\n")))
    }
}

/// Returns the name of the file that records the validity and the hosts of a certificate.
pub fn issue_record(certificate: &SecretName) -> SecretName {
    SecretName::wrap(format!("{certificate}_issued"))
}

/// Parses the record of an issued certificate: the end of the validity in seconds since 1970, then one name per line.
fn parse_issue_record(text: &str) -> (i64, std::str::Lines<'_>) {
    let mut lines = text.lines();
    (lines.next().and_then(|line| line.parse().ok()).unwrap_or_default(), lines)
}

/// Returns whether a validity ends after more than [`RENEWAL_DAYS`].
fn ends_after_renewal(end: i64) -> bool {
    end > (OffsetDateTime::now_utc() + Duration::days(RENEWAL_DAYS)).unix_timestamp()
}

/// Returns the names to which the authority is limited: the domains, and the hosts that are not below them. A wildcard
/// host such as `*.example.test` counts as `example.test`.
fn permitted_names(hosts: &[String], domains: &[String]) -> Vec<String> {
    let is_below = |host: &str| domains.iter().any(|domain| labels_below(host, domain).is_some());
    let hosts = hosts.iter().map(|host| host.trim_start_matches("*.")).filter(|host| !is_below(host));
    domains.iter().cloned().chain(hosts.map(str::to_owned)).collect()
}

/// The times between which a certificate is valid.
#[derive(Clone, Copy)]
struct Validity {
    start: OffsetDateTime,
    end: OffsetDateTime,
}

/// An authority, with its certificate and key in PEM.
struct Authority {
    certificate: String,
    key: String,
    /// The names for which it may sign.
    limits: Vec<String>,
    /// The end of its validity, in seconds since 1970.
    end: i64,
}

/// A certificate that an authority signed, and its key, in PEM.
struct Leaf {
    certificate: String,
    key: String,
}

impl Authority {
    /// Creates an authority that may sign for `limits` and the names below them.
    fn create(project: &str, limits: Vec<String>, validity: Validity) -> Result<Self, rcgen::Error> {
        let mut params = authority_parameters(project)?;
        let permitted_subtrees = limits.iter().cloned().map(GeneralSubtree::DnsName).collect();
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        (params.not_before, params.not_after) = (validity.start, validity.end);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Authority { certificate, key: key.serialize_pem(), limits, end: validity.end.unix_timestamp() })
    }

    /// Signs a certificate for these hosts. It expires with the authority at the latest.
    fn sign(&self, project: &str, hosts: &[String], validity: Validity) -> Result<Leaf, rcgen::Error> {
        let mut params = CertificateParams::new(hosts.to_vec())?;
        params.distinguished_name = distinguished_name(format!("{project} local"));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let authority_end = OffsetDateTime::from_unix_timestamp(self.end).unwrap_or(validity.end);
        (params.not_before, params.not_after) = (validity.start, validity.end.min(authority_end));
        let key = KeyPair::generate()?;
        let issuer = Issuer::new(authority_parameters(project)?, KeyPair::from_pem(&self.key)?);
        Ok(Leaf { certificate: params.signed_by(&key, &issuer)?.pem(), key: key.serialize_pem() })
    }
}

fn distinguished_name(common_name: String) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "nself local development");
    name.push(DnType::CommonName, common_name);
    name
}

/// Returns the parameters that are the same for all authorities of a project: the name and the usages of the key.
fn authority_parameters(project: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = distinguished_name(format!("{project} local authority"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}
