//! Tests of rendered templates: text of the user stays one value, and invalid values are refused.

use super::*;
use minijinja::context;

fn render(language: Language, template: &'static str, view: impl Serialize) -> Result<String, Diagnostic> {
    Template::new(language, template).render(view)
}

#[test]
fn a_template_keeps_nothing_of_an_earlier_view() {
    static TEMPLATE: Template = Template::new(Language::Nginx, "{% if x %}{{ x }}{% endif %};");
    for (view, text) in [(context! { x => 1 }, "1;"), (context! { x => 0 }, ";"), (context! { x => 2 }, "2;")] {
        assert_eq!(TEMPLATE.render(view).unwrap(), text);
    }
    assert_eq!(TEMPLATE.render(context! {}).unwrap_err().code, Code::Internal);
    static BROKEN: Template = Template::new(Language::Nginx, "{% if %}");
    assert_eq!(BROKEN.render(context! {}).unwrap_err().code, Code::Internal);
}

#[test]
fn tokens_and_numbers_are_rendered() {
    let view = context! { host => nginx(&Host::wrap("a.example.com".into())), port => 80 };
    assert_eq!(render(Language::Nginx, "{{ host }}:{{ port }};", view).unwrap(), "a.example.com:80;");
}

#[test]
fn a_path_pattern_matches_whole_segments() {
    let pattern = |path: &str| {
        render(Language::Nginx, "{{ x }}", context! { x => nginx_path_pattern(&UrlPath::wrap(path.into())) }).unwrap()
    };
    assert_eq!(pattern("/v1.0/c++"), "/v1\\.0(?:;[^/]*)?/c\\+\\+(?:;[^/]*)?");
    assert_eq!(pattern("/admin/"), pattern("/admin"));
    assert_eq!(pattern("/"), "");
    let location_of = |path: &str, ignores_case: bool| {
        let argument = nginx_location(&UrlPath::wrap(path.into()), ignores_case);
        render(Language::Nginx, "{{ x }}", context! { x => argument }).unwrap()
    };
    let location = |path: &str| location_of(path, false);
    assert_eq!(location_of("/wiki", true), "~* \"^/wiki(?:;[^/]*)?(?:/|$)\"");
    assert_eq!(location("/"), "/");
    assert_eq!(location("/v1.0"), "~ \"^/v1\\.0(?:;[^/]*)?(?:/|$)\"");
    assert_eq!(location("/files/"), "~ \"^/files(?:;[^/]*)?/\"");
}

#[test]
fn unchecked_values_and_tokens_of_other_languages_and_undefined_names_are_errors() {
    for view in [
        context! { x => "a; } server {" },
        context! { x => sql_name(&SqlIdent::wrap("shop".into())) },
        context! { x => 1.5 },
        context! { x => true },
        context! { y => 1 },
        context! { x => vec![1] },
    ] {
        assert_eq!(render(Language::Nginx, "{{ x }}", view).unwrap_err().code, Code::Internal);
    }
}

proptest::proptest! {
    /// A text that is not a token of the template's language is always refused.
    #[test]
    fn a_template_refuses_every_text(text in proptest::prelude::any::<String>()) {
        for language in [Language::Nginx, Language::Sql, Language::Ini, Language::AccessRules] {
            let refused = render(language, "a {{ x }} b", context! { x => text.clone() });
            proptest::prop_assert!(refused.is_err());
        }
    }
}
