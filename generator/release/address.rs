//! The address of a release in a registry.

use crate::lock::ImageName;

/// Parses `oci://HOST/REPOSITORY`, with `:TAG` or `@sha256:…`.
///
/// # Errors
/// The text has a different form.
pub fn parse(text: &str) -> Result<ImageName, String> {
    let name = text.strip_prefix("oci://").ok_or("the address does not start with oci://")?;
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._/:@-[]".contains(c)) && name.contains('/');
    let address = ImageName::parse(name);
    let has_empty_part = address.repository.split('/').any(str::is_empty);
    if !is_plain || has_empty_part || name.contains('@') && address.digest.is_none() {
        return Err("expected oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:…".to_owned());
    }
    Ok(address)
}

/// Returns the tag that an address names: `latest` if it has neither tag nor digest, `None` if it has only a digest.
pub fn tag(address: &ImageName) -> Option<String> {
    let default_tag = || address.digest.is_none().then(|| "latest".to_owned());
    address.tag.clone().or_else(default_tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Sha256;

    #[test]
    fn addresses_have_a_host_a_repository_and_a_tag_or_digest() {
        let digest = Sha256::of(b"x");
        let by_digest = format!("oci://example.com/acme/shop@{digest}");
        for (text, expected) in [
            ("oci://example.com:5000/acme/shop:1", Some("1")),
            ("oci://example.com/acme/shop", Some("latest")),
            (by_digest.as_str(), None),
        ] {
            let address = parse(text).unwrap();
            assert_eq!(address.repository, "acme/shop", "{text}");
            assert_eq!(tag(&address).as_deref(), expected, "{text}");
        }
        for malformed in [
            "example.com/acme/shop:1",
            "oci://shop",
            "oci://example.com//shop",
            "oci://example.com/acme/shop@sha256:12",
            "oci://example.com/acme shop",
        ] {
            assert!(parse(malformed).is_err(), "{malformed}");
        }
    }
}
