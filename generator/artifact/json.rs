use serde::Serialize;
pub fn to_canonical(v:&impl Serialize)->Vec<u8>{ serde_json::to_vec(v).unwrap_or_default() }
pub fn to_pretty(v:&impl Serialize)->Vec<u8>{ serde_json::to_vec_pretty(v).unwrap_or_default() }
