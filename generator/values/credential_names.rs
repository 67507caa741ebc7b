//! Recognises settings whose value is a credential by their names. A name is split into words. The last word
//! that is not a qualifier determines the result: `PASSWORD_OLD` is a credential, `PASSWORD_MIN_LENGTH` is a length.

/// Words that name a credential. Their plurals name several.
const CREDENTIALS: [&str; 18] = [
    "ACCESSKEY",
    "AUTHKEY",
    "CRED",
    "CREDENTIAL",
    "ENCRYPTIONKEY",
    "JWT",
    "MASTERKEY",
    "PASS",
    "PASSCODE",
    "PAT",
    "PEPPER",
    "PRIVATEKEY",
    "PW",
    "PWD",
    "SALT",
    "SECRETKEY",
    "SIGNINGKEY",
    "HTPASSWD",
];
/// Words that name a credential also as the end of a longer word: `PGPASSWORD`, `clientsecret`.
const CREDENTIAL_SUFFIXES: [&str; 6] = ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY"];
/// Words after the name of a credential that select one of several credentials, or name its encoding. Digits separate
/// words, so `B64` is the word `B`, and `V2` is the word `V`.
const QUALIFIERS: [&str; 32] = [
    "B",
    "BACKUP",
    "BASE",
    "CURRENT",
    "DEFAULT",
    "DEV",
    "ENCODED",
    "FALLBACK",
    "HEX",
    "JSON",
    "LEGACY",
    "LIVE",
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
    "SANDBOX",
    "SECONDARY",
    "STAGING",
    "STR",
    "STRING",
    "TEST",
    "TEXT",
    "V",
    "VALUE",
];
/// Words before `KEY` that make it a key without a secret.
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
/// Words before `AUTH` that make it the password of a server: `REDIS_AUTH`.
const SERVERS: [&str; 6] = ["DRAGONFLY", "KEYDB", "REDIS", "REDISCLI", "SENTINEL", "VALKEY"];
/// Words before `TOKENS`, or at the start of the same word, that make it a number of tokens.
const COUNTS: [&str; 6] = ["COUNT", "LIMIT", "MAX", "MAXIMUM", "MIN", "NUM"];

/// Returns whether the value of a setting with this name is a credential.
pub fn is_credential(name: &str) -> bool {
    let words = words(name);
    let mut end = words.len();
    // The first word is never skipped: a name that consists of qualifiers is not a credential.
    while end > 1 && QUALIFIERS.contains(&words[end - 1].as_str()) {
        end -= 1;
    }
    let Some(last_word) = end.checked_sub(1).map(|index| words[index].as_str()) else { return false };
    let follows_one_of = |list: &[&str]| end > 1 && list.contains(&words[end - 2].as_str());
    match last_word {
        "KEY" | "KEYS" => !follows_one_of(&PUBLIC_KEYS),
        "AUTH" => follows_one_of(&SERVERS),
        _ if last_word.ends_with("TOKENS") => {
            !follows_one_of(&COUNTS) && !COUNTS.iter().any(|count| last_word.starts_with(count))
        }
        _ => names_credential(last_word) || last_word.strip_suffix('S').is_some_and(names_credential),
    }
}

/// Returns whether a word, which is not a plural, names a credential.
fn names_credential(word: &str) -> bool {
    CREDENTIALS.contains(&word) || CREDENTIAL_SUFFIXES.iter().any(|suffix| word.ends_with(suffix))
}

/// Returns whether a setting with this name has a credential in plain text as its value.
pub fn is_plain_credential(name: &str, text: &str) -> bool {
    is_credential(name) && !is_harmless(text)
}

/// Returns whether a text cannot be a credential, regardless of the name of its setting: an empty text, a switch or a
/// file path.
pub fn is_harmless(text: &str) -> bool {
    const SWITCHES: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "enabled", "disabled"];
    const EXTENSIONS: [&str; 8] = [".pem", ".key", ".crt", ".json", ".p8", ".p12", ".pub", ".txt"];
    let is_file = || {
        text.starts_with('/')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
            && EXTENSIONS.iter().any(|extension| text.ends_with(extension))
    };
    text.is_empty() || SWITCHES.iter().any(|word| text.eq_ignore_ascii_case(word)) || is_file()
}

