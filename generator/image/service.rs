//! Creates the image of one service as an OCI layout, from the service's `layout` in the plan, a folder of the project
//! and base images.

use std::collections::BTreeMap;

use super::build::{self, BaseImages, ImageContent};
use super::docker_manifest;
use super::layer::{self, Layer};
use super::layout::ImageLayout;
use super::runtime_config;
use super::sbom::Materials;
use crate::artifact::json;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::Root;
use crate::lock::{ImageName, Lock};
use crate::path;
use crate::plan::{Plan, Service};
use crate::stack::Layout;
use crate::values::{Checked, Platform, ServiceName};

/// The folder in the image for the files, unless the layout sets `path`.
const DEFAULT_PATH: &str = "/app";
/// The tag of an image whose name has none.
const DEFAULT_TAG: &str = "latest";

/// A service of the plan whose image nself creates.
pub struct ImageService<'a> {
    plan: &'a Plan,
    name: &'a ServiceName,
    service: &'a Service,
    layout: &'a Layout,
    /// The name of the image.
    pub image: ImageName,
}

impl<'a> ImageService<'a> {
    /// Returns the service of this name.
    ///
    /// # Errors
    /// NS811 if there is no service of this name with a `layout`.
    pub fn find(plan: &'a Plan, name: &str) -> Result<Self, Diagnostic> {
        let with_layout = plan.services.iter().filter_map(|(service_name, service)| {
            let (layout, image) = (service.layout.as_ref()?, service.image.as_ref()?);
            Some(ImageService { plan, name: service_name, service, layout, image: ImageName::new(image) })
        });
        let services: Vec<Self> = with_layout.collect();
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        let missing = Diagnostic::error(Code::Image, path!("services", name))
            .message(format!("there is no service `{name}` with a layout"))
            .expected(if names.is_empty() {
                "a service with `image` and `layout.folder`; no service of this environment has a layout".to_owned()
            } else {
                crate::words::one_of(&names)
            });
        services.into_iter().find(|service| service.name.as_str() == name).ok_or(missing)
    }

    /// Returns the path of a field of the layout.
    fn layout_field(&self, name: &str) -> FieldPath {
        self.service.origin.key("layout").key(name)
    }

    /// Packs the folder of the layout.
    ///
    /// # Errors
    /// NS811 if the folder does not exist, or if [`layer::pack`] refuses a file in it.
    pub fn pack(&self, project: &Root) -> Result<Layer, Diagnostic> {
        let folder_path = self.layout.folder.as_str();
        let failure = |reason: String| Diagnostic::error(Code::Image, self.layout_field("folder")).message(reason);
        let open_result =
            project.open().and_then(|project| project.map_or(Ok(None), |project| project.folder(folder_path)));
        let folder = open_result.map_err(|error| failure(error.to_string()))?;
        let folder = folder.ok_or_else(|| failure(format!("`{folder_path}` is not a folder of the project")))?;
        let path = self.layout.path.as_ref().map_or(DEFAULT_PATH, |path| path.as_str());
        layer::pack(&folder, path).map_err(|error| failure(format!("{folder_path}/{error}")))
    }

    /// Returns the platforms of the layout, or the platforms of its base image in the lock if the layout sets none.
    ///
    /// # Errors
    /// NS811 if neither has platforms.
    pub fn platforms(&self, lock: &Lock) -> Result<Vec<Platform>, Diagnostic> {
        if !self.layout.platforms.is_empty() {
            return Ok(self.layout.platforms.clone());
        }
        // The lock has entries by names without digests.
        let base = self.layout.base.as_ref().map(|base| ImageName { digest: None, ..ImageName::new(base) }.to_string());
        let pin = base.and_then(|base| lock.images.get(&base));
        let platform_names = pin.into_iter().flat_map(|pin| pin.platforms.keys());
        let platforms: Vec<Platform> = platform_names.filter_map(|name| Platform::new(name).ok()).collect();
        if platforms.is_empty() {
            return Err(Diagnostic::error(Code::Image, self.layout_field("platforms"))
                .message("the platforms of the image are unknown")
                .hint("set `layout.platforms`, or run `nself lock`, which records the platforms of the base image"));
        }
        Ok(platforms)
    }

