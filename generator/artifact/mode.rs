//! Modes of generated files. A file with a mode other than 0644 is in a folder that names it, such as
//! `files/orders/mode-0755/`, so every reader and writer of a path knows the mode, and the manifest needs no field for it.

use crate::values::FileMode;

/// The mode of files whose path names no mode.
pub const DEFAULT: u32 = 0o644;
/// The bits that a path can set: no setuid, no setgid, and nothing that all users may write.
const ALLOWED_BITS: u32 = 0o775;

/// Returns the mode of the file with this path in the output folder: `ENVIRONMENT/files/SERVICE/mode-NNNN/…`.
pub fn of_path(path: &str) -> u32 {
    path.split_once('/').map_or(DEFAULT, |(_, source)| of_source(source))
}

/// Returns the mode of the file with this path in the folder of an environment: `files/SERVICE/mode-NNNN/…`.
pub fn of_source(source: &str) -> u32 {
    let parts: Vec<&str> = source.split('/').collect();
    let ["files", _, folder, _, ..] = parts.as_slice() else { return DEFAULT };
    let digits = folder.strip_prefix(FileMode::FOLDER);
    let mode = digits.filter(|digits| digits.len() == 4).and_then(|digits| u32::from_str_radix(digits, 8).ok());
    mode.map_or(DEFAULT, |mode| mode & ALLOWED_BITS)
}

/// Returns whether a file on disk has the mode of its path; a file whose path names no mode may have any mode. Only the
/// executable bit is compared, since git records no other bit.
pub fn is_kept(path: &str, mode_on_disk: u32) -> bool {
    let mode = of_path(path);
    mode == DEFAULT || (mode ^ mode_on_disk) & 0o100 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_names_the_mode() {
        for (path, mode) in [
            ("files/orders/mode-0755/usr/bin/x", 0o755),
            ("files/files/mode-0755/x", 0o755),
            ("files/orders/mode-0555/x", 0o555),
            ("files/orders/mode-6777/x", 0o775),
            ("files/orders/x/mode-0755/y", DEFAULT),
            ("files/orders/mode-0755", DEFAULT),
            ("files/orders/mode-755/x", DEFAULT),
            ("files/orders/mode-abcd/x", DEFAULT),
            ("nginx/mode-0755/x", DEFAULT),
        ] {
            assert_eq!(of_source(path), mode, "{path}");
            // The name of the environment does not matter, not even that of the folder of files.
            for environment in ["prod", "files"] {
                assert_eq!(of_path(&format!("{environment}/{path}")), mode, "{environment}/{path}");
            }
        }
        assert_eq!(of_path("files/orders/mode-0755/x"), DEFAULT, "the path of a different folder in an environment");
        assert!(is_kept("prod/files/a/mode-0755/x", 0o700) && !is_kept("prod/files/a/mode-0755/x", 0o644));
        assert!(is_kept("prod/files/a/x", 0o755), "other files may have any mode");
    }
}
