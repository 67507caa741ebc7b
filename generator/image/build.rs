//! Writes the configuration, manifest and index of an image. The configuration is a copy of the base image's
//! configuration, to which the settings of the planned service are applied.

// Types of the image specification contain hash maps. The canonical JSON writer sorts their keys.
#![allow(clippy::disallowed_types)]

use std::collections::{BTreeMap, HashMap};

use oci_spec::OciSpecError;
use oci_spec::image::{
    Config, DescriptorBuilder, Digest, HistoryBuilder, ImageConfiguration, ImageIndexBuilder, ImageManifest,
    ImageManifestBuilder, MediaType, PlatformBuilder, RootFs,
};
use serde_json::{Value, json};

use super::layer::Layer;
use super::{Blobs, EPOCH};
use crate::artifact::Sha256;
use crate::plan::Service;
use crate::values::Platform;

/// A base image of one platform.
#[derive(Debug, Clone)]
pub struct Base {
    pub manifest: ImageManifest,
    pub config: ImageConfiguration,
}

/// The base image of each platform, and the blobs of all base images.
#[derive(Debug, Clone, Default)]
pub struct BaseImages {
    /// Each platform with its base image; `None` for an image without a base.
    pub platforms: Vec<(Platform, Option<Base>)>,
    pub blobs: Blobs,
}

impl BaseImages {
    /// Returns the bases of an image without a base.
    pub fn none(platforms: &[Platform]) -> Self {
        let platforms = platforms.iter().map(|platform| (platform.clone(), None)).collect();
        BaseImages { platforms, blobs: Blobs::default() }
    }
}

/// The part of an image that is the same on all platforms.
#[derive(Clone, Copy)]
pub struct ImageContent<'a> {
    pub layer: &'a Layer,
    pub service: &'a Service,
    pub annotations: &'a BTreeMap<String, String>,
}

/// The image of one platform.
#[derive(Debug, Clone)]
pub struct Image {
    pub platform: Platform,
    pub descriptor: Descriptor,
    pub manifest: ImageManifest,
    pub config: ImageConfiguration,
}

/// A reference to a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub media_type: MediaType,
    pub digest: Sha256,
    /// Size in bytes.
    pub size: u64,
}

impl Descriptor {
    /// Returns the descriptor of the specification. Only an entry of an index has a platform.
    fn build(&self, platform: Option<&Platform>) -> Result<oci_spec::image::Descriptor, OciSpecError> {
        let digest: Digest = self.digest.as_str().parse()?;
        let builder = DescriptorBuilder::default().media_type(self.media_type.clone()).digest(digest).size(self.size);
        match platform {
            None => builder.build(),
            Some(platform) => {
                let (os, architecture, variant) = split_platform(platform);
                let mut platform_builder = PlatformBuilder::default().os(os).architecture(architecture);
                if let Some(variant) = variant {
                    platform_builder = platform_builder.variant(variant);
                }
                builder.platform(platform_builder.build()?).build()
            }
        }
    }
}

/// Splits a platform into operating system, processor and variant: `linux/arm64/v8` into `linux`, `arm64` and `v8`.
pub fn split_platform(platform: &Platform) -> (&str, &str, Option<&str>) {
    let mut parts = platform.as_str().splitn(3, '/');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next())
}

/// Adds the configuration, the new layer and the manifest of one platform's image to the blobs, and returns the image.
///
/// # Errors
/// The base is not an image of the OCI specification.
pub fn add_image(
    blobs: &mut Blobs,
    platform: &Platform,
    base: Option<&Base>,
    content: ImageContent,
) -> Result<Image, OciSpecError> {
    let ImageContent { layer, service, annotations } = content;
    let config = image_configuration(platform, base, content)?;
    let mut config_json = serde_json::to_value(&config).unwrap_or_default();
    config_json["config"]["Healthcheck"] = healthcheck(service);
    let (config_digest, config_size) = blobs.add_json(&config_json);
    let config_descriptor = Descriptor { media_type: MediaType::ImageConfig, digest: config_digest, size: config_size };
    let layer_size = layer.packed.len() as u64;
    let layer_digest = blobs.add(layer.packed.clone());
    let layer_descriptor = Descriptor { media_type: MediaType::ImageLayerGzip, digest: layer_digest, size: layer_size };
    let mut layers: Vec<_> =
        base.map(|base| base.manifest.layers().iter().map(with_oci_type).collect()).unwrap_or_default();
    layers.push(layer_descriptor.build(None)?);
    let manifest = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .config(config_descriptor.build(None)?)
        .layers(layers)
        .annotations(annotations.clone().into_iter().collect::<HashMap<_, _>>())
        .build()?;
    let (digest, size) = blobs.add_json(&manifest);
    let descriptor = Descriptor { media_type: MediaType::ImageManifest, digest, size };
    Ok(Image { platform: platform.clone(), descriptor, manifest, config })
}

/// Returns the descriptor of a layer with the media type of the OCI specification instead of Docker's.
fn with_oci_type(layer: &oci_spec::image::Descriptor) -> oci_spec::image::Descriptor {
    let mut layer = layer.clone();
    match layer.media_type().as_ref() {
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => layer.set_media_type(MediaType::ImageLayerGzip),
        "application/vnd.docker.image.rootfs.diff.tar" => layer.set_media_type(MediaType::ImageLayer),
        _ => &mut layer,
    };
    layer
}

