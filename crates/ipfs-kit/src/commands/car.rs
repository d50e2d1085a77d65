//! `car`: archives out and in.

use std::io::Write;
use std::path::{Path, PathBuf};

use backend_core::{Error, ErrorKind, Progress};
use backend_manager::{Activity, AddRequest, Cid, ExportOptions, Manager, ReadReport};
use futures::StreamExt;
use serde_json::json;

use super::get::{last_part, met, served, troubles};
use super::{Outcome, add};
use crate::args::Car;
use crate::exit::Exit;
use crate::output::{self, Output};
use crate::progress;

pub(super) async fn run(manager: &Manager, command: Car, output: &Output) -> Outcome {
    match command {
        Car::Export { what, output: to, force } => export(manager, &what, to.as_deref(), force, output).await,
        Car::Import { file, name, to } => import(manager, &file, name, to, output).await,
    }
}

async fn export(manager: &Manager, what: &str, to: Option<&Path>, force: bool, output: &Output) -> Outcome {
    let root = root(manager, what).await?;
    if to.is_some_and(|to| to.as_os_str() == "-") {
        return stream(manager, &root, output).await;
    }
    let own = || PathBuf::from(format!("{}.car", last_part(what).display()));
    let out = match to {
        Some(to) if to.is_dir() => to.join(own()),
        Some(to) => to.to_owned(),
        None => own(),
    };
    let report = ReadReport::default();
    let opts = ExportOptions { overwrite: force, progress: Progress::new(), report: report.clone() };
    let work = manager.export_car(&root, &out, &opts);
    let exported = progress::watch_one(output, &opts.progress, None, work).await;
    met(&report, output);
    let exported = exported?;
    match output.json {
        true => output.json(&json!({
            "cid": exported.cid.to_string(),
            "path": exported.path.to_string_lossy(),
            "size": exported.bytes,
            "troubles": troubles(&report),
            "served": served(&report),
        }))?,
        false => output.line(output::escape(&exported.path.to_string_lossy()))?,
    }
    Ok(Exit::Ok)
}

async fn stream(manager: &Manager, root: &Cid, output: &Output) -> Outcome {
    let report = ReadReport::default();
    let mut frames = manager.car(root, &report, &Progress::new());
    let mut stdout = std::io::stdout().lock();
    while let Some(frame) = frames.next().await {
        match frame {
            Ok(frame) => stdout.write_all(&frame)?,
            Err(err) => {
                met(&report, output);
                return Err(err.into());
            }
        }
    }
    stdout.flush()?;
    met(&report, output);
    Ok(Exit::Ok)
}

/// A CID alone is the root as it stands, also of version 0: it is in the archive's header, and in its first block's name. It need not be UnixFS.
async fn root(manager: &Manager, what: &str) -> Result<Cid, Error> {
    match what.parse::<Cid>() {
        Ok(cid) => Ok(cid),
        Err(_) => Ok(manager.resolve(what).await?.cid),
    }
}

async fn import(manager: &Manager, file: &Path, name: Option<String>, to: Vec<String>, output: &Output) -> Outcome {
    let activity = Activity::default();
    let request = AddRequest { to, activity: activity.clone(), ..AddRequest::default() };
    let reading = manager.archive(add::input(file), &request);
    let archive = progress::watch(output, &activity, Box::pin(reading)).await?;
    let name = match archive.roots() {
        [_] => name.or_else(|| own_name(file)),
        _ if name.is_some() => {
            return Err(Error::new(ErrorKind::InvalidInput, "one name cannot be given to several roots").into());
        }
        _ => None,
    };
    let mut exit = Exit::Ok;
    for root in archive.roots() {
        let activity = Activity::default();
        let request = AddRequest { name: name.clone(), activity: activity.clone(), ..request.clone() };
        let adding = manager.add_archived(&archive, root, &request);
        let receipt = progress::watch(output, &activity, Box::pin(adding)).await?;
        add::show(&receipt, output)?;
        if receipt.is_partial() {
            exit = Exit::Partial;
        }
    }
    if 0 < archive.unused() {
        output.remark(format_args!("{} blocks to which no root leads were left out", archive.unused()));
    }
    Ok(exit)
}

/// The file's name without its ending.
fn own_name(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_string_lossy().into_owned();
    let name = name.strip_suffix(".car").filter(|name| !name.is_empty()).unwrap_or(&name).to_owned();
    (name != "-").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_lends_its_name() {
        let cases = [("a/photos.car", Some("photos")), ("photos", Some("photos")), (".car", Some(".car")), ("-", None)];
        for (file, wanted) in cases {
            assert_eq!(own_name(Path::new(file)).as_deref(), wanted, "{file}");
        }
    }
}
