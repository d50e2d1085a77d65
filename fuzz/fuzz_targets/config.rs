//! Any text as a configuration, in both formats: answered without panic, and what can be written is read back the same.
#![no_main]

use std::sync::LazyLock;

use backend_manager::config::{BackendConfig, Change, ConfigStore, Format, Home, Variables, parse};
use libfuzzer_sys::fuzz_target;

/// A home of this process, so that two fuzzers do not meet.
static STORE: LazyLock<ConfigStore> = LazyLock::new(|| {
    let home = Home::at(std::env::temp_dir().join(format!("ipfs-kit-fuzz-config-{}", std::process::id())));
    home.prepare().expect("a folder for temporary files");
    ConfigStore::with_variables(&home, Variables::default())
});

fuzz_target!(|input: &[u8]| {
    let Some((&choice, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let (format, ending) = if choice & 1 == 0 { (Format::Yaml, "yaml") } else { (Format::Toml, "toml") };
    let Ok(config) = parse("a", text, format) else { return };
    let _ = (format!("{config:?}"), serde_json::to_string(&config));
    if choice & 2 == 0 && config.name == "a" {
        written_and_read(&config, text, ending);
    }
});

/// A file with this text is changed at one key, and changed back.
fn written_and_read(config: &BackendConfig, text: &str, ending: &str) {
    let path = STORE.home().backends().join(format!("a.{ending}"));
    std::fs::write(&path, text).expect("a file for a configuration");
    let _ = STORE.load("a");
    let change = |text: &str| Change::Set { path: "enabled".to_owned(), text: text.to_owned() };
    let there_and_back = [change(&(!config.enabled).to_string()), change(&config.enabled.to_string())];
    let written = STORE.update("a", &there_and_back).map(|_| STORE.raw("a").expect("what was written is read"));
    std::fs::remove_file(&path).expect("the file is still there");
    // TOML has no null and no number above 2^63: those are lost, or refused.
    if ending == "yaml" {
        assert_eq!(written.expect("what was read is written"), *config);
    }
}
