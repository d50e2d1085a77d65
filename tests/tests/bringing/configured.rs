//! The remotes of rclone become backends, and hold content.

use journeys::{Journey, noise};

/// `potato`, as rclone's own tests obscure it.
const POTATO: &str = "YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ";

#[test]
fn an_rclone_conf_becomes_backends_whose_secrets_are_not_shown() {
    let it = Journey::new();
    std::fs::create_dir(it.path("disk")).unwrap();
    let text = format!(
        "[Disk]\ntype = local\n[far]\ntype = ftp\nhost = ftp.example.net\nuser = me\npass = {POTATO}\ntls = true\n[photos]\ntype = s3\naccess_key_id = AK\n"
    );
    std::fs::write(it.path("rclone.conf"), text).unwrap();
    let root = format!("Disk={}", it.path("disk").display());
    let words = ["import", "rclone.conf", "--root", &root, "--json"];
    let rehearsed = it.ok(words.iter().chain(&["--dry-run"])).json();
    assert_eq!(
        rehearsed.iter().map(|it| it["outcome"].as_str().unwrap()).collect::<Vec<_>>(),
        ["would be written", "would be written", "skipped"]
    );
    assert_eq!(it.ok(["backend", "list", "--json"]).json().len(), 0);
    let done = it.ok(words);
    assert_eq!(done.json()[0]["name"], "disk", "{done:?}");
    let shown = it.ok(["backend", "show", "far"]);
    assert!(shown.text().contains("implicit") && !shown.text().contains("potato"), "{shown:?}");
    let file = std::fs::read_to_string(it.home().join("backends/far.yaml")).unwrap();
    assert!(file.contains("potato"), "it is there, in a file of mode 0600");
    std::fs::write(it.path("x"), noise(1, 3000)).unwrap();
    it.ok(["add", "x", "--to", "disk"]);
    assert!(it.ok(["cat", "x"]).stdout == noise(1, 3000));
    assert_eq!(it.ok(words).json()[1]["outcome"], "there already");
    std::fs::write(it.path("locked.conf"), "RCLONE_ENCRYPT_V0:\nabc").unwrap();
    assert_eq!(it.run(["import", "locked.conf"]).code, Some(2));
    assert_eq!(it.run(["import", "rclone.conf", "--root", "none=x"]).code, Some(2));
}
