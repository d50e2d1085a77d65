//! Variables, references to secrets, and `~`.

use std::os::unix::fs::PermissionsExt as _;

use backend_manager::config::{Home, Variables};

use crate::common::{Fixture, home, variables};

const ENVIRONMENT: [(&str, &str); 5] =
    [("SET", "value"), ("EMPTY", ""), ("HOME", "/home/ada"), ("ODD", "file:/nowhere ${SET} $$"), ("lower", "low")];

fn fixture(section: &str, text: &str) -> Fixture {
    let quoted = serde_json::to_string(text).unwrap();
    home(&[("a.yaml", &format!("type: local\n{section}:\n  path: {quoted}\n"))], &ENVIRONMENT)
}

fn check(section: &str, text: &str) -> Result<String, String> {
    let fixture = fixture(section, text);
    let config = fixture.store.load("a").map_err(|err| fixture.plain(err.message()))?;
    let section = if section == "credentials" { config.credentials } else { config.connection };
    Ok(section["path"].as_str().unwrap().to_owned())
}

#[test]
fn variables_are_replaced() {
    let cases = [
        ("plain", "plain"),
        ("${SET}", "value"),
        ("a${SET}b${SET}", "avaluebvalue"),
        ("${EMPTY}", ""),
        ("${EMPTY:-other}", "other"),
        ("${UNSET:-}", ""),
        ("${UNSET:-a:-b$c}", "a:-b$c"),
        ("$$", "$"),
        ("$${SET}", "${SET}"),
        ("$$$${SET}", "$${SET}"),
        ("a$b $", "a$b $"),
        ("${ODD}", "file:/nowhere ${SET} $$"),
        ("${lower}", "low"),
        ("~/x", "/home/ada/x"),
        ("~", "/home/ada"),
        ("~bob/x", "~bob/x"),
    ];
    for (text, replaced) in cases {
        assert_eq!(check("connection", text).as_deref(), Ok(replaced), "{text}");
    }
}

#[test]
fn what_cannot_be_replaced_is_said_with_its_key() {
    let bad = "holds a ${ that is neither ${NAME} nor ${NAME:-default}; a dollar sign that is meant is written $$";
    let piece = "names an environment variable that is not set; a dollar sign that is meant is written $$";
    let cases = [
        ("${UNSET}", "environment variable UNSET is not set"),
        ("x${UNSET}", "environment variable UNSET is not set"),
        ("${unset}", "environment variable unset is not set"),
        ("pass${word}", piece),
        ("${", bad),
        ("${}", bad),
        ("${1A}", bad),
        ("${SET:?canary}", bad),
        ("${SET:-${SET}}", bad),
        ("${UNCLOSED", bad),
    ];
    for (text, said) in cases {
        let said = format!("a.yaml:3: connection.path: {said}");
        assert_eq!(check("connection", text), Err(said), "{text}");
    }
}

#[test]
fn references_are_resolved_in_credentials_alone() {
    let cases = [
        ("credentials", "env:SET", "value"),
        ("credentials", "env:ODD", "file:/nowhere ${SET} $$"),
        ("credentials", "${ODD}", "file:/nowhere ${SET} $$"),
        ("credentials", "text:env:SET", "env:SET"),
        ("credentials", "https://x", "https://x"),
        ("connection", "env:SET", "env:SET"),
    ];
    for (section, text, resolved) in cases {
        assert_eq!(check(section, text).as_deref(), Ok(resolved), "{text}");
    }
    let refused = [
        ("env:UNSET", "environment variable UNSET is not set"),
        (
            "env:can ary",
            "begins with env: but no name of a variable follows; a secret that begins so is written text:env:…",
        ),
        (
            "file:canary",
            "begins with file: but no absolute path follows; a secret that begins so is written text:file:…",
        ),
        ("file:/dev/null", "file /dev/null is not a regular file"),
    ];
    for (text, said) in refused {
        assert_eq!(check("credentials", text), Err(format!("a.yaml:3: credentials.path: {said}")), "{text}");
    }
    assert!(check("credentials", "file:/does/not/exist").unwrap_err().contains("cannot be read"));
}

#[test]
fn a_secret_in_a_file_loses_its_line_end_and_warns_when_everybody_can_read_it() {
    let fixture = home(&[], &ENVIRONMENT);
    let secret = fixture.folder.path().join("secret");
    for (content, mode, warnings) in [("canary\n", 0o600, 0), ("canary\r\n", 0o604, 1), ("canary", 0o640, 0)] {
        std::fs::write(&secret, content).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
        std::fs::write(
            fixture.path("a.yaml"),
            format!("type: local\ncredentials: {{key: 'file:{}'}}", secret.display()),
        )
        .unwrap();
        std::fs::set_permissions(fixture.path("a.yaml"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let loaded = fixture.store.inspect("a").unwrap();
        assert_eq!(loaded.config.credentials["key"], "canary");
        assert_eq!(loaded.warnings.len(), warnings, "{:?}", loaded.warnings);
        assert!(!format!("{loaded:?}").contains("canary"));
    }
    std::fs::write(&secret, "\n").unwrap();
    assert!(fixture.store.load("a").unwrap_err().message().ends_with("is empty"));
}

#[test]
fn the_home_is_found() {
    let of = |pairs: &[(&str, &str)]| Home::from_variables(&variables(pairs)).map(|it| it.root().to_owned());
    assert_eq!(of(&[("HOME", "/h"), ("IPFS_KIT_HOME", "/k")]).unwrap().to_str(), Some("/k"));
    assert_eq!(of(&[("HOME", "/h"), ("IPFS_KIT_HOME", "~/k")]).unwrap().to_str(), Some("/h/k"));
    assert_eq!(of(&[("HOME", "/h"), ("IPFS_KIT_HOME", "")]).unwrap().to_str(), Some("/h/.ipfs_kit"));
    assert!(of(&[]).unwrap_err().message().contains("HOME"));
    assert!(Home::at("relative").root().is_absolute());
    assert!(!format!("{:?}", Variables::of_process()).contains('='));
}
