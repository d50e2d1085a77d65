//! `report`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use backend_core::{Error, ErrorKind, timestamp};
use backend_manager::{Manager, Report, Told};
use serde_json::{Value, json};

use super::Outcome;
use super::policy::{step_json, step_text};
use crate::args;
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

pub(super) async fn run(manager: &Manager, args: args::Report, output: &Output) -> Outcome {
    let since = SystemTime::now().checked_sub(Duration::from_secs(args.since.seconds()));
    let report = manager.report(since.unwrap_or(SystemTime::UNIX_EPOCH)).await?;
    if let Some(path) = &args.html {
        write(path, &page(&report))?;
    }
    match output.json {
        true => output.json(&as_json(&report))?,
        false => as_text(&report, output)?,
    }
    let unmet: u64 = ["short", "lost", "unsatisfiable"].iter().filter_map(|it| report.standing.get(it)).sum();
    Ok(if unmet == 0 { Exit::Ok } else { Exit::Partial })
}

/// Whole or absent, as every file of ours.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |err: std::io::Error| {
        let text = format!("cannot write {}: {err}", output::escape(&path.to_string_lossy()));
        Failure::from(Error::new(ErrorKind::InvalidInput, text))
    };
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    file.persist(path).map_err(|err| failed(err.error)).map(drop)
}

fn as_json(it: &Report) -> Value {
    let told: Vec<Value> = it
        .told
        .iter()
        .map(|told| {
            json!({
                "at": timestamp(told.at), "what": told.what, "cid": told.cid.map(|cid| cid.to_string()), "backend": told.backend,
                "particulars": told.body,
            })
        })
        .collect();
    let remaining: Vec<Value> = it
        .remaining
        .iter()
        .map(|it| json!({ "cid": it.cid.to_string(), "steps": it.steps.iter().map(step_json).collect::<Vec<_>>() }))
        .collect();
    json!({
        "since": timestamp(it.since), "until": timestamp(it.until), "checked": it.checked.0, "checked_bytes": it.checked.1,
        "counts": it.counts, "events": told, "standing": it.standing, "remaining": remaining,
        "brakes": it.brakes.iter().map(|it| json!({ "why": it.why, "release": it.release })).collect::<Vec<_>>(),
    })
}

fn as_text(it: &Report, output: &Output) -> Result<(), Failure> {
    output.line(format_args!("from {} to {}", timestamp(it.since), timestamp(it.until)))?;
    output.line(format_args!("read back  {} copies, {}", it.checked.0, output::size(it.checked.1)))?;
    for told in it.told.iter().filter(|it| is_shown(it)) {
        output.line(line(told))?;
    }
    let standing: Vec<String> = it.standing.iter().map(|(word, n)| format!("{n} {word}")).collect();
    output.line(format_args!("now        {}", standing.join(", ")))?;
    for it in &it.remaining {
        let steps: Vec<String> = it.steps.iter().map(step_text).collect();
        output.line(format_args!("remains    {}  {}", it.cid, steps.join("; ")))?;
    }
    for brake in &it.brakes {
        let (why, release) = (output::escape(&brake.why), output::escape(&brake.release));
        output.line(format_args!("stopped    {why} (go on with reconcile {release})"))?;
    }
    Ok(())
}

/// What was wrong, and what was done about it: not what users did by hand.
fn is_shown(it: &Told) -> bool {
    !matches!(it.what, "added" | "intended" | "named" | "unnamed" | "configured")
}

fn line(it: &Told) -> String {
    let cid = it.cid.map(|cid| cid.to_string()).unwrap_or_default();
    let backend = it.backend.as_deref().map(output::escape).unwrap_or_default();
    let body = match &it.body {
        Value::Object(fields) => {
            let known = fields.iter().filter(|(_, value)| !value.is_null());
            known
                .map(|(key, value)| format!("{key}={}", output::escape(&value.to_string())))
                .collect::<Vec<_>>()
                .join(" ")
        }
        _ => String::new(),
    };
    format!("{}  {:10} {cid} {backend} {body}", timestamp(it.at), it.what).trim_end().to_owned()
}

/// A page that needs nothing but itself.
fn page(it: &Report) -> String {
    let mut text = String::from(HEAD);
    let (since, until) = (timestamp(it.since), timestamp(it.until));
    let _ = write!(text, "<h1>What became of your content</h1><p>{} to {}</p>", html(&since), html(&until));
    let standing: Vec<String> = it.standing.iter().map(|(word, n)| format!("<b>{n}</b> {word}")).collect();
    let _ = write!(text, "<p>Contents now: {}.</p>", standing.join(", "));
    let (checked, bytes) = (it.checked.0, output::size(it.checked.1));
    let _ = write!(text, "<p>Copies that were read back and hashed: {checked} ({bytes}).</p>");
    for brake in &it.brakes {
        let (why, release) = (html(&brake.why), html(&brake.release));
        let _ =
            write!(text, "<p class=\"bad\">Stopped: {why} Go on with <code>ipfs-kit reconcile {release}</code>.</p>");
    }
    text.push_str("<h2>What was wrong, and what was done</h2><table><tr><th>When</th><th>What</th><th>Content</th><th>Backend</th><th>Evidence</th></tr>");
    for told in it.told.iter().filter(|it| is_shown(it)) {
        let cid = told.cid.map(|cid| cid.to_string()).unwrap_or_default();
        let body = if told.body.is_null() { String::new() } else { told.body.to_string() };
        let cells = [timestamp(told.at), told.what.to_owned(), cid, told.backend.clone().unwrap_or_default(), body];
        let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", html(cell))).collect();
        let _ = write!(text, "<tr class=\"{}\">{cells}</tr>", told.what);
    }
    text.push_str("</table><h2>What remains</h2><table><tr><th>Content</th><th>To do</th></tr>");
    for it in &it.remaining {
        let steps: Vec<String> = it.steps.iter().map(step_text).collect();
        let _ = write!(text, "<tr><td>{}</td><td>{}</td></tr>", it.cid, html(&steps.join("; ")));
    }
    text.push_str("</table></body></html>\n");
    text
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>ipfs-kit: report</title><style>
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2em .6em;border-bottom:1px solid #ddd;vertical-align:top;overflow-wrap:anywhere}
.bad,tr.corrupt td:nth-child(2),tr.missing td:nth-child(2),tr.failed td:nth-child(2){color:#a00}
tr.repaired td:nth-child(2),tr.stored td:nth-child(2){color:#060}</style></head><body>";

fn html(text: &str) -> String {
    output::escape(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let told = Told {
            at: SystemTime::UNIX_EPOCH,
            what: "failed",
            cid: None,
            backend: Some("<script>".to_owned()),
            body: json!({ "error": "\"><img src=x>" }),
        };
        let report = Report {
            since: SystemTime::UNIX_EPOCH,
            until: SystemTime::UNIX_EPOCH,
            checked: (0, 0),
            counts: Default::default(),
            told: vec![told],
            standing: Default::default(),
            remaining: Vec::new(),
            brakes: Vec::new(),
        };
        let page = page(&report);
        assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
        assert!(page.contains("&lt;script&gt;"));
    }
}
