//! The backends that ipfs_kit_py makes by itself when it finds none. Nobody asked for them, so they come in switched off.

use serde_json::Value;

use super::record::Record;

/// Name, type, and the fields; a value that begins with `…` is the end of the real one.
type Sample = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const SAMPLES: &[Sample] = &[
    ("local_fs", "local", &[("auto_create", "true"), ("path", "…/.ipfs_kit/local_storage")]),
    ("ipfs_local", "ipfs", &[("api_endpoint", "http://127.0.0.1:5001"), ("gateway_endpoint", "http://127.0.0.1:8080")]),
    (
        "cluster",
        "ipfs_cluster",
        &[("api_endpoint", "http://127.0.0.1:9094"), ("proxy_endpoint", "http://127.0.0.1:9095")],
    ),
    ("s3_demo", "s3", &[("bucket", "ipfs-kit-demo"), ("region", "us-east-1")]),
    ("huggingface", "huggingface", &[("organization", "ipfs-kit"), ("private", "true")]),
    ("github", "github", &[("owner", "endomorphosis"), ("repo", "ipfs_kit_py_storage")]),
    ("gdrive", "gdrive", &[("folder_id", "sample_folder_id")]),
    ("parquet_meta", "parquet", &[("compression", "snappy"), ("path", "…/.ipfs_kit/parquet_storage")]),
];

/// Whether nothing about this backend is the user's own.
pub(super) fn is_sample(record: &Record) -> bool {
    let named = SAMPLES
        .iter()
        .find(|(name, kind, _)| record.name.as_deref() == Some(*name) && record.kind.as_deref() == Some(*kind));
    named.is_some_and(|(_, _, fields)| {
        fields.len() == record.fields.len()
            && fields.iter().all(|(key, wanted)| record.fields.get(*key).is_some_and(|value| is(value, wanted)))
    })
}

fn is(value: &Value, wanted: &str) -> bool {
    match (value, wanted.strip_prefix('…')) {
        (Value::String(text), Some(end)) => text.ends_with(end),
        (Value::String(text), None) => text == wanted,
        (Value::Bool(value), _) => wanted.parse() == Ok(*value),
        _ => false,
    }
}
