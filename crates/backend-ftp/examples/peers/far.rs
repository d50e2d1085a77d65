//! The same server at the end of a long wire. A data connection has no window of ours: the limit is what passes by the same way without delay, and the
//! round trips that the protocol asks for.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use backend_testkit::Relay;

use super::stage::{Stage, Way};

/// There and back.
const ROUND_TRIP: Duration = Duration::from_millis(50);
/// What an upload cannot do without: look at the name and the folder above it (`SIZE`, `CWD`, `CWD`), `EPSV`, `STOR`, the last byte and 226, `SIZE`, `RNFR`, `RNTO`.
const TRIPS_UP: u32 = 9;
/// `SIZE`, `CWD`, `EPSV`, `RETR` and the first byte, 226.
const TRIPS_DOWN: u32 = 4;

pub(crate) fn compare(stage: &Stage, file: &Path, mib: u64) {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, stage.port()));
    let none = Relay::start_ftp(server, Duration::ZERO).unwrap();
    let long = Relay::start_ftp(server, ROUND_TRIP / 2).unwrap();
    let near = stage.by_way_of(none.address().port());
    let far = stage.by_way_of(long.address().port());
    let to = stage.path("back");
    let up = |way: &Way<'_>| way.ours().up(file, &stage.stored("ours")).unwrap().verbs;
    let down = |way: &Way<'_>| way.ours().down("ours", &to).unwrap().verbs;
    tell("up", mib, TRIPS_UP, up(&near), up(&far));
    tell("down", mib, TRIPS_DOWN, down(&near), down(&far));
    beside("up", mib, far.ours().up(file, &stage.stored("ours")).unwrap().whole, [far.put(file), far.send(file)]);
    beside("down", mib, far.ours().down("ours", &to).unwrap().whole, [far.get(&to), far.fetch(&to)]);
}

fn tell(what: &str, mib: u64, trips: u32, near: Duration, far: Duration) {
    let limit = near + ROUND_TRIP * trips;
    let what = format!(
        "FTP: {mib} MiB {what} with 50 ms there and back, against {:.2} s without delay and {trips} round trips",
        near.as_secs_f64()
    );
    super::say(&what, far, limit, 0.9);
}

fn beside(what: &str, mib: u64, ours: Duration, peers: [Duration; 2]) {
    for (peer, taken) in super::PEERS.iter().zip(peers) {
        super::say(&format!("FTP: {mib} MiB {what} with 50 ms there and back, {peer}"), ours, taken, 1.0);
    }
}
