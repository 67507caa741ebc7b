//! Checks that several text types share, and the type of free text.

use std::fmt;

use serde::{Serialize, Serializer};

use super::checked::{Checked, checked};
use crate::codes::Code;
use crate::words;

/// Returns the reason why a text is refused; `None` if it has 1 to `max` bytes, `may_begin` accepts its first
/// character, and `may_follow` accepts all other characters. `alphabet` describes the allowed characters, for the
/// message.
pub(crate) fn alphabet_refusal(
    text: &str,
    max: usize,
    alphabet: &str,
    may_begin: fn(char) -> bool,
    may_follow: fn(char) -> bool,
) -> Option<String> {
    if text.is_empty() {
        return Some("it is empty".into());
    }
    if text.len() > max {
        return Some(format!("it has {} bytes, but at most {max} are allowed", text.len()));
    }
    for (i, c) in text.chars().enumerate() {
        let is_allowed = if i == 0 { may_begin(c) } else { may_follow(c) };
        if !is_allowed && i == 0 && may_follow(c) {
            return Some(format!(
                "it begins with {}, which is not allowed as the first character; use {alphabet}",
                describe_character(c)
            ));
        }
        if !is_allowed {
            return Some(format!("{} at character {} is not allowed; use {alphabet}", describe_character(c), i + 1));
        }
    }
    None
}

/// Returns a character as text for a message. A character other than a blank and visible ASCII is written as its
/// number, such as `U+202E`, so that it cannot change the output.
pub(crate) fn describe_character(c: char) -> String {
    match c {
        ' ' => "a space".into(),
        c if c.is_ascii_graphic() => format!("`{c}`"),
        c => format!("U+{:04X}", c as u32),
    }
}

pub(super) fn is_lower(c: char) -> bool {
    c.is_ascii_lowercase()
}

pub(super) fn is_lower_or_digit(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// Returns the reason to refuse a text that has more than `max` bytes or an invisible character.
pub(crate) fn invisible_character_refusal(text: &str, max: usize) -> Option<String> {
    if text.len() > max {
        return Some(format!("it has {} bytes, but at most {max} are allowed", text.len()));
    }
    invisible_character(text).map(|c| format!("it contains the invisible character {}", describe_character(c)))
}

/// The joiner between the parts of an emoji.
const JOINER: char = '\u{200D}';

/// Returns the first character of a text that is invisible or changes the direction of writing. A joiner between two
/// emojis, and a variation selector after a visible character, are a part of what a reader sees.
fn invisible_character(text: &str) -> Option<char> {
    let mut previous = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let is_invisible = match c {
            '\n' | '\t' | ' '..='~' => false,
            JOINER => !(previous.is_some_and(is_emoji) && characters.peek().copied().is_some_and(is_emoji)),
            // Several selectors in a row can hide text.
            _ if words::is_variation_selector(c) => {
                previous.is_none_or(|previous| previous.is_whitespace() || words::is_variation_selector(previous))
            }
            _ => c.is_control() || words::is_mark(c),
        };
        if is_invisible {
            return Some(c);
        }
        previous = Some(c);
    }
    None
}

/// Returns whether a character is in the blocks of Unicode that have emojis, or selects the form of an emoji.
fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}' | '\u{FE0F}')
}

/// Returns the reason to refuse a text that is not an absolute path.
pub(super) fn absolute_path_refusal(text: &str) -> Option<String> {
    if !text.starts_with('/') {
        return Some("it does not start with `/`".into());
    }
    let alphabet = "letters, digits and `._~/@+-`";
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._~/@+-".contains(c);
    alphabet_refusal(text, 512, alphabet, |c| c == '/', allowed).or_else(|| dot_part_refusal(text))
}

/// Returns the reason to refuse a path with a part `.` or `..`, or with `//`.
pub(super) fn dot_part_refusal(text: &str) -> Option<String> {
    text.split('/')
        .any(|part| part == ".." || part == ".")
        .then(|| "the path contains `.` or `..`".into())
        .or_else(|| text.contains("//").then(|| "the path contains `//`".into()))
}

checked! {
    /// Text for a variable or an argument: visible characters, up to 32 KiB. Backends quote it for their format.
    Text, expected: "text without control characters, at most 32768 bytes", example: "info", refusal: |t| invisible_character_refusal(t, 32_768)
}

checked! {
    /// The reason for an exception, which reviewers read.
    Reason, expected: "a reason in words", example: "one server is enough", refusal: |t| reason_refusal(t)
}

/// Values of switches, which a person may write in the place of a reason.
const NO_REASONS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "none", "null"];

/// Returns why the reason for an exception is refused.
fn reason_refusal(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("it is empty".into());
    }
    if NO_REASONS.contains(&text.trim().to_ascii_lowercase().as_str()) {
        return Some("it is a setting, not a reason".into());
    }
    Text::refusal(text)
}

#[cfg(test)]
mod tests {
    use super::super::checked::{collect_refusals, take_refusals};
    use super::super::*;
    use super::*;

    #[test]
    fn a_reason_is_no_switch_and_a_label_is_not_that_of_compose() {
        assert!(Reason::refusal("True").is_some() && Reason::refusal("true to the original").is_none());
        assert!(AnnotationName::refusal("com.docker.compose.service").is_some());
        assert!(AnnotationName::refusal("com.docker.extension").is_none());
    }

