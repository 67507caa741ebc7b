//! Issues certificates for local names. They are signed by an authority of the project, whose name constraints permit only the
//! hosts of the stack.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
};
use time::{Duration, OffsetDateTime};

use super::folder::{AUTHORITY, SecretFolder};
use super::outcome::Outcome;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::secret_list::Recipe;
use crate::values::{Checked, SecretName};

/// Validity in days. Browsers accept at most 825 days from an authority that the user added.
const VALID_DAYS: i64 = 800;
/// Days before the present at which the validity begins, for clocks that are behind.
const CLOCK_MARGIN_DAYS: i64 = 1;
/// A certificate is renewed this many days before its end.
const RENEWAL_DAYS: i64 = 30;

/// Issues each certificate that is missing, is for different hosts, or ends within [`RENEWAL_DAYS`].
pub fn renew(folder: &SecretFolder, outcome: &mut Outcome) -> Result<(), Diagnostic> {
    for (name, entry) in &folder.list.secrets {
        if let Recipe::LocalCertificate { hosts } = &entry.recipe
            && let Some(files) = CertificateFiles::find(folder, name)
        {
            if files.are_current(folder, hosts)? {
                outcome.existing.extend(files.names());
            } else {
                files.issue(folder, hosts)?;
                outcome.created.extend(files.names());
            }
        }
    }
    Ok(())
}

/// Names of the files of one certificate.
struct CertificateFiles {
    certificate: SecretName,
    key: SecretName,
    authority: SecretName,
    /// Whether the authority is a secret of the stack.
    lists_authority: bool,
    /// End of the validity and hosts of the certificate, so that the certificate need not be parsed.
    issued: SecretName,
}

impl CertificateFiles {
    /// Finds the files that belong to a certificate; `None` if the stack has no secret for its key.
    fn find(folder: &SecretFolder, certificate: &SecretName) -> Option<Self> {
        let find = |matches: &dyn Fn(&Recipe) -> bool| {
            let mut entries = folder.list.secrets.iter();
            entries.find(|(_, entry)| matches(&entry.recipe)).map(|(name, _)| name.clone())
        };
        let key = find(&|recipe| matches!(recipe, Recipe::LocalKey { certificate: of } if of == certificate))?;
        let authority =
            find(&|recipe| matches!(recipe, Recipe::LocalAuthority { certificate: of } if of == certificate));
        Some(CertificateFiles {
            certificate: certificate.clone(),
            key,
            lists_authority: authority.is_some(),
            authority: authority.unwrap_or_else(|| SecretName::wrap(AUTHORITY.into())),
            issued: SecretName::wrap(format!("{certificate}_issued")),
        })
    }

    /// Returns the names of the stack's secrets among the files.
    fn names(&self) -> Vec<SecretName> {
        let authority = self.lists_authority.then(|| self.authority.clone());
        [Some(self.certificate.clone()), Some(self.key.clone()), authority].into_iter().flatten().collect()
    }

    /// Tells whether all files exist, are for these hosts and stay valid for [`RENEWAL_DAYS`].
    fn are_current(&self, folder: &SecretFolder, hosts: &[String]) -> Result<bool, Diagnostic> {
        for name in [&self.certificate, &self.key, &self.authority] {
            if folder.read(name)?.is_none() {
                return Ok(false);
            }
        }
        let Some(issued) = folder.read(&self.issued)? else { return Ok(false) };
        let mut lines = issued.lines();
        let end = lines.next().and_then(|line| line.parse().ok()).unwrap_or(0_i64);
        let renewal = OffsetDateTime::now_utc() + Duration::days(RENEWAL_DAYS);
        Ok(end > renewal.unix_timestamp() && lines.eq(hosts.iter().map(String::as_str)))
    }

    fn issue(&self, folder: &SecretFolder, hosts: &[String]) -> Result<(), Diagnostic> {
        let now = OffsetDateTime::now_utc();
        let end = now + Duration::days(VALID_DAYS);
        let validity = (now - Duration::days(CLOCK_MARGIN_DAYS), end);
        let issued = issue(folder.list.project.as_str(), hosts, validity).map_err(|error| {
            Diagnostic::error(Code::Internal, FieldPath::root())
                .message(format!("the certificate cannot be created: {error}"))
        })?;
        folder.write(&self.certificate, &issued.chain)?;
        folder.write(&self.key, &issued.key)?;
        folder.write(&self.authority, &issued.authority)?;
        folder.write(&self.issued, &format!("{}\n{}", end.unix_timestamp(), hosts.join("\n")))
    }
}

/// Texts in PEM.
struct Issued {
    chain: String,
    key: String,
    authority: String,
}

/// Creates an authority and a certificate signed by it. The authority's key is dropped, so it can sign nothing else later.
fn issue(
    project: &str,
    hosts: &[String],
    (start, end): (OffsetDateTime, OffsetDateTime),
) -> Result<Issued, rcgen::Error> {
    let name = |common: String| {
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationName, "nself local development");
        name.push(DnType::CommonName, common);
        name
    };
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = name(format!("{project} local authority"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let permitted =
        hosts.iter().map(|host| GeneralSubtree::DnsName(host.trim_start_matches("*.").to_owned())).collect();
    params.name_constraints = Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
    (params.not_before, params.not_after) = (start, end);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

    let mut params = CertificateParams::new(hosts.to_vec())?;
    params.distinguished_name = name(format!("{project} local"));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (start, end);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;
    Ok(Issued { chain: certificate.pem() + &authority.pem(), key: key.serialize_pem(), authority: authority.pem() })
}
