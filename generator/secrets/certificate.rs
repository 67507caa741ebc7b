//! Certificates for local names, signed by an authority of the project that can sign nothing else: name
//! constraints hold it to the hosts of the stack.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
};
use time::{Duration, OffsetDateTime};

use super::{Folder, Outcome};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::secret_list::Recipe;
use crate::values::{Checked, SecretName};

/// What a person imports into a browser or passes to `curl --cacert`.
pub const AUTHORITY: &str = "authority";
/// Browsers accept at most 825 days from an authority that the user added.
const DAYS: i64 = 800;
/// A day of margin for clocks that are behind.
const EARLIER: i64 = 1;

/// Issues each certificate that is missing, is for other hosts, or ends within 30 days.
pub fn renew(folder: &Folder, outcome: &mut Outcome) -> Result<(), Diagnostic> {
    for (name, entry) in &folder.list.secrets {
        if let Recipe::LocalCertificate { hosts } = &entry.recipe {
            renew_one(folder, name, hosts, outcome)?;
        }
    }
    Ok(())
}

fn renew_one(folder: &Folder, name: &SecretName, hosts: &[String], outcome: &mut Outcome) -> Result<(), Diagnostic> {
    let part = |is: &dyn Fn(&Recipe) -> bool| {
        folder.list.secrets.iter().find(|(_, entry)| is(&entry.recipe)).map(|(part, _)| part.clone())
    };
    let key = part(&|recipe| matches!(recipe, Recipe::LocalKey { certificate } if certificate == name));
    let authority = part(&|recipe| matches!(recipe, Recipe::LocalAuthority { certificate } if certificate == name));
    let Some(key) = key else { return Ok(()) };
    let names: Vec<SecretName> =
        [Some(name.clone()), Some(key.clone()), authority.clone()].into_iter().flatten().collect();
    let authority = authority.unwrap_or_else(|| SecretName::wrap(AUTHORITY.into()));
    // What was issued, for whom and until when, beside the certificate: no need to parse it again.
    let issued = SecretName::wrap(format!("{name}_issued"));
    let now = OffsetDateTime::now_utc();
    let until = now + Duration::days(DAYS);
    let current = folder.read(&issued)?.is_some_and(|text| {
        let mut lines = text.lines();
        let ends = lines.next().and_then(|line| line.parse().ok()).unwrap_or(0_i64);
        ends > (now + Duration::days(30)).unix_timestamp() && lines.eq(hosts.iter().map(String::as_str))
    });
    let mut complete = true;
    for file in [name, &key, &authority] {
        complete &= folder.read(file)?.is_some();
    }
    if current && complete {
        outcome.kept.extend(names);
        return Ok(());
    }
    let pair = issue(folder.list.project.as_str(), hosts, now - Duration::days(EARLIER), until).map_err(|error| {
        Diagnostic::error(Code::Internal, FieldPath::root()).message(format!("the certificate cannot be made: {error}"))
    })?;
    folder.write(name, &pair.chain)?;
    folder.write(&key, &pair.key)?;
    folder.write(&authority, &pair.authority)?;
    folder.write(&issued, &format!("{}\n{}", until.unix_timestamp(), hosts.join("\n")))?;
    outcome.made.extend(names);
    Ok(())
}

struct Issued {
    chain: String,
    key: String,
    authority: String,
}

/// A fresh authority for each certificate; its key is dropped, so nobody can sign with it later.
fn issue(project: &str, hosts: &[String], from: OffsetDateTime, until: OffsetDateTime) -> Result<Issued, rcgen::Error> {
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
    (params.not_before, params.not_after) = (from, until);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

    let mut params = CertificateParams::new(hosts.to_vec())?;
    params.distinguished_name = name(format!("{project} local"));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (from, until);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;
    Ok(Issued { chain: certificate.pem() + &authority.pem(), key: key.serialize_pem(), authority: authority.pem() })
}