/// Returns the configuration of the image: that of the base, with the platform, the settings of the service, and the
/// layer after the layers of the base.
fn image_configuration(
    platform: &Platform,
    base: Option<&Base>,
    content: ImageContent,
) -> Result<ImageConfiguration, OciSpecError> {
    let mut configuration = base.map(|base| base.config.clone()).unwrap_or_default();
    let (os, architecture, variant) = split_platform(platform);
    configuration.set_os(os.into());
    configuration.set_architecture(architecture.into());
    configuration.set_variant(variant.map(str::to_owned));
    configuration.set_created(Some(EPOCH.to_owned()));
    configuration.set_author(None);
    let base_config = configuration.config().clone().unwrap_or_default();
    configuration.set_config(Some(container_config(base_config, content)));
    let mut root_file_system: RootFs = configuration.rootfs().clone();
    root_file_system.set_typ("layers".to_owned());
    let mut diff_ids = root_file_system.diff_ids().clone();
    diff_ids.push(content.layer.diff_id.to_string());
    root_file_system.set_diff_ids(diff_ids);
    configuration.set_rootfs(root_file_system);
    let mut history = configuration.history().clone().unwrap_or_default();
    history.push(HistoryBuilder::default().created(EPOCH).created_by("nself image").build()?);
    configuration.set_history(Some(history));
    Ok(configuration)
}

/// Applies the container settings of the service to the base image's settings.
fn container_config(mut config: Config, ImageContent { service, annotations, .. }: ImageContent) -> Config {
    let to_strings = |texts: &[crate::values::Text]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    if let Some(entrypoint) = &service.entrypoint {
        config.set_entrypoint(Some(to_strings(entrypoint)));
        // The command of the base image has arguments for the entrypoint of the base image.
        config.set_cmd(None);
    }
    if let Some(command) = &service.command {
        config.set_cmd(Some(to_strings(command)));
    }
    if let Some(user) = &service.user {
        config.set_user(Some(user.to_string()));
    }
    if let Some(folder) = &service.working_dir {
        config.set_working_dir(Some(folder.to_string()));
    }
    if let Some(signal) = &service.stop_signal {
        config.set_stop_signal(Some(signal.to_string()));
    }
    let mut ports: Vec<String> = config.exposed_ports().clone().unwrap_or_default();
    ports.extend(service.ports.values().map(|port| format!("{port}/tcp")));
    ports.sort();
    ports.dedup();
    config.set_exposed_ports(Some(ports).filter(|ports| !ports.is_empty()));
    let mut labels = config.labels().clone().unwrap_or_default();
    labels.extend(annotations.clone());
    config.set_labels(Some(labels));
    config
}

/// Returns the health check. The field is an extension of Docker, which other runtimes ignore.
fn healthcheck(service: &Service) -> Value {
    let health = &service.health;
    // Durations of the plan are in milliseconds.
    let nanoseconds = |time: crate::values::Duration| time.0 * 1_000_000;
    match health.check.command() {
        // `NONE` also turns off a health check of the base image.
        None => json!({ "Test": ["NONE"] }),
        Some(command) => json!({
            "Test": std::iter::once("CMD".to_owned()).chain(command).collect::<Vec<_>>(),
            "Interval": nanoseconds(health.interval),
            "Timeout": nanoseconds(health.timeout),
            "StartPeriod": nanoseconds(health.start_period),
            "StartInterval": nanoseconds(health.start_interval),
            "Retries": health.retries,
        }),
    }
}

/// Returns the descriptor of the image and the bytes of `index.json`, which refers to it. With one platform, the image
/// is the platform's image; with several, it is an index of the platforms' images, which is added to the blobs.
///
/// # Errors
/// A required field is missing, which checked values cannot cause.
pub fn write_index(
    blobs: &mut Blobs,
    images: &[Image],
    tag: &str,
    reference: &str,
    annotations: &BTreeMap<String, String>,
) -> Result<(Descriptor, Vec<u8>), OciSpecError> {
    let platform_entries: Result<Vec<_>, _> =
        images.iter().map(|image| image.descriptor.build(Some(&image.platform))).collect();
    let platform_index = ImageIndexBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageIndex)
        .manifests(platform_entries?)
        .annotations(annotations.clone().into_iter().collect::<HashMap<_, _>>())
        .build()?;
    let image = match images {
        [single] => single.descriptor.clone(),
        _ => {
            let (digest, size) = blobs.add_json(&platform_index);
            Descriptor { media_type: MediaType::ImageIndex, digest, size }
        }
    };
    let mut layout_entry = match images {
        [single] => single.descriptor.build(Some(&single.platform))?,
        _ => image.build(None)?,
    };
    // The first annotation is the tag. containerd, and engines based on it, load the image under the second name.
    let names = HashMap::from([
        ("org.opencontainers.image.ref.name".to_owned(), tag.to_owned()),
        ("io.containerd.image.name".to_owned(), reference.to_owned()),
    ]);
    layout_entry.set_annotations(Some(names));
    let layout_index = ImageIndexBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageIndex)
        .manifests(vec![layout_entry])
        .build()?;
    Ok((image, crate::artifact::json::to_canonical(&layout_index)))
}