/// Returns the words of a name, in capitals. A name is split at every character other than a letter, between a small
/// and a capital letter (`dbPassword` is `DB` and `PASSWORD`), and between two capitals if a small letter follows them
/// (`DBPassword` is split before the `P`).
fn words(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (i, character) in characters.iter().enumerate() {
        let previous = i.checked_sub(1).map(|index| characters[index]);
        let next = characters.get(i + 1);
        let follows_small_letter = previous.is_some_and(|c| c.is_ascii_lowercase());
        let is_last_capital =
            previous.is_some_and(|c| c.is_ascii_uppercase()) && next.is_some_and(char::is_ascii_lowercase);
        let starts_word = character.is_ascii_uppercase() && (follows_small_letter || is_last_capital);
        if starts_word || !character.is_ascii_alphabetic() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (character.is_ascii_alphabetic(), words.last_mut()) {
            word.push(character.to_ascii_uppercase());
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
            TOKEN token Secret MINIO_ROOT_PASSWORD smtpPass HTPASSWD REDIS_AUTH REDISCLI_AUTH redisAuth \
            STRIPE_API_KEY_V2 stripeApiKeyV2 API_KEY_LIVE API_KEY_SANDBOX TOKEN_V1 JWT_SECRET_V3 DB_PASSWORD_BACKUP APIKEYS \
            API_KEYS apiKeys STRIPE_APIKEYS MASTERKEYS PRIVATEKEYS SECRETKEYS CLIENT_SECRETS clientsecrets ACCESSTOKENS \
            DB_PASSWORDS PASSPHRASES SESSION_SALTS CREDS USER_CREDENTIALS JWTS";
        let others = "AUTH_PASSWORD_MIN_LENGTH PASSWORD_MIN_LENGTH passwordMinLength AUTH_PASSWORD_HIBP_ENABLED \
            JWT_ALGORITHM jwtAlgorithm JWT_ISSUER JWT_EXPIRES_IN JWT_KEY_ID TOKEN_URL tokenUrl TOKEN_TTL TOKEN_ENDPOINT \
            POSTGRES_PASSWORD_FILE passwordFile SECRET_PATH SECRET_NAME KEYCLOAK_URL KEYSPACE MONKEY TURKEY_REGION \
            JWT_PUBLIC_KEY publicKey STRIPE_PUBLISHABLE_KEY RECAPTCHA_SITE_KEY PARTITION_KEY IDEMPOTENCY_KEY \
            CACHE_KEY MAX_TOKENS MAX_TOKENS_DEFAULT COMPASS BYPASS BYPASS_CACHE PASSIVE_MODE COMPASS_URL PWDIR \
            AUTH_EMAIL_PASSWORDLESS_ENABLED AUTH_ACCESS_TOKEN_EXPIRES_IN AUTH_PROVIDER_APPLE_KEY_ID PASSPORT_STRATEGY \
            HASURA_GRAPHQL_DYNAMIC_SECRETS_ALLOWED_PATH_PREFIX TOKENIZER TOKENIZERS_PARALLELISM PATH PATTERN SPATIAL \
            AUTHOR AUTH_HOST PORT DATABASE_HOST KEY_PREFIX CREDENTIALS_HELPER SALTED_HASH_ROUNDS DEFAULT PRIMARY PWA_NAME AUTH BASIC_AUTH SMTP_AUTH \
            REDIS_AUTH_ENABLED KEYBOARD KEYBOARDS KEYCLOAK_URL_V2 MONKEYS TURKEYS PUBLIC_KEY PUBLIC_KEY_V2 PUBLIC_KEYS \
            MAXTOKENS maxtokens MAX_TOKENS_V2 API_V2 VERSION_V2 COMPASSES BYPASSES PATHS PATCHES DISPATCH V2 V LIVE BACKUP \
            SECRETS_BACKUP_PATH API_KEY_VERSION JWT_KEYS_URL";
        let (credentials, others): (Vec<&str>, Vec<&str>) =
            (credentials.split_whitespace().collect(), others.split_whitespace().collect());
        assert!(credentials.len() >= 60 && others.len() >= 50, "{} {}", credentials.len(), others.len());
        let wrong = |names: &[&str], expected: bool| -> Vec<String> {
            names.iter().filter(|name| is_credential(name) != expected).map(|name| (*name).to_owned()).collect()
        };
        assert_eq!((wrong(&credentials, true), wrong(&others, false)), (Vec::new(), Vec::new()));
    }

    #[test]
    fn switches_and_file_paths_are_harmless() {
        for text in ["", "true", "No", "/etc/tls/server.key", "/run/secrets/token.txt"] {
            assert!(is_harmless(text), "{text}");
        }
        for text in ["tulip", "1234", "/aB3+x9==", "/opt/tulip", "/a b.key", "truely"] {
            assert!(!is_harmless(text), "{text}");
        }
    }
}
