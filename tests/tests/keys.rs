//! A user's own keys, and what is learnt of a backend, with the real program.

use journeys::{Journey, flip, noise};

#[test]
fn a_file_lies_at_the_key_that_the_user_gave() {
    let it = Journey::new();
    let usb = it.backend("usb");
    let bytes = noise(7, 2_300_000);
    std::fs::write(it.path("report.pdf"), &bytes).unwrap();
    let words = ["add", "report.pdf", "--to", "usb", "--key", "reports/2026 final.pdf", "--json"];
    let receipt = it.ok(words).json().remove(0);
    assert_eq!(
        (receipt["partial"].as_bool(), receipt["replicas"][0]["state"].as_str()),
        (Some(false), Some("present"))
    );
    assert!(std::fs::read(usb.join("reports/2026 final.pdf")).unwrap() == bytes);
    assert!(!usb.join(".ipfs-kit/c").exists(), "the bytes are not there twice");
    assert_eq!(it.ok(["cat", "report.pdf"]).stdout, bytes);
    let known = it.ok(["stat", "report.pdf", "--json"]).json().remove(0);
    assert_eq!(known["replicas"][0]["key"], "reports/2026 final.pdf");
    it.ok(["verify"]);
    flip(&usb.join("reports/2026 final.pdf"), 1_500_000);
    let verdict = it.run(["verify", "--json"]);
    assert_eq!((verdict.code, verdict.json()[0]["state"].as_str()), (Some(6), Some("corrupt")));
    it.ok(["rm", "report.pdf", "--yes"]);
    let is_aside = |path: &std::path::PathBuf| path.starts_with(".ipfs-kit/tmp") || path.starts_with(".ipfs-kit/state");
    let left: Vec<_> = Journey::files(&usb).into_keys().filter(|path| !is_aside(path)).collect();
    let store = std::path::PathBuf::from(".ipfs-kit/store");
    assert_eq!(left, [store, "reports/2026 final.pdf".into()], "what somebody changed under the user's key stays");
}

#[test]
fn a_key_is_replaced_unless_it_must_be_absent() {
    let it = Journey::new();
    let usb = it.backend("usb");
    for (name, text) in [("old", "old bytes"), ("new", "new bytes")] {
        std::fs::write(it.path(name), text).unwrap();
    }
    it.ok(["add", "old", "--to", "usb", "--key", "k"]);
    let refused = it.run(["add", "new", "--to", "usb", "--key", "k", "--if-absent"]);
    assert_eq!(
        (refused.code, std::fs::read(usb.join("k")).unwrap()),
        (Some(1), b"old bytes".to_vec()),
        "{}",
        refused.stderr
    );
    it.ok(["add", "new", "--to", "usb", "--key", "k"]);
    assert_eq!(it.ok(["cat", "new"]).stdout, b"new bytes");
    let old = it.ok(["stat", "old", "--json"]).json().remove(0);
    assert_eq!((&old["state"], &old["replicas"][0]["note"]), (&"lost".into(), &"overwritten".into()));
    it.ok(["rm", "old", "--yes"]);
    assert_eq!(std::fs::read(usb.join("k")).unwrap(), b"new bytes", "what lies there now is not the old content's");
}

#[test]
fn a_folder_lies_under_a_prefix() {
    let it = Journey::new();
    let usb = it.backend("usb");
    std::fs::create_dir_all(it.path("site/css")).unwrap();
    for (name, text) in [("site/index.html", "<p>"), ("site/css/a.css", "p{}"), ("site/css/b.css", "p{}")] {
        std::fs::write(it.path(name), text).unwrap();
    }
    it.ok(["add", "site", "--to", "usb", "--key-prefix", "www/"]);
    for (path, bytes) in Journey::files(&it.path("site")) {
        assert_eq!(std::fs::read(usb.join("www").join(&path)).unwrap(), bytes, "{}", path.display());
    }
    it.ok(["get", "site", "-o", "out"]);
    assert_eq!(Journey::files(&it.path("out")), Journey::files(&it.path("site")));
    it.ok(["rm", "site", "--yes"]);
    assert!(Journey::files(&usb).into_keys().all(|path| !path.starts_with("www")), "they were ours");
    for words in [
        vec!["add", "site", "--key", "k"],
        vec!["add", "site/index.html", "--key-prefix", "www/"],
        vec!["add", "site/index.html", "--key", ".ipfs-kit/c/x"],
        vec!["add", "site/index.html", "--key", "a", "--key-prefix", "b"],
        vec!["add", "site/index.html", "site/css/a.css", "--key", "a"],
        vec!["add", "site/index.html", "--if-absent"],
    ] {
        let answer = it.run(&words);
        assert_eq!(answer.code, Some(2), "{words:?}: {}", answer.stderr);
    }
}

#[test]
fn what_was_learnt_is_shown() {
    let it = Journey::new();
    it.backend("usb");
    let before = it.ok(["backend", "show", "usb", "--json"]).json().remove(0);
    assert_eq!(before.get("learnt"), None, "nobody has asked yet");
    let looked = it.ok(["backend", "test", "usb", "--json"]).json().remove(0);
    assert!(looked["probe"].is_null() && looked["learnt"].is_null(), "{looked}");
    let tested = it.ok(["backend", "test", "usb", "--write", "--json"]).json().remove(0);
    assert!(
        tested["probe"].is_null() && tested["learnt"]["facts"].is_null() && tested["learnt"]["at"].is_string(),
        "{tested}"
    );
    let after = it.ok(["backend", "show", "usb", "--json"]).json().remove(0);
    assert!(after["learnt"]["at"].is_string(), "{after}");
    let set = it.run(["backend", "update", "usb", "--set", "operational.connect_timeout=601"]);
    assert_eq!(set.code, Some(2), "{}", set.stderr);
    it.ok(["backend", "update", "usb", "--set", "operational.connect_timeout=20"]);
}
