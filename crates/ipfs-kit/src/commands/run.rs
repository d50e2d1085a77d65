//! `run`: the daemon.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use backend_core::{Error, ErrorKind};
use backend_manager::Manager;
use backend_manager::daemon::{self, Board, Daemon, Listener, Stop};
use serde_json::json;

use super::Outcome;
use crate::exit::Exit;
use crate::output::{Failure, Output};

pub(super) async fn run(manager: Manager, listen: Option<&str>, stop: Stop, output: &Output) -> Outcome {
    let listener = match listen {
        Some(text) => Some(Listener::bind(address(text)?).await?),
        None => None,
    };
    let at = listener.as_ref().map(|it| it.at);
    let board = Arc::new(Board::new());
    let daemon = Daemon::new(manager.clone(), daemon::standard(&board), board.clone())?;
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
