//! Names that break lines and terminals, and secrets that must not be seen.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use journeys::{Journey, noise};

#[test]
fn any_name_a_file_system_has_comes_back() {
    let it = Journey::new();
    let folder = it.path("odd");
    std::fs::create_dir(&folder).unwrap();
    let long = vec![b'x'; 255];
    let names: [&[u8]; 9] = [
        b"new\nline",
        b"\xff\xfe",
        b"esc\x1b[2J",
        b"..a",
        b"a..",
        b" ",
        b"back\\slash",
        "\u{202e}rtl".as_bytes(),
        &long,
    ];
    for (n, name) in names.iter().enumerate() {
        std::fs::write(folder.join(OsStr::from_bytes(name)), noise(n as u64, 10)).unwrap();
    }
    let cid = it.ok(["add", "odd", "--hidden", "--json"]).json()[0]["cid"].as_str().unwrap().to_owned();
    it.ok(["get", "odd", "-o", "out"]);
    assert_eq!(Journey::files(&it.path("out")), Journey::files(&folder));
    let listing = it.ok(["ls", &cid]);
    assert_eq!(listing.text().lines().count(), names.len());
    assert!(!listing.stdout.contains(&0x1b), "an escape reached the terminal");
    let json = it.ok(["ls", &cid, "--json"]).json();
    assert!(json.iter().any(|entry| entry["name_bytes"] == "fffe"), "{json:?}");
}

#[test]
fn a_planted_link_is_not_followed() {
    let it = Journey::new();
    let store = it.backend("disk");
    std::fs::write(it.path("victim"), "precious").unwrap();
    std::fs::write(it.path("x"), "hello world").unwrap();
    let cid = it.ok(["cid", "x"]).text();
    let place = journeys::stored(&store, &cid);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(it.path("victim"), &place).unwrap();
    let _ = it.run(["add", "x"]);
    assert_eq!(std::fs::read_to_string(it.path("victim")).unwrap(), "precious");
    let read = it.run(["cat", &cid]);
    assert_ne!(read.stdout, b"precious");
}

#[test]
fn a_secret_is_seen_nowhere() {
    let it = Journey::new();
    it.backend("disk");
    std::fs::write(it.path("x"), "x").unwrap();
    let canary = "cAnArY-0123456789";
    let secret = format!("credentials.password={canary}");
    let mut seen = Vec::new();
    for words in [
        vec!["backend", "update", "disk", "--set", &secret],
        vec!["backend", "create", "two", "--type", "local", "--set", "connection.path=/tmp", "--set", &secret],
        vec!["backend", "show", "disk"],
        vec!["backend", "show", "two"],
        vec!["backend", "show", "two", "--json"],
        vec!["backend", "list"],
        vec!["backend", "list", "--json"],
        vec!["backend", "test", "two"],
        vec!["add", "x", "--to", "disk,two"],
        vec!["stat", "x", "--json"],
        vec!["verify"],
    ] {
        let answer = it.run(words.iter().copied().chain(["--log", "trace"]));
        seen.push(String::from_utf8_lossy(&answer.stdout).into_owned() + &answer.stderr);
    }
    assert!(seen.iter().all(|text| !text.contains(canary)), "{seen:?}");
}
