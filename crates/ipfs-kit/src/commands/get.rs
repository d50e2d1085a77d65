//! `get` and `cat`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backend_core::{ByteRange, ErrorKind, Progress};
use backend_manager::{ExportOptions, Manager, ReadReport};
use futures::StreamExt;
use serde_json::{Value, json};

use super::Outcome;
use crate::exit::Exit;
use crate::output::{self, Failure, Output};
use crate::progress;

pub(super) async fn get(manager: &Manager, what: &str, to: Option<&Path>, force: bool, output: &Output) -> Outcome {
    if to.is_some_and(|to| to.as_os_str() == "-") {
        return cat(manager, what, None, output).await;
    }
    let target = manager.resolve(what).await?;
    let out = match to {
        Some(to) if to.is_dir() && !what.is_empty() => to.join(last_part(what)),
        Some(to) => to.to_owned(),
        None => last_part(what),
    };
    let report = ReadReport::default();
    let opts = ExportOptions { overwrite: force, progress: Progress::new(), report: report.clone() };
    let work = manager.export(&target, &out, &opts);
    let exported = Box::pin(progress::watch_one(output, &opts.progress, target.size, work)).await;
    met(&report, output);
    let exported = exported?;
    filled(manager).await;
    match output.json {
        true => output.json(&json!({
            "cid": exported.cid.to_string(),
            "path": exported.path.to_string_lossy(),
            "files": exported.files,
            "size": exported.bytes,
            "troubles": troubles(&report),
            "served": served(&report),
            "hedges": hedges(&report),
        }))?,
        false => output.line(output::escape(&exported.path.to_string_lossy()))?,
    }
    Ok(Exit::Ok)
}

pub(super) async fn cat(manager: &Manager, what: &str, range: Option<&str>, output: &Output) -> Outcome {
    let range = range.map(parse_range).transpose()?;
    let target = manager.resolve(what).await?;
    let mut reading = manager.read(&target, range).await?;
    let mut stdout = std::io::stdout().lock();
    while let Some(bytes) = reading.body.next().await {
        match bytes {
            Ok(bytes) => stdout.write_all(&bytes)?,
            Err(err) => {
                met(&reading.report, output);
                return Err(err.into());
            }
        }
    }
    stdout.flush()?;
    met(&reading.report, output);
    filled(manager).await;
    Ok(Exit::Ok)
}

/// How long the program stays for a cache's sake, when all that was asked for is handed over.
const FOR_CACHES: Duration = Duration::from_secs(30);

async fn filled(manager: &Manager) {
    // What is not done by then is given up: its row says so, and the next sweep clears it.
    drop(tokio::time::timeout(FOR_CACHES, manager.caches_are_filled()).await);
}

/// `FIRST-LAST` with both ends included, `FIRST-`, `-COUNT`: as in HTTP (RFC 9110, section 14.1.1).
fn parse_range(text: &str) -> Result<ByteRange, Failure> {
    let bad = || backend_core::Error::new(ErrorKind::InvalidRange, "a range is FIRST-LAST, FIRST- or -COUNT, in bytes");
    let (first, last) = text.split_once('-').ok_or_else(bad)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| bad());
    let range = match (first, last) {
        ("", count) => ByteRange::Last(number(count)?),
        (first, "") => ByteRange::From(number(first)?),
        (first, last) => ByteRange::Bounded(number(first)?, number(last)?.checked_add(1).ok_or_else(bad)?),
    };
    Ok(range)
}

pub(super) fn last_part(what: &str) -> PathBuf {
    let last = what.trim_end_matches('/').rsplit('/').next().unwrap_or(what);
    match last {
        "" | "." | ".." => PathBuf::from("content"),
        last => PathBuf::from(last),
    }
}

pub(super) fn met(report: &ReadReport, output: &Output) {
    let troubles = report.troubles();
    for it in troubles.iter().take(20) {
        let (backend, message) = (output::escape(&it.backend), output::escape(&it.message));
        output.remark(format_args!("{backend}: bytes {}..{}: {message}", it.offset, it.offset + it.len));
    }
    let n = troubles.len() as u64 + report.more();
    if 0 < n {
        let from: Vec<String> =
            report.by_backend().iter().map(|(name, bytes)| format!("{name} ({})", output::size(*bytes))).collect();
        output.remark(format_args!("{n} bad answers were met; verified bytes came from {}", from.join(", ")));
    }
}

pub(super) fn troubles(report: &ReadReport) -> Vec<Value> {
    let troubles = report.troubles();
    let shown = troubles.iter();
    shown
        .map(|it| json!({ "backend": it.backend, "offset": it.offset, "len": it.len, "kind": it.kind.as_str(), "message": it.message }))
        .collect()
}

fn hedges(report: &ReadReport) -> Value {
    let it = report.hedges();
    json!({ "issued": it.issued, "won": it.won, "lost": it.lost, "refused": it.refused })
}

pub(super) fn served(report: &ReadReport) -> Value {
    report.by_backend().into_iter().map(|(name, bytes)| (name, json!(bytes))).collect::<serde_json::Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        let cases = [
            ("1000-2000", Some(ByteRange::Bounded(1000, 2001))),
            ("0-0", Some(ByteRange::Bounded(0, 1))),
            ("5-", Some(ByteRange::From(5))),
            ("-5", Some(ByteRange::Last(5))),
            ("", None),
            ("-", None),
            ("a-b", None),
            ("1-18446744073709551615", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(parse_range(text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn a_name_never_leads_out_of_the_folder() {
        for (what, wanted) in [("a/b", "b"), ("a", "a"), ("a/..", "content"), ("/", "content"), ("x/", "x")] {
            assert_eq!(last_part(what), PathBuf::from(wanted), "{what}");
        }
    }
}
