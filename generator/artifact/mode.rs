//! Modes of generated files. A file with a mode other than 0644 is in a folder that names it, such as
//! `files/orders/mode-0755/`, so every reader and writer of a path knows the mode, and the manifest needs no field for it.

/// The mode of files whose path names none.
pub const DEFAULT: u32 = 0o644;
/// The start of the name of a folder for files with a mode.
const FOLDER: &str = "mode-";
/// The bits that a path can set: no setuid, no setgid, and nothing that all users may write.
const ALLOWED: u32 = 0o775;

/// Returns the mode of the file with this path, which is `files/SERVICE/mode-NNNN/…`, with the environment in front or
/// without it.
pub fn of_path(path: &str) -> u32 {
    let mut parts = path.split('/').skip_while(|part| *part != "files").skip(2);
    let name = parts.next().filter(|_| parts.next().is_some()).and_then(|folder| folder.strip_prefix(FOLDER));
    let mode = name.filter(|digits| digits.len() == 4).and_then(|digits| u32::from_str_radix(digits, 8).ok());
    mode.map_or(DEFAULT, |mode| mode & ALLOWED)
}

/// Returns whether a file on disk has the mode of its path. Only the executable bit counts, since git keeps no other.
pub fn is_kept(path: &str, on_disk: u32) -> bool {
    let mode = of_path(path);
    mode == DEFAULT || (mode ^ on_disk) & 0o100 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_names_the_mode() {
        for (path, mode) in [
            ("prod/files/orders/mode-0755/usr/bin/x", 0o755),
            ("files/orders/mode-0555/x", 0o555),
            ("files/orders/mode-6777/x", 0o775),
            ("files/orders/x/mode-0755/y", DEFAULT),
            ("files/orders/mode-0755", DEFAULT),
            ("files/orders/mode-755/x", DEFAULT),
            ("files/orders/mode-abcd/x", DEFAULT),
            ("nginx/mode-0755/x", DEFAULT),
        ] {
            assert_eq!(of_path(path), mode, "{path}");
        }
        assert!(is_kept("files/a/mode-0755/x", 0o700) && !is_kept("files/a/mode-0755/x", 0o644));
        assert!(is_kept("files/a/x", 0o755), "other files may have any mode");
    }
}
