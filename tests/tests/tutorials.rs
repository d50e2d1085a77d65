//! The tutorials do what they say: every line of them is run.

#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

use std::path::Path;
use std::process::{Command, Stdio};

use journeys::{Journey, program};

/// The lines of all blocks of shell, in order.
fn script(text: &str) -> String {
    let (mut lines, mut inside) = (Vec::new(), false);
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => lines.push(line),
            _ => {}
        }
    }
    lines.join("\n")
}

/// Runs a tutorial in an empty folder; answers what it printed.
fn run(name: &str, it: &Journey) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    let script = script(&std::fs::read_to_string(&path).unwrap());
    assert!(script.contains("ipfs-kit"), "{} has nothing to run", path.display());
    let (bin, work) = (it.path("bin"), it.path("work"));
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(&work).unwrap();
    std::os::unix::fs::symlink(program(), bin.join("ipfs-kit")).unwrap();
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).env_clear().current_dir(work).stdin(Stdio::null());
    bash.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).env("IPFS_KIT_HOME", it.home());
    let output = bash.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out.into_owned()
}

#[test]
fn surviving() {
    let it = Journey::new();
    let printed = run("tutorials/survive.md", &it);
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
    let printed = run("MIGRATION.md", &it);
    assert_eq!(printed.matches("would be written").count(), 3, "{printed}");
    assert!(!printed.contains("warning"), "{printed}");
    let shown = it.ok(["backend", "show", "my-bucket", "--json"]).json().remove(0);
    assert_eq!(shown["credentials"]["access_key_id"], "${AWS_ACCESS_KEY_ID}", "{shown}");
    let stat = it.ok(["stat", "note.txt", "--json"]).json().remove(0);
    assert_eq!(stat["replicas"].as_array().unwrap().len(), 2, "{stat}");
}
