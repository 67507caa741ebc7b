//! Paths as text, compared with folders name by name: `/data-old` is not in `/data`.

/// Returns whether a path is the folder or is below it. A `/` at the end of either changes nothing; the folder `/` contains
/// every absolute path.
pub fn is_in_folder(path: &str, folder: &str) -> bool {
    path.trim_end_matches('/') == folder.trim_end_matches('/') || is_below_folder(path, folder)
}

/// Returns whether a path is below the folder.
pub fn is_below_folder(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_contains_itself_and_what_is_below_it() {
        for (path, folder) in
            [("/data", "/data"), ("/data/", "/data"), ("/data/a", "/data/"), ("/data", "/"), ("/", "/")]
        {
            assert!(is_in_folder(path, folder), "{path} in {folder}");
        }
        for (path, folder) in [("/data-old", "/data"), ("/data", "/data/a"), ("/", "/data"), ("data", "/")] {
            assert!(!is_in_folder(path, folder), "{path} in {folder}");
        }
        assert!(is_below_folder("/data/a", "/data") && is_below_folder("deploy/a", "deploy"));
        assert!(!is_below_folder("/data", "/data") && !is_below_folder("/data/", "/data"));
    }
}