    #[test]
    fn every_example_is_accepted_and_hostile_text_is_not() {
        fn check_type<T: Checked + fmt::Debug>() {
            assert!(T::new(T::EXAMPLE).is_ok(), "{}", T::EXAMPLE);
            for hostile in ["", "a\nb", "a;b", "$(id)", "${X}", "{{ x }}", "a\"b", "a'b", "../x", "a\u{0}", "\u{202E}a"]
            {
                assert!(T::new(hostile).is_err(), "{} accepts {hostile:?}", T::WHAT);
            }
        }
        check_type::<ProjectName>();
        check_type::<ServiceName>();
        check_type::<SecretName>();
        check_type::<SqlIdent>();
        check_type::<ApiRole>();
        check_type::<VariableName>();
        check_type::<Host>();
        check_type::<Subdomain>();
        check_type::<ContainerPath>();
        check_type::<UrlPath>();
        check_type::<HeaderName>();
        check_type::<Origin>();
        check_type::<WebAddress>();
        check_type::<ProjectPath>();
        check_type::<ImageRef>();
        check_type::<Platform>();
        check_type::<UserId>();
        check_type::<Cidr>();
        check_type::<Subnet>();
        check_type::<Email>();
        check_type::<Capability>();
        check_type::<Signal>();
        check_type::<Registry>();
        check_type::<Tag>();
        check_type::<Schedule>();
    }

    #[test]
    fn invisible_characters_are_refused_except_in_emojis() {
        for text in [
            "soft\u{AD}hyphen",
            "tag\u{E0041}",
            "\u{1F3F4}\u{E0067}\u{E007F}",
            "a\u{200D}b",
            "\u{1F469}\u{200D}",
            "\u{200D}\u{1F4BB}",
            "a\u{3164}b",
            "a\u{115F}",
            "a\u{34F}",
            "\u{FE0F}",
            "a \u{FE0F}",
            "a\u{FE00}\u{FE01}",
            "a\u{E0100}\u{E0101}",
            "a\u{2066}",
            "a\rb",
        ] {
            assert!(
                Text::refusal(text).is_some_and(|reason| reason.contains("the invisible character U+")),
                "{text:?}"
            );
        }
        for text in [
            "",
            "a\n\tb",
            "gr\u{FC}n \u{6F22}\u{5B57}",
            "\u{2764}\u{FE0F}",
            "1\u{FE0F}\u{20E3}",
            "\u{845B}\u{E0100}",
            "\u{1F469}\u{200D}\u{1F4BB}",
            "\u{1F469}\u{1F3FD}\u{200D}\u{1F4BB}",
            "\u{2764}\u{FE0F}\u{200D}\u{1F525}",
            "\u{1F9D1}\u{200D}\u{2695}\u{FE0F}",
        ] {
            assert_eq!(Text::refusal(text), None, "{text:?}");
        }
    }

    #[test]
    fn absolute_paths_have_no_empty_parts() {
        for path in ["/", "/data", "/data/", "/a/.b/c.."] {
            assert_eq!(ContainerPath::refusal(path), None, "{path}");
        }
        for path in ["//", "//data", "/a//b", "/data//", "/.", "/../a", "/a/./b", "data"] {
            assert!(ContainerPath::refusal(path).is_some() && UrlPath::refusal(path).is_some(), "{path}");
        }
    }

    #[test]
    fn images_are_pinned_at_least_by_tag() {
        assert!(ImageRef::new("localhost:5000/a/b:1").is_ok());
        assert!(ImageRef::new("nginx").is_err());
        assert!(ImageRef::new("localhost:5000/nginx").is_err());
        assert!(ImageRef::new("nginx:latest").is_err());
        assert!(ImageRef::new("nginx@sha256:00").is_err());
    }

    #[test]
    fn images_have_names_and_tags_that_engines_accept() {
        for image in [
            "a:_1",
            "a:1.-_",
            "ghcr.io/a.b_c__d--e/f:1",
            "my-host.example.com:5000/a/b:1",
            "10.0.0.1:5000/a:1",
            "my_team/a:1",
            "a_b.c:1",
        ] {
            assert_eq!(ImageRef::refusal(image), None, "{image}");
        }
        let digest = "0".repeat(64);
        for image in [
            "nginx:-1".to_owned(),
            format!("nginx:.1@sha256:{digest}"),
            "acme/-orders:1".to_owned(),
            "acme/orders-:1".to_owned(),
            "acme/.orders:1".to_owned(),
            format!("acme_/orders@sha256:{digest}"),
            "acme/a..b:1".to_owned(),
            "acme/a.-b:1".to_owned(),
            "acme/a___b:1".to_owned(),
            "localhost:x/a:1".to_owned(),
            "acme/a:1/b:1".to_owned(),
            "my_host.example.com/a:1".to_owned(),
            "my_host:5000/a:1".to_owned(),
        ] {
            assert!(ImageRef::refusal(&image).is_some(), "{image}");
        }
        assert!(Registry::refusal("my_host:5000").is_some());
        assert!(Registry::refusal("ghcr.io/-acme").is_some() && Registry::refusal("localhost:5000/acme").is_none());
    }

    #[test]
    fn refusals_are_collected_only_inside_collect() {
        let (value, refusals) =
            collect_refusals(|| (serde_json::from_str::<Vec<Host>>(r#"["a b", "ok", "-"]"#), take_refusals()));
        assert_eq!(value.unwrap().len(), 3);
        assert_eq!(refusals.len(), 2);
        assert!(serde_json::from_str::<Host>(r#""a b""#).is_err());
    }
}
