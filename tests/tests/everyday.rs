//! What a user does on a machine with nothing but the program.

use std::io::Write;
use std::process::Stdio;

use journeys::{Journey, noise};

#[test]
fn without_configuration_a_local_store_is_made_and_said_so() {
    let it = Journey::new();
    std::fs::write(it.path("a.txt"), "hello world").unwrap();
    let answer = it.ok(["add", "a.txt"]);
    assert_eq!(answer.text(), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e  a.txt");
    assert!(answer.stderr.contains("made a local store in"), "{}", answer.stderr);
    let again = it.ok(["add", "a.txt"]);
    assert_eq!(again.text(), answer.text(), "adding again is the same receipt");
    assert!(!again.stderr.contains("made a local store"));
    assert_eq!(it.ok(["cat", "a.txt"]).stdout, b"hello world");
}

#[test]
fn names_are_those_of_kubo() {
    let it = Journey::new();
    let cases: [(&[u8], &str, &str); 3] = [
        (b"", "unixfs-v1-2025", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
        (b"hello world", "unixfs-v1-2025", "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
        (b"hello world", "unixfs-v0-2015", "bafybeihykld7uyxzogax6vgyvag42y7464eywpf55gxi5qpoisibh3c5wa"),
    ];
    for (bytes, profile, cid) in cases {
        std::fs::write(it.path("x"), bytes).unwrap();
        let answer = it.ok(["cid", "x", "--profile", profile]);
        let v1 = ipld::address::text(&ipld::address::parse(&answer.text()).unwrap());
        assert_eq!(v1, ipld::address::text(&ipld::address::parse(cid).unwrap()), "{profile} of {} bytes", bytes.len());
    }
    assert!(!it.home().exists(), "naming needs no home");
}

#[test]
fn a_one_shot_stream_of_any_size_is_added_and_comes_back() {
    let it = Journey::new();
    let bytes = noise(1, 20 << 20);
    let mut child = it
        .command(["add", "-", "--name", "src.tar", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let receipt: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((receipt["name"].as_str(), receipt["size"].as_u64()), (Some("src.tar"), Some(20 << 20)));
    assert!(it.ok(["cat", "src.tar"]).stdout == bytes, "other bytes came back");
    let part = it.ok(["cat", "src.tar", "--range", "1048570-1048590"]);
    assert_eq!(part.stdout, &bytes[1_048_570..=1_048_590]);
    assert_eq!(it.ok(["cat", "src.tar", "--range", "-5"]).stdout, &bytes[bytes.len() - 5..]);
    assert_eq!(it.run(["cat", "src.tar", "--range", "99999999-"]).code, Some(2));
}

#[test]
fn a_folder_is_one_root_and_comes_back_as_it_was() {
    let it = Journey::new();
    let photos = it.path("photos");
    std::fs::create_dir_all(photos.join("sub/empty")).unwrap();
    std::fs::write(photos.join("sub/file.jpg"), noise(2, 3_000_000)).unwrap();
    std::fs::write(photos.join("zero"), b"").unwrap();
    std::fs::write(photos.join(".hidden"), b"x").unwrap();
    for n in 0..300 {
        std::fs::write(photos.join(format!("{n:04}.txt")), format!("photo {n}")).unwrap();
    }
    std::os::unix::fs::symlink("sub/file.jpg", photos.join("link")).unwrap();
    let receipt = it.ok(["add", "photos", "--hidden", "--json"]).json().remove(0);
    let cid = receipt["cid"].as_str().unwrap().to_owned();
    assert_eq!((receipt["kind"].as_str(), receipt["files"].as_u64()), (Some("directory"), Some(303)));
    assert_eq!(it.ok(["cid", "photos", "--hidden"]).text(), cid);
    it.ok(["get", "photos", "-o", "out"]);
    assert_eq!(Journey::files(&it.path("out")), Journey::files(&photos));
    assert_eq!(std::fs::read_link(it.path("out/link")).unwrap().to_str(), Some("sub/file.jpg"));
    assert!(it.path("out/sub/empty").is_dir());
    it.ok(["get", &format!("{cid}/sub/file.jpg"), "-o", "one.jpg"]);
    assert_eq!(std::fs::read(it.path("one.jpg")).unwrap(), noise(2, 3_000_000));
    assert_eq!(it.ok(["ls", &cid]).text().lines().count(), 304);
    assert_eq!(it.run(["get", &format!("{cid}/nothing")]).code, Some(3));
    it.ok(["get", "photos", "-o", "out"]);
    assert!(it.path("out/photos/zero").is_file(), "a folder that is there is where it goes");
    assert_eq!(it.run(["get", "photos", "-o", "out"]).code, Some(1), "what is there is never replaced");
}

#[test]
fn backends_are_made_shown_changed_tested_and_forgotten() {
    let it = Journey::new();
    let usb = it.backend("usb");
    assert!(it.ok(["backend", "list"]).text().contains("usb"));
    assert!(it.ok(["backend", "types"]).text().contains("local"));
    assert!(it.ok(["backend", "show", "usb"]).text().contains(usb.to_str().unwrap()));
    let tested = it.ok(["backend", "test", "usb", "--write", "--json"]).json().remove(0);
    assert_eq!((tested["reads"].as_str(), tested["writes"].as_str()), (Some("works"), Some("works")));
    assert_eq!(tested["round_trip"], "ok");
    it.ok(["backend", "update", "usb", "--set", "enabled=false"]);
    assert_eq!(it.run(["backend", "test", "usb"]).code, Some(5), "a backend that is switched off is not asked");
    assert_eq!(it.run(["backend", "remove", "usb"]).code, Some(2), "nobody to ask, so --yes is needed");
    it.ok(["backend", "remove", "usb", "--yes"]);
    assert_eq!(it.run(["backend", "show", "usb"]).code, Some(3));
    let typo = it.run(["backend", "create", "x", "--type", "local", "--set", "connection.paht=/tmp"]);
    assert_eq!(typo.code, Some(2));
    assert!(typo.stderr.contains("did you mean path"), "{}", typo.stderr);
    let unknown = it.run(["backend", "create", "x", "--type", "locla"]);
    assert!(unknown.stderr.contains("did you mean local"), "{}", unknown.stderr);
}

#[test]
fn what_is_removed_is_gone_and_what_others_want_stays() {
    let it = Journey::new();
    std::fs::create_dir(it.path("d")).unwrap();
    std::fs::write(it.path("d/shared"), "shared").unwrap();
    std::fs::write(it.path("d/alone"), "alone").unwrap();
    it.ok(["add", "d"]);
    it.ok(["add", "d/shared"]);
    let removed = it.ok(["rm", "d", "--yes", "--json"]).json().remove(0);
    assert_eq!(removed["kept"], 1);
    assert_eq!(removed["copies"][0]["removals"]["erased"], 2);
    assert_eq!(it.ok(["cat", "shared"]).stdout, b"shared");
    assert_eq!(it.run(["stat", "d"]).code, Some(2), "a name that is gone is no name");
    it.ok(["rm", "shared", "--yes"]);
    assert_eq!(it.ok(["ls"]).text(), "");
    let left = Journey::files(&it.home().join("store"));
    let contents = left.keys().filter(|path| path.starts_with(".ipfs-kit/c") || path.starts_with(".ipfs-kit/d"));
    assert_eq!(contents.count(), 0, "{left:?}");
}

#[test]
fn words_that_make_no_sense_are_usage_errors() {
    let it = Journey::new();
    for (words, code) in [
        (vec!["nonsense"], 2),
        (vec!["add"], 2),
        (vec!["add", "not-there"], 3),
        (vec!["get", "not a cid"], 2),
        (vec!["stat", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"], 3),
        (vec!["add", "x", "--to", "nowhere"], 3),
        (vec!["cid", ".", "--profile", "unixfs-v9"], 2),
        (vec!["--version"], 0),
        (vec!["--help"], 0),
        (vec!["completion", "bash"], 0),
        (vec!["completion", "zsh"], 0),
        (vec!["completion", "fish"], 0),
        (vec!["man"], 0),
        (vec!["man", "--dir", "man"], 0),
    ] {
        let answer = it.run(&words);
        assert_eq!(answer.code, Some(code), "{words:?}: {}", answer.stderr);
    }
    assert!(it.path("man/ipfs-kit-backend-create.1").is_file());
    let failure = it.run(["--json", "stat", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"]);
    let report: serde_json::Value = serde_json::from_str(&failure.stderr).unwrap();
    assert_eq!((&report["success"], &report["error"]["type"]), (&false.into(), &"NotFoundError".into()));
    assert!(failure.stdout.is_empty());
}

#[test]
fn the_configuration_of_ipfs_kit_py_comes_along() {
    let it = Journey::new();
    let old = it.path("old/backends");
    std::fs::create_dir_all(&old).unwrap();
    let text = format!("base_path: {}\nname: my-fs\ntype: filesystem\n", it.path("data").display());
    std::fs::write(old.join("my-fs.yaml"), &text).unwrap();
    std::fs::write(
        old.join("my-s3.yaml"),
        "name: my-s3\ntype: s3\nbucket: b\naccess_key: cAnArY\nsecret_key: cAnArY\n",
    )
    .unwrap();
    std::fs::create_dir(it.path("data")).unwrap();
    let would = it.run(["import", "old", "--dry-run"]);
    assert!(
        would.text().contains("would be written") && !it.home().join("backends/my-fs.yaml").exists(),
        "{}",
        would.text()
    );
    let done = it.run(["import", "old", "--json"]);
    assert!(!done.text().contains("cAnArY") && !done.stderr.contains("cAnArY"));
    assert_eq!(done.json().iter().find(|it| it["name"] == "my-fs").unwrap()["outcome"], "written");
    std::fs::write(it.path("x"), "hello world").unwrap();
    it.ok(["add", "x", "--to", "my-fs"]);
    assert_eq!(std::fs::read_to_string(old.join("my-fs.yaml")).unwrap(), text, "the source stays as it was");
}

#[test]
fn an_archive_goes_out_and_comes_in_on_another_machine() {
    let (it, other) = (Journey::new(), Journey::new());
    let photos = it.path("photos");
    std::fs::create_dir_all(photos.join("sub")).unwrap();
    std::fs::write(photos.join("sub/file.jpg"), noise(3, 3_000_000)).unwrap();
    std::fs::write(photos.join("note"), "hello").unwrap();
    let cid = it.ok(["add", "photos", "--json"]).json().remove(0)["cid"].as_str().unwrap().to_owned();
    let written = it.ok(["car", "export", "photos", "--json"]).json().remove(0);
    let car = std::fs::read(it.path("photos.car")).unwrap();
    assert_eq!((&written["cid"], &written["size"]), (&cid.as_str().into(), &car.len().into()), "{written}");
    assert_eq!(it.run(["car", "export", "photos"]).code, Some(1), "it is there already");
    assert!(it.ok(["car", "export", &cid, "-o", "-"]).stdout == car);
    let mut child = other
        .command(["car", "import", "-", "--name", "brought", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&car).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let receipt: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&receipt["cid"], &receipt["name"]), (&cid.as_str().into(), &"brought".into()), "{receipt}");
    assert_eq!((&receipt["files"], &receipt["size"]), (&2.into(), &3_000_005.into()), "{receipt}");
    other.ok(["get", "brought", "-o", "out"]);
    assert_eq!(Journey::files(&other.path("out")), Journey::files(&photos));
    assert!(other.ok(["car", "export", "brought", "-o", "-"]).stdout == car);
    std::fs::write(other.path("cut.car"), &car[..car.len() - 1]).unwrap();
    let refused = other.run(["car", "import", "cut.car"]);
    assert_eq!(refused.code, Some(6), "{}", refused.stderr);
}
