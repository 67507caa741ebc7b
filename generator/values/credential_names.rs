//! Names of settings whose value is a credential. A name is read as words, and its last word that says what the value is
//! decides: `PASSWORD_MIN_LENGTH` is a length.

/// Words for credentials.
const CREDENTIALS: [&str; 23] = [
    "ACCESSKEY",
    "AUTHKEY",
    "CRED",
    "CREDENTIAL",
    "CREDENTIALS",
    "CREDS",
    "ENCRYPTIONKEY",
    "JWT",
    "MASTERKEY",
    "PASS",
    "PASSCODE",
    "PASSWORDS",
    "PAT",
    "PEPPER",
    "PRIVATEKEY",
    "PW",
    "PWD",
    "SALT",
    "SECRETKEY",
    "SECRETS",
    "SIGNINGKEY",
    "TOKENS",
    "HTPASSWD",
];
/// Words that are also written as the end of another word: `PGPASSWORD`, `clientsecret`.
const ENDS: [&str; 6] = ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY"];
/// Words that say which of several credentials it is, or how it is written.
const QUALIFIERS: [&str; 26] = [
    "B",
    "BASE",
    "CURRENT",
    "DEFAULT",
    "DEV",
    "ENCODED",
    "HEX",
    "JSON",
    "LOCAL",
    "NEW",
    "NEXT",
    "OLD",
    "PEM",
    "PLAIN",
    "PREVIOUS",
    "PRIMARY",
    "PROD",
    "PRODUCTION",
    "RAW",
    "SECONDARY",
    "STAGING",
    "STR",
    "STRING",
    "TEST",
    "TEXT",
    "VALUE",
];
/// Keys that are no secret, by the word before.
const PUBLIC_KEYS: [&str; 15] = [
    "CACHE",
    "DEDUPLICATION",
    "FOREIGN",
    "GROUP",
    "IDEMPOTENCY",
    "MESSAGE",
    "OBJECT",
    "PARTITION",
    "PRIMARY",
    "PUBLIC",
    "PUBLISHABLE",
    "ROUTING",
    "SITE",
    "SORT",
    "TRANSLATION",
];
/// Counts of tokens, by the word before.
const COUNTS: [&str; 6] = ["COUNT", "LIMIT", "MAX", "MAXIMUM", "MIN", "NUM"];

/// Whether a setting of this name holds a credential.
pub fn is_credential(name: &str) -> bool {
    let words = words(name);
    let mut end = words.len();
    // `PRIMARY_KEY` of a table and `KEY_PRIMARY` of two: a qualifier alone is no evidence.
    while end > 1 && QUALIFIERS.contains(&words[end - 1].as_str()) {
        end -= 1;
    }
    let Some(last) = end.checked_sub(1).map(|last| words[last].as_str()) else { return false };
    let before = |others: &[&str]| end > 1 && others.contains(&words[end - 2].as_str());
    match last {
        "KEY" | "KEYS" => !before(&PUBLIC_KEYS),
        "TOKENS" => !before(&COUNTS),
        last => CREDENTIALS.contains(&last) || ENDS.iter().any(|word| last.ends_with(word)),
    }
}

/// Whether a text can be no credential whatever its name says: nothing, a switch, or the place of a file.
pub fn is_harmless(text: &str) -> bool {
    const SWITCHES: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "enabled", "disabled"];
    const FILES: [&str; 8] = [".pem", ".key", ".crt", ".json", ".p8", ".p12", ".pub", ".txt"];
    let is_file = || {
        text.starts_with('/')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
            && FILES.iter().any(|end| text.ends_with(end))
    };
    text.is_empty() || SWITCHES.iter().any(|word| text.eq_ignore_ascii_case(word)) || is_file()
}

