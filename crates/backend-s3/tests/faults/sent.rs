//! What goes over the wire besides the bytes: encryption and storage class.

use backend_core::{GetOptions, StatOptions};
use backend_testkit::s3::{FakeS3, Operation, Options, Request};
use backend_testkit::{random, small};
use serde_json::{Value, json};

use crate::common::*;

const ALGORITHM: &str = "x-amz-server-side-encryption-customer-algorithm";
const KEY: &str = "x-amz-server-side-encryption-customer-key";
const KEY_MD5: &str = "x-amz-server-side-encryption-customer-key-md5";

/// What was sent of this operation, under these headers.
fn told(requests: &[Request], operation: Operation, names: &[&str]) -> Vec<Option<String>> {
    let request = requests.iter().find(|it| it.operation == operation).unwrap();
    names.iter().map(|name| request.header(name).map(str::to_owned)).collect()
}

#[tokio::test]
async fn encryption_and_class_are_told_where_something_begins() {
    const NAMES: [&str; 3] =
        ["x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-storage-class"];
    let cases = [
        (json!({ "server_side_encryption": "aes256" }), [Some("AES256"), None, None]),
        (json!({ "server_side_encryption": "kms" }), [Some("aws:kms"), None, None]),
        (
            json!({ "server_side_encryption": "kms", "kms_key_id": "arn:k", "storage_class": "STANDARD_IA" }),
            [Some("aws:kms"), Some("arn:k"), Some("STANDARD_IA")],
        ),
        (json!({}), [None, None, None]),
    ];
    for (mut how, wanted) in cases {
        let server = FakeS3::start(Options::default()).await.unwrap();
        how["part_size"] = json!(5 * MIB);
        let store = open(&server, how, Value::Null);
        add(&store, "small", &small("small")).await.unwrap();
        add(&store, "large", &random("large", 6 * MIB)).await.unwrap();
        let wanted: Vec<Option<String>> = wanted.into_iter().map(|it| it.map(str::to_owned)).collect();
        for operation in [Operation::PutObject, Operation::CreateMultipartUpload] {
            assert_eq!(told(&server.requests(), operation, &NAMES), wanted, "{operation}");
        }
    }
}

#[tokio::test]
async fn a_customers_key_goes_with_every_request_for_bytes() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let mut settings = settings(&server, json!({ "server_side_encryption": "customer", "part_size": 5 * MIB }));
    settings.credentials["customer_key"] = json!("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    let store = backend_s3::open(settings).unwrap();
    assert!(!store.info().offers.link, "whoever has a link has no key");
    add(&store, "large", &random("large", 6 * MIB)).await.unwrap();
    add(&store, "small", &small("small")).await.unwrap();
    store.stat(&at("small"), &StatOptions::default()).await.unwrap();
    assert_eq!(read(&store, "small", &GetOptions::default()).await.unwrap(), b"small");
    let wanted: Vec<Option<String>> =
        ["AES256", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "hRasmdxgYDKV3nvbahU1MA=="]
            .into_iter()
            .map(|it| Some(it.to_owned()))
            .collect();
    for operation in [
        Operation::CreateMultipartUpload,
        Operation::UploadPart,
        Operation::CompleteMultipartUpload,
        Operation::PutObject,
        Operation::HeadObject,
        Operation::GetObject,
    ] {
        assert_eq!(told(&server.requests(), operation, &[ALGORITHM, KEY, KEY_MD5]), wanted, "{operation}");
    }
}
