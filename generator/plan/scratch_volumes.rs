//! Volumes of the library without data: their services write the content again.

/// The names of these volumes, each with the file of the library that declares it.
const SCRATCH_VOLUMES: [(&str, &str); 4] = [
    ("acme-challenge", "services/acme.ncl"),
    ("backup-files-scratch", "backups/main.ncl"),
    ("backup-scratch", "backups/main.ncl"),
    ("backup-tools", "backups/main.ncl"),
];

/// Returns whether the loss of a volume with this name loses no data.
pub fn is_scratch(volume: &str) -> bool {
    SCRATCH_VOLUMES.iter().any(|(name, _)| *name == volume)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_declares_these_volumes() {
        for (volume, file) in SCRATCH_VOLUMES {
            let path = format!("{}/stdlib/{file}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                text.contains(&format!("{volume} = {{ path")) || text.contains(&format!("{volume} = {{\n")),
                "{volume}"
            );
        }
        assert!(!is_scratch("postgres-data"));
    }
}
