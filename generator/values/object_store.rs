//! Names in an object store with the S3 protocol.

use std::fmt;

use serde::{Serialize, Serializer};

use super::checked::{Checked, checked};
use super::text::{alphabet_refusal, is_lower_or_digit};
use crate::codes::Code;

checked! {
    /// The name of a bucket: 3 to 63 characters, without empty labels.
    BucketName, expected: "the name of a bucket", example: "shop-backups",
    refusal: |t| alphabet_refusal(t, 63, "a-z, 0-9, `-` and `.`, and begin with a letter or digit", is_lower_or_digit, |c| is_lower_or_digit(c) || c == '-' || c == '.')
        .or_else(|| (t.len() < 3).then(|| "it is shorter than three characters".to_owned()))
        .or_else(|| t.contains("..").then(|| "it has two dots in a row".to_owned()))
        .or_else(|| t.ends_with(['-', '.']).then(|| "it ends with neither a letter nor a digit".to_owned())),
    BadName
}
checked! {
    /// The path of a folder in a bucket, without `/` at its ends.
    ObjectPath, expected: "a folder of a bucket", example: "shop/prod",
    refusal: |t| t.split('/').find_map(|part| {
        alphabet_refusal(part, 63, "letters, digits, `-`, `_` and `.`, and begin each part with a letter or digit",
            |c| c.is_ascii_alphanumeric(), |c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    })
}
checked! {
    /// The name of a region of an object store.
    Region, expected: "a region", example: "eu-central-1",
    refusal: |t| alphabet_refusal(t, 40, "a-z, 0-9 and `-`, and begin with a letter", |c| c.is_ascii_lowercase(), |c| is_lower_or_digit(c) || c == '-')
}
