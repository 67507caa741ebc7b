//! Full names of images: registry, repository, tag and digest.

use std::fmt;

use crate::artifact::Sha256;
use crate::values::ImageRef;

/// The full name of an image. `redis:7.4` and `docker.io/library/redis:7.4` have the same full name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageName {
    /// Host name of the registry, with an optional port.
    pub host: String,
    pub repository: String,
    pub tag: Option<String>,
    pub digest: Option<Sha256>,
}

/// Host of the registry for names without a host.
pub const DEFAULT_HOST: &str = "docker.io";

impl ImageName {
    /// Returns the full name of an image of the stack.
    pub fn new(image: &ImageRef) -> Self {
        Self::parse(image.as_str())
    }

    /// Parses a name. Unlike an [`ImageRef`], the text may lack a tag. `redis:7.4` has the host `docker.io`, the
    /// repository `library/redis` and the tag `7.4`.
    pub fn parse(text: &str) -> Self {
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        // Docker's rule: the first part is a host if it has a dot or a port, or is `localhost`.
        let is_host = |part: &str| part.contains(['.', ':']) || part == "localhost";
        let (host, path) = match name.split_once('/') {
            Some((DEFAULT_HOST, path)) if !path.contains('/') => (DEFAULT_HOST, format!("library/{path}")),
            Some((host, path)) if is_host(host) => (host, path.to_owned()),
            Some(_) => (DEFAULT_HOST, name.to_owned()),
            None => (DEFAULT_HOST, format!("library/{name}")),
        };
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository.to_owned(), Some(tag.to_owned())),
            _ => (path, None),
        };
        let digest = digest.and_then(|digest| Sha256::try_from(digest.to_owned()).ok());
        ImageName { host: host.to_owned(), repository, tag, digest }
    }

    /// Returns host and repository, such as `docker.io/library/redis`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_image_names_become_full_ones() {
        for (text, full) in [
            ("redis:7.4", "docker.io/library/redis:7.4"),
            ("docker.io/redis:7.4", "docker.io/library/redis:7.4"),
            ("docker.io/nhost/hasura-auth:0.36.0", "docker.io/nhost/hasura-auth:0.36.0"),
            ("ghcr.io/orders:1.4.2", "ghcr.io/orders:1.4.2"),
            ("nhost/hasura-auth:0.36.0", "docker.io/nhost/hasura-auth:0.36.0"),
            ("localhost:5000/a/b:1", "localhost:5000/a/b:1"),
            ("ghcr.io/acme/orders:1.4.2", "ghcr.io/acme/orders:1.4.2"),
            ("localhost:5000/a", "localhost:5000/a"),
        ] {
            assert_eq!(ImageName::parse(text).to_string(), full);
        }
        let digest = Sha256::of(b"");
        assert_eq!(ImageName::parse(&format!("a/b:1@{digest}")).digest, Some(digest));
    }
}
