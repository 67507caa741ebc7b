//! Tests of findings about variables.

use super::*;

#[test]
fn the_catalogue_is_readable() {
    assert!(CATALOGUE.images["hasura"].len() > 50);
    assert!(CATALOGUE.ignored.values().map(BTreeMap::len).sum::<usize>() >= 5);
}

/// Lists every variable of the catalogue that is taken for a credential, so that a new one is noticed.
#[test]
fn only_these_variables_of_the_catalogue_are_credentials() {
    let names: std::collections::BTreeSet<&str> =
        CATALOGUE.images.values().flatten().map(String::as_str).filter(|name| is_credential(name)).collect();
    let providers = [
        "APPLE_PRIVATE_KEY",
        "AZUREAD_CLIENT_SECRET",
        "BITBUCKET_CLIENT_SECRET",
        "DISCORD_CLIENT_SECRET",
        "FACEBOOK_CLIENT_SECRET",
        "GITHUB_CLIENT_SECRET",
        "GITLAB_CLIENT_SECRET",
        "GOOGLE_CLIENT_SECRET",
        "LINKEDIN_CLIENT_SECRET",
        "SPOTIFY_CLIENT_SECRET",
        "STRAVA_CLIENT_SECRET",
        "TWITCH_CLIENT_SECRET",
        "TWITTER_CONSUMER_KEY",
        "TWITTER_CONSUMER_SECRET",
        "WINDOWS_LIVE_CLIENT_SECRET",
        "WORKOS_CLIENT_SECRET",
    ];
    let mut expected: Vec<String> = providers.iter().map(|name| format!("AUTH_PROVIDER_{name}")).collect();
    expected.extend(
            "AUTH_SMS_TWILIO_AUTH_TOKEN AUTH_SMTP_PASS AUTH_TURNSTILE_SECRET HASURA_GRAPHQL_ADMIN_SECRET \
             HASURA_GRAPHQL_JWT_SECRET MEILI_EXPERIMENTAL_PERSONALIZATION_API_KEY MEILI_MASTER_KEY MEILI_S3_ACCESS_KEY \
             MEILI_S3_SECRET_KEY MP_POP3_TLS_KEY MP_SMTP_FORWARD_PASSWORD MP_SMTP_FORWARD_SECRET MP_SMTP_KEY \
             MP_SMTP_RELAY_PASSWORD MP_SMTP_RELAY_SECRET MP_SMTP_SMTP_KEY MP_SMTP_SSL_KEY MP_SMTP_TLS_KEY MP_UI_SSL_KEY \
             MP_UI_TLS_KEY POSTGRES_PASSWORD"
                .split_whitespace()
                .map(str::to_owned),
        );
    assert_eq!(names.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn logins_in_commands_are_recognised() {
    let check = |words: &[&str]| {
        let words: Vec<Text> = words.iter().map(|word| Text::wrap((*word).to_owned())).collect();
        (0..words.len()).any(|i| holds_login(words[i].as_str(), &words[..i]))
    };
    assert!(check(&["curl", "-u", "admin:tulip", "http://localhost"]));
    assert!(check(&["sh", "-c", "/usr/bin/curl --user 'admin:tulip' http://localhost"]));
    assert!(check(&["redis-cli", "-a", "tulip", "ping"]));
    for words in [
        &["curl", "-u", "admin:$PASSWORD"] as &[&str],
        &["curl", "-u", "admin"],
        &["curl", "http://localhost", "-H", "a:b"],
        &["gosu", "-u", "1000:1000"],
        &["sh", "-c", "redis-cli -a \"$(cat /run/secrets/redis_password)\" ping"],
    ] {
        assert!(!check(words), "{words:?}");
    }
}

#[test]
fn credentials_in_commands_are_recognised() {
    for (word, next) in [
        ("--password=x", None),
        ("--requirepass", Some("x")),
        ("--password", None),
        ("--db-password=tulip", None),
        ("--apiKey", Some("tulip")),
        ("API_KEY=tulip", None),
        ("--smtp_passwd", Some("tulip")),
    ] {
        assert!(holds_credential(word, next), "{word}");
    }
    for (word, next) in [
        ("--password-file=/run/secrets/x", None),
        ("--password=/run/secrets/x", None),
        ("--token", Some("/run/secrets/x")),
        ("--tls-key=/certs/server.key", None),
        ("--tls-key", Some("/certs/key")),
        ("--with-token", Some("--other")),
        ("--with-token", None),
        ("--api-key=$KEY", None),
        ("REDISCLI_AUTH=\"$(cat /run/secrets/redis_password)\" redis-cli ping", None),
        ("token", Some("x")),
        ("SELECT token='x'", None),
    ] {
        assert!(!holds_credential(word, next), "{word}");
    }
}
