//! The address of a release in a registry.

use crate::lock::ImageName;

/// Parses `oci://HOST/REPOSITORY`, optionally with `:TAG` or `@sha256:…`.
///
/// # Errors
/// A message if the text has a different form.
pub fn parse(text: &str) -> Result<ImageName, String> {
    let name = text.strip_prefix("oci://").ok_or("the address does not start with oci://")?;
    let has_only_allowed_characters = name.chars().all(|c| c.is_ascii_alphanumeric() || "._/:@-[]".contains(c));
    let address = ImageName::parse(name);
    let has_empty_part = address.repository.split('/').any(str::is_empty);
    // The parser ignores text after `@` that is not a digest.
    let has_invalid_digest = name.contains('@') && address.digest.is_none();
    if !has_only_allowed_characters || !name.contains('/') || has_empty_part || has_invalid_digest {
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
