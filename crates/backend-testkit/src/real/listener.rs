//! Whether the listener of a port is ours: without this a test could talk to somebody else's server and believe what it says.

use std::fs;
use std::path::Path;

/// Listening, in `/proc/net/tcp` (proc(5)).
const LISTENING: &str = "0A";

/// Whether a process of the group listens on `port`.
pub(super) fn is_of_group(port: u16, group: u32) -> bool {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listeners(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    !sockets.is_empty() && members(group).iter().any(|pid| has_open(pid, &sockets))
}

/// The sockets that listen on `port`.
fn listeners(table: &str, port: u16) -> Vec<String> {
    let port = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(1).is_some_and(|it| it.ends_with(&port)) && row.get(3) == Some(&LISTENING))
        .filter_map(|row| row.get(9).map(|it| (*it).to_owned()))
        .collect()
}

fn members(group: u32) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids = entries.filter_map(|it| it.file_name().into_string().ok());
    pids.filter(|pid| pid.bytes().all(|it| it.is_ascii_digit()) && group_of(pid) == Some(group)).collect()
}

/// The third word behind the name, which stands in parentheses and may hold anything.
fn group_of(pid: &str) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(2)?.parse().ok()
}

fn has_open(pid: &str, sockets: &[String]) -> bool {
    let entries = fs::read_dir(Path::new("/proc").join(pid).join("fd")).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter_map(|it| fs::read_link(it.path()).ok())
        .any(|it| sockets.iter().any(|socket| it.as_os_str() == socket.as_str()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_is_ours_or_it_is_not() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = group_of("self").unwrap();
        assert!(is_of_group(port, own));
        assert!(!is_of_group(port, group_of("1").unwrap()));
        drop(listener);
        assert!(!is_of_group(port, own));
    }
}
