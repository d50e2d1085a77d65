//! `internal describe`: what tables and references are generated from.

use backend_core::{Error, ErrorKind, Report, RetryAdvice, descriptors};
use clap::CommandFactory;
use serde_json::{Map, Value, json};

use super::Outcome;
use crate::args::Args;
use crate::exit::Exit;
use crate::output::{Failure, Output};

pub(super) fn run(output: &Output) -> Outcome {
    let backends: Vec<Value> = descriptors()?.into_iter().map(backend).collect();
    let errors: Vec<Value> = ErrorKind::ALL.into_iter().map(error).collect();
    let commands: Vec<Value> = Args::command().get_subcommands().filter(|it| !it.is_hide_set()).map(command).collect();
    output.json(&json!({ "backends": backends, "errors": errors, "commands": commands, "purposes": suits()? }))?;
    Ok(Exit::Ok)
}

fn suits() -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    for it in backend_manager::purposes() {
        let types: Vec<Value> = it.judge_all()?.iter().map(super::backend::judged).collect();
        all.push(json!({ "name": it.name, "summary": it.summary, "types": types }));
    }
    Ok(all)
}

fn backend(it: &backend_core::Descriptor) -> Value {
    let offers: Map<String, Value> =
        it.offers.rows().into_iter().map(|(name, offered)| (name.to_owned(), offered.into())).collect();
    json!({
        "kind": it.kind,
        "aliases": it.aliases,
        "summary": it.summary,
        "addressing": format!("{:?}", it.addressing).to_lowercase(),
        "role": it.role,
        "offers": offers,
        "traits": it.traits,
        "schema": (it.schema)(),
        "example": it.example,
        "crate": format!("backend-{}", it.kind.as_str().replace('_', "-")),
    })
}

fn error(kind: ErrorKind) -> Value {
    let err = Error::new(kind, "");
    let report = Report::new(&err, std::time::SystemTime::UNIX_EPOCH);
    let advice = match err.advice() {
        RetryAdvice::Never => "never",
        _ => "backoff",
    };
    json!({
        "kind": kind.as_str(),
        "class": report.error.class,
        "family": format!("{:?}", kind.family()).to_lowercase(),
        "advice": advice,
        "exit_code": Exit::of(kind).code(),
    })
}

fn command(it: &clap::Command) -> Value {
    json!({
        "name": it.get_name(),
        "about": it.get_about().map(ToString::to_string),
        "commands": it.get_subcommands().map(command).collect::<Vec<_>>(),
    })
}