/// The words of a name in capitals: divided at every sign that is no letter, and where small letters go over to capitals
/// (`dbPassword`), or capitals to a capitalised word (`DBPassword`).
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(at + 1);
        let starts = letter.is_ascii_uppercase()
            && (before.is_some_and(|c| c.is_ascii_lowercase())
                || before.is_some_and(|c| c.is_ascii_uppercase()) && after.is_some_and(char::is_ascii_lowercase));
        if starts || !letter.is_ascii_alphabetic() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (letter.is_ascii_alphabetic(), words.last_mut()) {
            word.push(letter.to_ascii_uppercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials_are_distinguished_from_others() {
        let credentials = "POSTGRES_PASSWORD PGPASSWORD MYSQL_PWD AUTH_SMTP_PASS DB_PW dbPw db_password dbPassword \
            DBPassword databasePASSWORD db-password KEY_PASSPHRASE SSH_KEY_PASSPHRASE keyPassphrase FTP_PASSWD ftpPasswd \
            PASSWD PASSWORD PASSWORD1 PASSWORD_2 ADMIN_PASSWORD_OLD API_KEY apiKey APIKey APIKEY X_API_KEY \
            API_KEY_PROD STRIPE_APIKEY JWT SERVICE_JWT serviceJwt JWT_SECRET HASURA_GRAPHQL_JWT_SECRET JWT_KEY \
            GITHUB_TOKEN githubToken ACCESSTOKEN authtoken REFRESH_TOKENS SECRET_KEY_BASE SECRET_KEY secretKey \
            CLIENT_SECRET clientsecret AWS_SECRET_ACCESS_KEY PRIVATE_KEY PRIVATE_KEY_BASE64 privateKeyPem \
            MASTERKEY GOOGLE_CREDENTIALS googleCreds SESSION_SALT AUTH_PEPPER S3_SECRET2 GITLAB_PAT ENCRYPTION_KEYS \
            TOKEN token Secret MINIO_ROOT_PASSWORD smtpPass HTPASSWD";
        let others = "AUTH_PASSWORD_MIN_LENGTH PASSWORD_MIN_LENGTH passwordMinLength AUTH_PASSWORD_HIBP_ENABLED \
            JWT_ALGORITHM jwtAlgorithm JWT_ISSUER JWT_EXPIRES_IN JWT_KEY_ID TOKEN_URL tokenUrl TOKEN_TTL TOKEN_ENDPOINT \
            POSTGRES_PASSWORD_FILE passwordFile SECRET_PATH SECRET_NAME KEYCLOAK_URL KEYSPACE MONKEY TURKEY_REGION \
            JWT_PUBLIC_KEY publicKey STRIPE_PUBLISHABLE_KEY RECAPTCHA_SITE_KEY PARTITION_KEY IDEMPOTENCY_KEY \
            CACHE_KEY MAX_TOKENS MAX_TOKENS_DEFAULT COMPASS BYPASS BYPASS_CACHE PASSIVE_MODE COMPASS_URL PWDIR \
            AUTH_EMAIL_PASSWORDLESS_ENABLED AUTH_ACCESS_TOKEN_EXPIRES_IN AUTH_PROVIDER_APPLE_KEY_ID PASSPORT_STRATEGY \
            HASURA_GRAPHQL_DYNAMIC_SECRETS_ALLOWED_PATH_PREFIX TOKENIZER TOKENIZERS_PARALLELISM PATH PATTERN SPATIAL \
            AUTHOR AUTH_HOST PORT DATABASE_HOST KEY_PREFIX CREDENTIALS_HELPER SALTED_HASH_ROUNDS DEFAULT PRIMARY PWA_NAME";
        let (credentials, others): (Vec<&str>, Vec<&str>) =
            (credentials.split_whitespace().collect(), others.split_whitespace().collect());
        assert!(credentials.len() >= 60 && others.len() >= 50, "{} {}", credentials.len(), others.len());
        let wrong = |names: &[&str], is: bool| -> Vec<String> {
            names.iter().filter(|name| is_credential(name) != is).map(|name| (*name).to_owned()).collect()
        };
        assert_eq!((wrong(&credentials, true), wrong(&others, false)), (Vec::new(), Vec::new()));
    }

    #[test]
    fn switches_and_places_of_files_are_harmless() {
        for text in ["", "true", "No", "/etc/tls/server.key", "/run/secrets/token.txt"] {
            assert!(is_harmless(text), "{text}");
        }
        for text in ["tulip", "1234", "/aB3+x9==", "/opt/tulip", "/a b.key", "truely"] {
            assert!(!is_harmless(text), "{text}");
        }
    }
}