    /// Returns the pinned name of the base image; `None` for an image without a base.
    ///
    /// # Errors
    /// NS707 if the base has no digest: its tag could name a different image tomorrow.
    pub fn base(&self) -> Result<Option<ImageName>, Diagnostic> {
        let Some(base) = self.layout.base.as_ref().map(ImageName::new) else { return Ok(None) };
        if base.digest.is_some() {
            return Ok(Some(base));
        }
        Err(Diagnostic::error(Code::Unpinned, self.base_field())
            .message(format!("the base image `{base}` is not pinned by a digest"))
            .hint("run `nself lock`, which gets the digest from the registry and writes nself.lock"))
    }

    /// Returns the field that names the base image.
    pub fn base_field(&self) -> FieldPath {
        self.layout_field("base")
    }

    /// Builds the layout: an image for each platform, and the files next to the blobs.
    ///
    /// # Errors
    /// NS811 if a base is not an image of the OCI specification.
    pub fn build(&self, layer: &Layer, bases: BaseImages) -> Result<ImageLayout, Diagnostic> {
        self.build_layout(layer, bases).map_err(|error| {
            Diagnostic::error(Code::Image, self.base_field()).message(format!("the base image cannot be used: {error}"))
        })
    }

    fn build_layout(&self, layer: &Layer, bases: BaseImages) -> Result<ImageLayout, oci_spec::OciSpecError> {
        let BaseImages { platforms, mut blobs } = bases;
        let annotations = self.annotations();
        let content = ImageContent { layer, service: self.service, annotations: &annotations };
        let mut files = BTreeMap::new();
        let mut images = Vec::new();
        for (platform, base) in &platforms {
            let image = build::add_image(&mut blobs, platform, base.as_ref(), content)?;
            let config = runtime_config::config(self.plan, self.name, self.service, &image.config)
                .map_err(oci_spec::OciSpecError::Other)?;
            let file = format!("runtime/{}.json", platform.as_str().replace('/', "-"));
            files.insert(file, json::to_pretty(&config));
            images.push(image);
        }
        let name = self.image.name();
        let tag = self.image.tag.as_deref().unwrap_or(DEFAULT_TAG);
        let (image, index) = build::write_index(&mut blobs, &images, tag, &format!("{name}:{tag}"), &annotations)?;
        let base = self.layout.base.as_ref().map(ImageName::new);
        let materials = Materials::new(&self.image, base.as_ref(), layer);
        files.insert("index.json".into(), index);
        files.insert("manifest.json".into(), docker_manifest::manifest(&images, &name, tag));
        files.insert("oci-layout".into(), b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec());
        files.insert("sbom.spdx.json".into(), json::to_pretty(&materials.spdx()));
        files.insert("sbom.cyclonedx.json".into(), json::to_pretty(&materials.cyclonedx()));
        Ok(ImageLayout { image, files, blobs })
    }

    /// Returns the annotations of the OCI image specification, by key: title, version, and name and digest of the base.
    fn annotations(&self) -> BTreeMap<String, String> {
        let key = |name: &str| format!("org.opencontainers.image.{name}");
        let mut annotations = BTreeMap::from([(key("title"), self.name.to_string())]);
        annotations.extend(self.image.tag.clone().map(|tag| (key("version"), tag)));
        if let Some(base) = self.layout.base.as_ref().map(ImageName::new) {
            annotations.extend(base.digest.clone().map(|digest| (key("base.digest"), digest.to_string())));
            annotations.insert(key("base.name"), ImageName { digest: None, ..base }.to_string());
        }
        annotations
    }
}
