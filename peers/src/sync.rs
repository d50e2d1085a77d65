//! `ipfs-kit sync` beside `rclone sync`, a folder to S3: many small files, one large, and a hundred thousand of which none has changed.
//!
//! Each turn has a bucket of its own, and ours a home of its own. Each of rclone's ways to compare is measured, and the best of them counts; flags as its
//! documentation says they are best for S3: <https://rclone.org/s3/#reducing-costs>, <https://rclone.org/docs/#fast-list>.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use backend_testkit::real::{SECRET, Server, USER, program};

use crate::Result;
use crate::case::{MEDIUM, noise};
use crate::compare::{begun, line, ratio, text};
use crate::cost::Cost;

const ROUNDS: usize = 2;
const LARGE: u64 = 2 << 30;
const SMALL: usize = 4096;
const MANY: usize = 10_000;
const STANDING: usize = 100_000;
/// The most memory of ours in any case, MiB: that of S3.
const MOST_MIB: f64 = 96.0;
/// GNU time: the kernel's account of a finished child.
const TIME: &str = "/usr/bin/time";

/// What is passed to rclone in every case, and what its ways to compare are called.
const RCLONE: [&str; 4] = ["--fast-list", "--checkers=64", "--stats=0", "--retries=1"];
const WAYS: [(&str, &str); 3] = [("times", "--checkers=64"), ("checksum", "--checksum"), ("size-only", "--size-only")];

/// Runs `cases`, or all, of the program at `ours`.
pub(crate) fn sync(ours: &Path, server: &str, cases: &[&str]) -> Result<()> {
    let is_wanted = |name: &str| cases.is_empty() || cases.contains(&name);
    let stage = Stage::set(ours, server)?;
    let folder = |name: &str| stage.folder.join(name);
    if is_wanted("small") {
        fill(&folder("small"), MANY, SMALL)?;
        stage.copies("10,000 x 4 KiB", &folder("small"), &["--transfers=64"], 1.5)?;
        fs::remove_dir_all(folder("small"))?;
    }
    if is_wanted("large") {
        gigabytes(&folder("large"))?;
        let flags = ["--s3-chunk-size=16M", "--s3-upload-concurrency=8", "--s3-disable-checksum"];
        stage.copies("one file of 2 GiB", &folder("large"), &flags, 1.0)?;
        fs::remove_dir_all(folder("large"))?;
    }
    if is_wanted("standing") {
        fill(&folder("standing"), STANDING, 16)?;
        stage.standing(&folder("standing"))?;
    }
    Ok(())
}

struct Stage {
    ours: PathBuf,
    rclone: PathBuf,
    server: Server,
    folder: PathBuf,
    turn: Cell<usize>,
}

impl Stage {
    fn set(ours: &Path, server: &str) -> Result<Self> {
        let server = begun(server)?;
        let folder = server.data().with_file_name("sources");
        fs::create_dir_all(&folder)?;
        let (ours, rclone) = (fs::canonicalize(ours)?, program("rclone")?);
        Ok(Self { ours, rclone, server, folder, turn: Cell::new(0) })
    }

    fn bucket(&self) -> Result<String> {
        self.turn.set(self.turn.get() + 1);
        let name = format!("turn-{}", self.turn.get());
        self.server.bucket(&name)?;
        Ok(name)
    }

    /// A home with this bucket as a backend, probed as `backend test --write` does: what a user does once.
    fn home(&self, bucket: &str) -> Result<PathBuf> {
        let home = self.folder.with_file_name(format!("home-{bucket}"));
        fs::create_dir_all(&home)?;
        let mut create = self.program(&home);
        create.args(["backend", "create", "far", "--type", "s3"]);
        for setting in [
            format!("connection.endpoint_url={}", self.server.url()),
            format!("connection.bucket={bucket}"),
            "connection.region=us-east-1".to_owned(),
            "connection.path_style=true".to_owned(),
            format!("credentials.access_key_id={USER}"),
            format!("credentials.secret_access_key={SECRET}"),
        ] {
            create.args(["--set", &setting]);
        }
        done(&mut create)?;
        done(self.program(&home).args(["backend", "test", "far", "--write"]))?;
        Ok(home)
    }

    fn program(&self, home: &Path) -> Command {
        let mut it = Command::new(&self.ours);
        it.env("IPFS_KIT_HOME", home);
        it
    }

    fn our_sync(&self, home: &Path, from: &Path) -> Result<Cost> {
        let mut sync = self.program(home);
        sync.arg("sync").arg(from).args(["far:", "--quiet"]);
        self.cost(&sync)
    }

    fn rclone_sync(&self, bucket: &str, from: &Path, flags: &[&str]) -> Result<Cost> {
        let mut sync = Command::new(&self.rclone);
        sync.arg("sync").arg(from).arg(format!("far:{bucket}")).args(RCLONE).args(flags);
        let settings = [
            ("TYPE", "s3"),
            ("PROVIDER", "Other"),
            ("ENDPOINT", &self.server.url()),
            ("ACCESS_KEY_ID", USER),
            ("SECRET_ACCESS_KEY", SECRET),
            ("REGION", "us-east-1"),
            ("FORCE_PATH_STYLE", "true"),
            // The bucket is there: it need not ask before each file.
            ("NO_CHECK_BUCKET", "true"),
        ];
        sync.env("RCLONE_CONFIG", "").env("HOME", &self.folder);
        for (name, value) in settings {
            sync.env(format!("RCLONE_CONFIG_FAR_{name}"), value);
        }
        self.cost(&sync)
    }

