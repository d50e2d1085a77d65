//! `add` and `cid`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backend_core::{Error, ErrorKind, Key, Report};
use backend_manager::{Activity, AddRequest, ContentKind, Existing, Input, Manager, Place, Receipt, ReplicaReceipt};
use serde_json::{Value, json};

use super::{Outcome, profile_named};
use crate::args::{self, Import};
use crate::exit::Exit;
use crate::output::{self, Failure, Output};
use crate::progress;
use crate::stdin;

/// What the user wants added.
pub(super) struct Wanted {
    pub(super) paths: Vec<PathBuf>,
    pub(super) name: Option<String>,
    pub(super) to: Vec<String>,
    pub(super) keep: args::Keep,
    pub(super) place: args::Place,
    pub(super) import: Import,
}

pub(super) async fn run(manager: &Manager, wanted: Wanted, output: &Output) -> Outcome {
    let profile = profile_named(&wanted.import.profile)?;
    if wanted.name.is_some() && 1 < wanted.paths.len() {
        return Err(Error::new(ErrorKind::InvalidInput, "one name cannot be given to several paths").into());
    }
    let (place, existing) = place(&wanted)?;
    let labels = labels(&wanted.keep.labels)?;
    let mut exit = Exit::Ok;
    for path in &wanted.paths {
        let activity = Activity::default();
        let request = AddRequest {
            to: wanted.to.clone(),
            policy: wanted.keep.policy.clone(),
            labels: labels.clone(),
            name: wanted.name.clone(),
            place: place.clone(),
            existing,
            profile,
            hidden: wanted.import.hidden,
            activity: activity.clone(),
        };
        let receipt = progress::watch(output, &activity, Box::pin(manager.add(input(path), &request))).await?;
        show(&receipt, output)?;
        if receipt.is_partial() {
            exit = Exit::Partial;
        }
    }
    Ok(exit)
}

fn labels(texts: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let parts = texts.iter().map(|text| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => {
            let text = format!("--label {} is no KEY=VALUE", output::escape(text));
            Err(Error::new(ErrorKind::InvalidInput, text).into())
        }
    });
    parts.collect()
}

fn place(wanted: &Wanted) -> Result<(Place, Existing), Failure> {
    let args::Place { key, key_prefix, if_absent } = &wanted.place;
    let place = match (key, key_prefix) {
        (Some(_), _) if wanted.paths.len() != 1 => {
            return Err(Error::new(ErrorKind::InvalidInput, "one key cannot be given to several paths").into());
        }
        (Some(key), _) => Place::Key(Key::new(key)?),
        (None, Some(prefix)) => Place::Under(prefix.clone()),
        (None, None) if *if_absent => {
            return Err(Error::new(ErrorKind::InvalidInput, "--if-absent goes with --key or --key-prefix").into());
        }
        (None, None) => Place::Own,
    };
    Ok((place, if *if_absent { Existing::Keep } else { Existing::Replace }))
}

pub(super) async fn cid(path: &Path, import: &Import, output: &Output) -> Outcome {
    let activity = Activity::default();
    let request = AddRequest {
        profile: profile_named(&import.profile)?,
        hidden: import.hidden,
        activity: activity.clone(),
        ..AddRequest::default()
    };
    let name = progress::watch(output, &activity, backend_manager::name(input(path), &request)).await?;
    match output.json {
        true => output.json(
            &json!({ "cid": name.cid.to_string(), "size": name.size, "files": name.files, "kind": kind(name.kind) }),
        )?,
        false => output.line(name.cid)?,
    }
    Ok(Exit::Ok)
}

pub(super) fn input(path: &Path) -> Input {
    match path.as_os_str() == "-" {
        true => Input::Stream(stdin::stream()),
        false => Input::Path(path.to_owned()),
    }
}

pub(super) fn kind(kind: ContentKind) -> &'static str {
    match kind {
        ContentKind::Raw | ContentKind::File => "file",
        ContentKind::Directory => "directory",
        _ => "dag",
    }
}

pub(super) fn show(receipt: &Receipt, output: &Output) -> Result<(), Failure> {
    if let Some(folder) = &receipt.embedded {
        let folder = output::escape(&folder.to_string_lossy());
        output.remark(format_args!("no backend is configured: made a local store in {folder}"));
    }
    if output.json {
        let replicas: Vec<Value> = receipt.replicas.iter().map(replica).collect();
        return output.json(&json!({
            "cid": receipt.cid.to_string(),
            "name": receipt.name,
            "size": receipt.size,
            "kind": kind(receipt.kind),
            "files": receipt.files,
            "policy": receipt.policy,
            "partial": receipt.is_partial(),
            "unmet": receipt.unmet,
            "replicas": replicas,
        }));
    }
    if let Some(why) = &receipt.unmet {
        let policy = output::escape(&receipt.policy);
        output.remark(format_args!("the policy {policy} asks for more copies: {}", output::escape(why)));
    }
    let name = receipt.name.as_deref().map(output::escape).unwrap_or_default();
    output.line(format_args!("{}  {}", receipt.cid, name).to_string().trim_end())?;
    for it in &receipt.replicas {
        let state = it.state.map_or("failed", |state| state.as_str());
        let evidence = it.evidence.map_or("", |evidence| evidence.as_str());
        let existed = if it.existed { "(was there)" } else { "" };
        output.remark(
            format_args!("  {:16} {state:10} {evidence} {existed}", output::escape(&it.backend)).to_string().trim_end(),
        );
        if let Some(err) = &it.error {
            output.remark(format_args!("  {:16} {}", "", output::escape(err.message())));
        }
    }
    Ok(())
}

fn replica(it: &ReplicaReceipt) -> Value {
    json!({
        "backend": it.backend,
        "state": it.state.map(|state| state.as_str()),
        "evidence": it.evidence.map(|evidence| evidence.as_str()),
        "existed": it.existed,
        "error": it.error.as_ref().map(|err| json!(Report::new(err, std::time::SystemTime::now()).error)),
    })
}
