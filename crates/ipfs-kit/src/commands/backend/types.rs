//! `backend types`: what is linked, and what it is good for.

use backend_core::{Error, ErrorKind, descriptors, nearest};
use backend_manager::{Judged, purposes};
use serde_json::{Value, json};

use super::super::Outcome;
use crate::exit::Exit;
use crate::output::{self, Output};

pub(super) fn run(purpose: Option<&str>, output: &Output) -> Outcome {
    let Some(name) = purpose else { return all(output) };
    let Some(purpose) = purposes().iter().find(|it| it.name == name) else {
        let names: Vec<&str> = purposes().iter().map(|it| it.name).collect();
        let hint = nearest(name, names.iter().copied()).map(|it| format!("; did you mean {it}?")).unwrap_or_default();
        let text = format!("no purpose is called {}: there are {}{hint}", output::escape(name), names.join(", "));
        return Err(Error::new(ErrorKind::InvalidInput, text).into());
    };
    for it in purpose.judge_all()? {
        match output.json {
            true => output.json(&as_json(&it))?,
            false => {
                let lacks = if it.lacks.is_empty() { String::new() } else { format!("; not {}", it.lacks.join(", ")) };
                let line = format!(
                    "{:14} {:4} {:>3}  {}{lacks}",
                    it.kind,
                    it.verdict.as_str(),
                    it.score,
                    it.reasons.join(", ")
                );
                output.line(line.trim_end())?;
            }
        }
    }
    Ok(Exit::Ok)
}

fn all(output: &Output) -> Outcome {
    for it in descriptors()? {
        match output.json {
            true => output
                .json(&json!({ "type": it.kind, "aliases": it.aliases, "summary": it.summary, "offers": it.offers }))?,
            false => output.line(format_args!("{:14} {}", it.kind, it.summary))?,
        }
    }
    Ok(Exit::Ok)
}

pub(in crate::commands) fn as_json(it: &Judged) -> Value {
    json!({ "type": it.kind, "verdict": it.verdict.as_str(), "score": it.score, "reasons": it.reasons, "lacks": it.lacks })
}