    /// What a run cost that ended well.
    fn cost(&self, command: &Command) -> Result<Cost> {
        let note = self.folder.with_file_name("note");
        let mut timed = Command::new(TIME);
        timed.arg("-o").arg(&note).args(["-f", "%U %S %M"]).arg(command.get_program()).args(command.get_args());
        timed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let begun = Instant::now();
        done(&mut timed).map_err(|err| format!("{err}{}", self.server.log()))?;
        let wall = begun.elapsed();
        let account = fs::read_to_string(&note)?;
        let mut numbers = account.split_whitespace().map(str::parse::<f64>);
        let mut next = || numbers.next().ok_or_else(|| format!("{TIME} says {account:?}"));
        let cpu = Duration::from_secs_f64(next()?? + next()??);
        Ok(Cost { wall, cpu, rss_kib: next()?? as u64 })
    }

    /// All of a folder, to where there is nothing.
    fn copies(&self, what: &str, from: &Path, flags: &[&str], at_least: f64) -> Result<()> {
        let (mut ours, mut peer) = (None, None);
        for _ in 0..ROUNDS {
            let home = self.home(&self.bucket()?)?;
            best(&mut ours, self.our_sync(&home, from)?);
            fs::remove_dir_all(home)?;
            best(&mut peer, self.rclone_sync(&self.bucket()?, from, flags)?);
        }
        tell(&format!("sync to S3 of {what}"), &ours, &peer, "rclone", at_least)
    }

    /// Nothing has changed since the last time.
    fn standing(&self, from: &Path) -> Result<()> {
        let (bucket, theirs) = (self.bucket()?, self.bucket()?);
        let home = self.home(&bucket)?;
        let first = self.our_sync(&home, from)?;
        eprintln!("first sync of {STANDING}, ours: {}", text(first));
        let first = self.rclone_sync(&theirs, from, &["--transfers=64"])?;
        eprintln!("first sync of {STANDING}, rclone: {}", text(first));
        let mut ours = None;
        let mut ways = WAYS.map(|(way, flag)| (way, flag, None));
        for _ in 0..ROUNDS {
            best(&mut ours, self.our_sync(&home, from)?);
            for (_, flag, peer) in &mut ways {
                best(peer, self.rclone_sync(&theirs, from, &[flag])?);
            }
        }
        for (way, _, peer) in &ways {
            tell(&format!("sync to S3 of {STANDING} unchanged files, rclone by {way}"), &ours, peer, way, 2.0)?;
        }
        Ok(())
    }
}

fn best(so_far: &mut Option<Cost>, cost: Cost) {
    *so_far = Some(so_far.map_or(cost, |it| it.best(cost)));
}

fn tell(what: &str, ours: &Option<Cost>, peer: &Option<Cost>, name: &str, at_least: f64) -> Result<()> {
    let (Some(ours), Some(peer)) = (*ours, *peer) else { return Err("nothing was measured".into()) };
    eprintln!("{what}\n  ours   {}\n  {name}   {}", text(ours), text(peer));
    line(&format!("{what}, wall"), ours, name, peer, ratio(peer.wall, ours.wall), "at_least", at_least);
    line(&format!("{what}, memory of ours, MiB"), ours, name, peer, ours.rss_kib as f64 / 1024.0, "at_most", MOST_MIB);
    Ok(())
}

/// Runs it; what it said is in the error.
fn done(command: &mut Command) -> Result<()> {
    let answer = command.output()?;
    match answer.status.success() {
        true => Ok(()),
        false => {
            let said = [answer.stdout, answer.stderr].map(|it| String::from_utf8_lossy(&it).into_owned()).concat();
            Err(format!("{:?}: {}: {said}", command.get_program(), answer.status).into())
        }
    }
}

/// Files that are older than the run, so that nobody takes them for being written.
fn fill(folder: &Path, count: usize, len: usize) -> Result<()> {
    let block = noise(MEDIUM);
    for n in 0..count {
        let folder = folder.join(format!("{:02}", n % 64));
        if n < 64 {
            fs::create_dir_all(&folder)?;
        }
        let at = n * 16 % (MEDIUM - len);
        let mut file = File::create(folder.join(format!("file-{n:06}")))?;
        file.write_all(&(n as u64).to_le_bytes())?;
        file.write_all(&block[at + 8..at + len])?;
    }
    Ok(())
}

fn gigabytes(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let block = noise(MEDIUM);
    let mut file = File::create(folder.join("large"))?;
    for n in 0..LARGE / MEDIUM as u64 {
        file.write_all(&n.to_le_bytes())?;
        file.write_all(&block[8..])?;
    }
    file.sync_all()?;
    Ok(())
}
