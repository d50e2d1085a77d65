//! The tutorials do what they say: every line of them is run.

use journeys::{Journey, tutorial};

#[test]
fn surviving() {
    let it = Journey::new();
    let printed = tutorial(&it, "tutorials/survive.md", &[]).0;
    assert!(printed.contains("something was found"), "{printed}");
    let page = std::fs::read_to_string(it.path("work/report.html")).unwrap();
    for what in ["corrupt", "missing", "repaired", "stored"] {
        assert!(page.contains(&format!("<tr class=\"{what}\">")), "{what}: {page}");
    }
    let stat = it.ok(["stat", "numbers.txt", "--json"]).json().remove(0);
    assert!(stat["replicas"].as_array().unwrap().iter().any(|it| it["backend"] == "blue"), "{stat}");
}

#[test]
fn coming_from_ipfs_kit_py() {
    let it = Journey::new();
    let printed = tutorial(&it, "MIGRATION.md", &[]).0;
    assert_eq!(printed.matches("would be written").count(), 3, "{printed}");
    assert!(!printed.contains("warning"), "{printed}");
    let shown = it.ok(["backend", "show", "my-bucket", "--json"]).json().remove(0);
    assert_eq!(shown["credentials"]["access_key_id"], "${AWS_ACCESS_KEY_ID}", "{shown}");
    let stat = it.ok(["stat", "note.txt", "--json"]).json().remove(0);
    assert_eq!(stat["replicas"].as_array().unwrap().len(), 2, "{stat}");
}
