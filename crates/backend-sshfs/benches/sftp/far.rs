//! The same server at the end of a long wire: how much of what the windows allow is reached.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use backend_testkit::Relay;
use serde_json::json;

use super::stage::{Stage, Way};

/// There and back.
const ROUND_TRIP: Duration = Duration::from_millis(50);
/// Bytes that may be on their way before the other side has to say that it has taken them. Up: of one channel of OpenSSH's server (channels.h,
/// `CHAN_SES_WINDOW_DEFAULT`, 64 packets of 32 KiB). Down: what our leaf asks for ahead.
const WINDOW_UP: f64 = 2.0;
const WINDOW_DOWN: f64 = 16.0;

pub(crate) fn compare(stage: &Stage, file: &Path, mib: u64) {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, stage.port()));
    let (none, long) = (Relay::start(server, Duration::ZERO).unwrap(), Relay::start(server, ROUND_TRIP / 2).unwrap());
    let near = stage.by_way_of(none.address().port());
    let far = stage.by_way_of(long.address().port());
    let to = stage.path("got");
    let up = |way: &Way<'_>| way.ours().up(file, &stage.stored("ours")).unwrap().verbs;
    let down = |way: &Way<'_>| way.ours().down("ours", &to).unwrap().verbs;
    tell("up", mib, WINDOW_UP, up(&near), up(&far));
    tell("down", mib, WINDOW_DOWN, down(&near), down(&far));
    let (ours, peers) =
        (far.ours().up(file, &stage.stored("ours")).unwrap(), [far.put(file), far.send(file, 4), far.send(file, 64)]);
    beside("up", mib, ours.whole, peers);
    let (ours, peers) = (far.ours().down("ours", &to).unwrap(), [far.get(&to), far.fetch(&to, 4), far.fetch(&to, 64)]);
    beside("down", mib, ours.whole, peers);
}

/// How near to the limit: the window over the round trip, or what passes without any delay where that is less.
fn tell(what: &str, mib: u64, window: f64, near: Duration, far: Duration) {
    let rate = |it: Duration| mib as f64 / it.as_secs_f64();
    let limit = (window / ROUND_TRIP.as_secs_f64()).min(rate(near));
    let what = format!(
        "SFTP, {mib} MiB {what} with 50 ms there and back, against min({window} MiB window / 50 ms, {:.0} MiB/s without delay)",
        rate(near)
    );
    let (ours, peer) = (format!("{:.1} MiB/s", rate(far)), format!("{limit:.1} MiB/s"));
    println!("{}", json!({ "what": what, "ours": ours, "peer": peer, "ratio": rate(far) / limit, "at_least": 0.9 }));
}

fn beside(what: &str, mib: u64, ours: Duration, peers: [Duration; 3]) {
    for (peer, taken) in super::PEERS.iter().zip(peers) {
        super::tell(&format!("SFTP, {mib} MiB {what} with 50 ms there and back, against {peer}"), ours, taken, 1.0);
    }
}
