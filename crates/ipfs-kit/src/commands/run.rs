//! `run`: the daemon.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use backend_core::{Error, ErrorKind};
use backend_manager::config::Period;
use backend_manager::daemon::{self, Board, Daemon, Listener, Stop};
use backend_manager::{Manager, Reconcile, Scrub, Upkeep, upkeep};
use serde_json::json;

use super::Outcome;
use crate::args;
use crate::exit::Exit;
use crate::output::{Failure, Output};

pub(super) async fn run(manager: Manager, args: args::Run, stop: Stop, output: &Output) -> Outcome {
    let listener = match args.listen.as_deref() {
        Some(text) => Some(Listener::bind(address(text)?).await?),
        None => None,
    };
    let at = listener.as_ref().map(|it| it.at);
    let board = Arc::new(Board::new());
    let mut chores = daemon::standard(&board);
    chores.extend(upkeep(&wanted(&args), &board));
    let daemon = Daemon::new(manager.clone(), chores, board.clone())?;
    match (output.json, at) {
        (true, at) => output.json(&json!({ "event": "started", "listen": at.map(|it| it.to_string()) }))?,
        (false, Some(at)) => output.line(format_args!("running; metrics at http://{at}/metrics"))?,
        (false, None) => output.line("running")?,
    }
    match listener {
        Some(listener) => {
            futures::join!(daemon::serve(listener, manager, board, stop.clone()), daemon.run(&stop));
        }
        None => daemon.run(&stop).await,
    }
    match output.json {
        true => output.json(&json!({ "event": "stopped" }))?,
        false => output.line("stopped")?,
    }
    Ok(Exit::Ok)
}

fn wanted(args: &args::Run) -> Upkeep {
    let time = |period: Period| Duration::from_secs(period.seconds());
    let scrub = Scrub {
        older_than: Duration::from_secs(args.older_than),
        budget: args.budget.map(|it| it.bytes()),
        max_rate: args.max_rate.map(|it| it.bytes()),
        ..Scrub::default()
    };
    let reconcile = Reconcile { grace: time(args.grace), ..Reconcile::default() };
    Upkeep { reconcile, reconcile_every: time(args.every), scrub, scrub_every: time(args.scrub_every) }
}

/// `PORT` means this machine alone.
fn address(text: &str) -> Result<SocketAddr, Failure> {
    let port = text.parse::<u16>().ok().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    let wrong = || Error::new(ErrorKind::InvalidInput, "--listen takes PORT or ADDRESS:PORT");
    Ok(port.or_else(|| text.parse().ok()).ok_or_else(wrong)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_this_machine() {
        let check = |text: &str, wanted: Option<&str>| {
            assert_eq!(address(text).ok().map(|it| it.to_string()).as_deref(), wanted, "{text}");
        };
        check("9464", Some("127.0.0.1:9464"));
        check("0.0.0.0:1", Some("0.0.0.0:1"));
        check("[::1]:80", Some("[::1]:80"));
        check("localhost:80", None);
        check("70000", None);
        check("", None);
    }
}
