//! Schemas as `schemars` writes them become rows that a person can read.

use super::*;

fn check(property: Value, kind: &str, default: &str) {
    let schema = json!({
        "properties": {"connection": {"$ref": "#/$defs/Connection"}},
        "$defs": {
            "Connection": {"type": "object", "required": ["must"], "properties": {"it": property, "must": {"type": "string"}}},
            "Mode": {"oneOf": [{"const": "a", "description": "A."}, {"enum": ["b", "c"]}]},
            "Loop": {"$ref": "#/$defs/Loop"},
        },
    });
    let backend = Backend {
        kind: "x".into(),
        aliases: Vec::new(),
        summary: String::new(),
        addressing: String::new(),
        role: String::new(),
        offers: Default::default(),
        traits: Default::default(),
        schema,
        example: String::new(),
        package: String::new(),
    };
    let rows = rows(&backend);
    assert_eq!(rows[0].key, "connection.must", "the required ones come first");
    assert_eq!((rows[1].kind.as_str(), rows[1].default.as_str()), (kind, default));
}

#[test]
fn each_shape_of_a_property_has_a_word() {
    check(json!({"type": "string"}), "string", "optional");
    check(json!({"type": ["integer", "null"], "default": null}), "integer", "none");
    check(json!({"type": "boolean", "default": false}), "boolean", "`false`");
    check(json!({"$ref": "#/$defs/Mode", "default": "a"}), "`a`, `b`, `c`", "`a`");
    check(json!({"anyOf": [{"$ref": "#/$defs/Mode"}, {"type": "null"}]}), "`a`, `b`, `c`", "none");
    check(json!({"$ref": "#/$defs/Loop"}), "any", "optional");
    check(json!({}), "any", "optional");
}
