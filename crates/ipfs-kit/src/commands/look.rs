//! `ls` and `stat`.

use backend_core::timestamp;
use backend_manager::{DirectoryEntry, Kind, Known, Listed, Manager, ReplicaView};
use futures::StreamExt;
use serde_json::{Value, json};

use super::Outcome;
use super::add::kind;
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

pub(super) async fn ls(manager: &Manager, what: Option<&str>, output: &Output) -> Outcome {
    if let Some(what) = what
        && let Ok(target) = manager.resolve(what).await
        && target.kind == Kind::Directory
    {
        let mut entries = manager.entries(target.cid);
        while let Some(entry) = entries.next().await {
            directory_entry(&entry?, output)?;
        }
        return Ok(Exit::Ok);
    }
    let mut names = manager.names(what.unwrap_or(""));
    while let Some(it) = names.next().await {
        listed(&it?, output)?;
    }
    Ok(Exit::Ok)
}

fn directory_entry(it: &DirectoryEntry, output: &Output) -> Result<(), Failure> {
    if !output.json {
        return output.line(format_args!("{}  {:>10}  {}", it.cid, output::size(it.tsize), output::name(&it.name)));
    }
    let name = String::from_utf8_lossy(&it.name);
    let mut line = json!({ "name": name, "cid": it.cid.to_string(), "tsize": it.tsize });
    if std::str::from_utf8(&it.name).is_err() {
        line["name_bytes"] = Value::String(it.name.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    output.json(&line)
}

fn listed(it: &Listed, output: &Output) -> Result<(), Failure> {
    match output.json {
        true => output.json(&json!({
            "name": it.name,
            "cid": it.cid.to_string(),
            "size": it.size,
            "kind": kind(it.kind),
            "replicas": it.replicas,
            "added_at": timestamp(it.at),
        })),
        false => {
            let size = it.size.map(output::size).unwrap_or_default();
            let slash = if kind(it.kind) == "directory" { "/" } else { "" };
            output.line(format_args!("{}  {size:>10}  {:>2}  {}{slash}", it.cid, it.replicas, output::escape(&it.name)))
        }
    }
}

pub(super) async fn stat(manager: &Manager, what: &str, output: &Output) -> Outcome {
    let target = manager.resolve(what).await?;
    let known = manager.stat(&target.cid).await?;
    match output.json {
        true => output.json(&known_json(&known))?,
        false => known_text(&known, output)?,
    }
    Ok(Exit::Ok)
}

fn known_json(it: &Known) -> Value {
    json!({
        "cid": it.cid.to_string(),
        "size": it.size,
        "kind": kind(it.kind),
        "profile": it.profile,
        "known_since": timestamp(it.since),
        "names": it.names,
        "pins": it.pins,
        "state": it.safety.as_str(),
        "replicas": it.replicas.iter().map(replica_json).collect::<Vec<_>>(),
    })
}

fn replica_json(it: &ReplicaView) -> Value {
    json!({
        "backend": it.backend,
        "domain": it.domain,
        "key": it.key,
        "state": it.state.as_str(),
        "evidence": it.evidence.as_str(),
        "checked_at": it.checked_at.map(timestamp),
        "owned": it.owned,
        "bad_chunks": it.bad_chunks.iter().map(|bad| json!({ "offset": bad.offset, "len": bad.len })).collect::<Vec<_>>(),
        "note": it.note,
    })
}

fn known_text(it: &Known, output: &Output) -> Result<(), Failure> {
    output.line(format_args!("cid      {}", it.cid))?;
    output.line(format_args!("kind     {}", kind(it.kind)))?;
    if let Some(size) = it.size {
        output.line(format_args!("size     {size} ({})", output::size(size)))?;
    }
    if let Some(profile) = it.profile {
        output.line(format_args!("profile  {profile}"))?;
    }
    output.line(format_args!("known    since {}", timestamp(it.since)))?;
    for name in &it.names {
        output.line(format_args!("name     {}", output::escape(name)))?;
    }
    output.line(format_args!("state    {}", it.safety.as_str()))?;
    for replica in &it.replicas {
        let checked = replica.checked_at.map(|at| format!("looked at {}", timestamp(at))).unwrap_or_default();
        let (state, evidence) = (replica.state.as_str(), replica.evidence.as_str());
        let line = format!("copy     {:16} {state:10} {evidence:12} {checked}", output::escape(&replica.backend));
        output.line(line.trim_end())?;
        if let Some(key) = &replica.key {
            output.line(format_args!("         at {}", output::escape(key)))?;
        }
        for bad in &replica.bad_chunks {
            output.line(format_args!("         bad bytes {}..{}", bad.offset, bad.offset + bad.len))?;
        }
    }
    Ok(())
}
