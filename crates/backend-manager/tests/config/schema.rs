//! The schema says what the reader takes.

use backend_manager::config::{schema, schema_of};

#[test]
fn the_envelope_is_described() {
    let schema = schema();
    let properties = schema.get("properties").and_then(|it| it.as_object()).unwrap();
    let keys: Vec<&str> = properties.keys().map(String::as_str).collect();
    let known = "cache connection credentials description domain enabled name operational policies role routing tier traits type";
    assert_eq!(keys, known.split(' ').collect::<Vec<_>>());
    assert_eq!(schema.get("additionalProperties"), Some(&false.into()));
    assert!(properties["operational"]["properties"]["retry_count"].is_object());
    assert!(properties["policies"]["properties"]["retention_days"].is_object());
    assert!(properties["routing"]["properties"]["retrieval_cost_per_gb"].is_object());
    assert!(schema.get("$defs").is_none());
}

#[test]
fn every_linked_backend_describes_its_sections_in_place() {
    let linked = backend_core::descriptors().unwrap();
    assert!(!linked.is_empty());
    let schema_of_any = schema();
    for descriptor in linked {
        let schema = schema_of(descriptor);
        let text = serde_json::to_string(&schema).unwrap();
        assert!(text.contains(descriptor.kind.as_str()));
        let anything = schema_of_any.get("properties").unwrap()["connection"].clone();
        assert_ne!(schema.get("properties").unwrap()["connection"], anything, "{}", descriptor.kind);
        for reference in text.split("#/$defs/").skip(1).map(|it| it.split('"').next().unwrap()) {
            assert!(schema.get("$defs").unwrap().get(reference).is_some(), "{reference} is not defined");
        }
    }
}
