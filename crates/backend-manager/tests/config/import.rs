//! What ipfs_kit_py itself wrote (files made by running it), and what becomes of each of them.

use std::path::{Path, PathBuf};

use backend_manager::config::import::{Imported, Outcome, plan};
use backend_manager::config::{Policies, Tier};

use crate::common::{Fixture, clock, home};

pub(crate) fn fixtures(generation: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/ipfs_kit_py").join(generation)
}

/// One line for each find: `file: name: outcome`, the warnings indented below it.
pub(crate) fn report(found: &[Imported], from: &Path) -> String {
    let from = format!("{}/", from.display());
    let line = |it: &Imported| {
        let file = it.source.display().to_string().replace(&from, "");
        let name = it.name.as_deref().map(|name| format!(" {name}:")).unwrap_or_default();
        let outcome = match &it.outcome {
            Outcome::Config(config) => {
                format!("config of {}, {}", config.kind, if config.enabled { "on" } else { "off" })
            }
            Outcome::Unsupported { kind, why } => format!("unsupported {kind}: {why}"),
            Outcome::Skipped { why } => format!("skipped: {}", why.replace(&from, "")),
            Outcome::Failed(err) => format!("failed: {}", err.message().replace(&from, "")),
            _ => "something new".to_owned(),
        };
        let warnings: String = it.warnings.iter().map(|it| format!("\n  {}", it.replace(&from, ""))).collect();
        format!("{file}:{name} {outcome}{warnings}")
    };
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn check(generation: &str, expected: &str) -> (Fixture, Vec<Imported>) {
    let fixture = home(&[], &[]);
    let from = fixtures(generation);
    let found = plan(&from, &fixture.store, &clock()).unwrap();
    assert_eq!(report(&found, &from), expected.trim());
    assert!(fixture.store.list().unwrap().is_empty(), "a plan writes nothing");
    (fixture, found)
}

#[test]
fn the_first_generation_is_read() {
    check(
        "backend_configs_2025-07",
        "
backends/my-s3-bucket: skipped: records of what ipfs_kit_py believed to be stored: no evidence, nothing to bring in
backend_configs/my-s3-bucket.yaml: my-s3-bucket: failed: my-s3-bucket: connection.bucket: expected 3 to 255 letters, digits, dots, hyphens and underscores",
    );
}

#[test]
fn flat_files_are_read() {
    let (_, found) = check(
        "flat_2026-02",
        "
backends/my-fs.yaml: my-fs: config of local, on
backends/my-s3.yaml: my-s3: config of s3, on",
    );
    let Outcome::Config(config) = &found[0].outcome else { panic!("{found:?}") };
    assert_eq!(config.connection["path"], "/srv/store");
}

#[test]
fn samples_come_in_switched_off_with_their_policies() {
    let (_, found) = check(
        "enhanced_2026-02",
        "
backends/cluster.yaml: cluster: unsupported ipfs_cluster: this build has no backend of type ipfs_cluster; its file would say connection.api_url, connection.proxy_url
backends/gdrive.yaml: gdrive: unsupported gdrive: this build has no backend of type gdrive; its file would say connection.folder_id
backends/github.yaml: github: unsupported github: this build has no backend of type github; its file would say connection.repo
backends/huggingface.yaml: huggingface: unsupported huggingface: this build has no backend of type huggingface; its file would say connection.organization, connection.private
backends/ipfs_local.yaml: ipfs_local: config of ipfs, off
  switched off: ipfs_kit_py made this sample by itself when it found no backends
  ipfs_local_policy.json: not enforced here: cache, replication.geo_distribution, replication.max_redundancy, replication.preferred_backends, retention.max_retention_days, storage_quota.max_files, storage_quota.warn_threshold, traffic_quota
backends/local_fs.yaml: local_fs: config of local, off
  switched off: ipfs_kit_py made this sample by itself when it found no backends
  local_fs_policy.json: not enforced here: cache, replication.max_redundancy, retention.max_retention_days, storage_quota.max_files, storage_quota.warn_threshold, traffic_quota
backends/parquet_meta.yaml: parquet_meta: unsupported parquet: it held tables about backends, and no content
backends/s3_demo.yaml: s3_demo: config of s3, off
  switched off: ipfs_kit_py made this sample by itself when it found no backends
  s3_demo_policy.json: not enforced here: cache, replication.geo_distribution, replication.max_redundancy, retention.max_retention_days, storage_quota.max_files, storage_quota.warn_threshold, traffic_quota",
    );
    let config = found.iter().find_map(|it| match &it.outcome {
        Outcome::Config(config) if config.kind == "local" => Some(config),
        _ => None,
    });
    let config = config.unwrap();
    assert_eq!(config.connection["path"], "/home/ada/.ipfs_kit/local_storage");
    assert_eq!(config.connection["create"], true);
    assert_eq!(config.tier, Some(Tier::Hot));
    assert_eq!(config.description.as_deref(), Some("Local filesystem storage"));
    // 100 GB, which the file writes in capitals; nobody asked for removal.
    let policies = Policies {
        storage_quota_gb: Some(100.0),
        retention_days: Some(30),
        min_replicas: Some(1),
        ..Policies::default()
    };
    assert_eq!(config.policies, policies);
}

#[test]
fn records_of_what_was_believed_are_no_evidence() {
    check(
        "layerA_home_2026-02",
        "
backends/my-fs: skipped: records of what ipfs_kit_py believed to be stored: no evidence, nothing to bring in
buckets: skipped: buckets of ipfs_kit_py have no counterpart",
    );
}
