//! The catalog's tables load in PostgreSQL 15 as they are, and the statements that decide races mean the same there.
//!
//! A throw-away cluster in a temporary folder, on a unix socket, run by an unprivileged user. Without PostgreSQL on the machine the test says so and
//! passes; in CI (`CI` is set) its absence fails.

#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use backend_manager::catalog::schema::{DDL, POSTGRES_AFTER, POSTGRES_BEFORE};
use tempfile::TempDir;

/// `nobody`, by number: PostgreSQL refuses to be run by root.
const NOBODY: u32 = 65534;

/// Where PostgreSQL's programs are: Debian's folder, the newest first, or the search path.
fn programs() -> Option<PathBuf> {
    let debian = (15..=18).rev().map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = debian.chain(std::env::split_paths(&path).collect::<Vec<_>>());
    folders.into_iter().find(|folder| ["initdb", "pg_ctl", "psql"].iter().all(|name| folder.join(name).exists()))
}

struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    root: bool,
}

impl Cluster {
    fn start(programs: PathBuf) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap();
        let root = rustix::process::geteuid().is_root();
        if root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let cluster = Self { programs, folder, root };
        let data = cluster.data();
        cluster.run("initdb", &["-D", &data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]);
        let options = format!("-k {} -h '' -F", cluster.folder.path().display());
        cluster.run("pg_ctl", &["-D", &data, "-w", "-o", &options, "-l", &format!("{data}.log"), "start"]);
        cluster
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if self.root { Command::new("setpriv") } else { Command::new(&program) };
        if self.root {
            let nobody = NOBODY.to_string();
            command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups", "--"]).arg(program);
        }
        command.current_dir(self.folder.path());
        command
    }

    fn run(&self, program: &str, args: &[&str]) {
        let log = self.folder.path().join("run.log");
        // The server inherits what it is started with: a pipe would never end.
        let out = std::fs::File::create(&log).unwrap();
        let status = self.command(program).args(args).stdout(out.try_clone().unwrap()).stderr(out).status().unwrap();
        assert!(status.success(), "{program}: {}", std::fs::read_to_string(&log).unwrap());
    }

    fn psql(&self, text: &str) -> Output {
        let socket = self.folder.path().display().to_string();
        let args = [
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            &socket,
            "-U",
            "test",
            "-d",
            "postgres",
            "-c",
            text,
        ];
        self.command("psql").args(args).output().unwrap()
    }

    /// What a statement answers, which must succeed.
    fn check(&self, text: &str, want: &str) {
        let output = self.psql(text);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}: {said}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), want, "{text}");
    }

    fn refuses(&self, text: &str, why: &str) {
        let output = self.psql(text);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{text}: {said}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A server that outlives its folder ends by itself.
        drop(self.command("pg_ctl").args(["-D", &self.data(), "-m", "immediate", "-w", "stop"]).output());
    }
}

fn load(cluster: &Cluster) {
    let file = cluster.folder.path().join("catalog.sql");
    std::fs::write(&file, format!("{POSTGRES_BEFORE}\n{DDL}\n{POSTGRES_AFTER}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    load_file(cluster, &file);
}

fn load_file(cluster: &Cluster, file: &Path) {
    let (socket, file) = (cluster.folder.path().display().to_string(), file.display().to_string());
    let args = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-h", &socket, "-U", "test", "-d", "postgres", "-f", &file];
    cluster.run("psql", &args);
}

#[test]
fn the_tables_load_and_mean_the_same() {
    let Some(programs) = programs() else {
        assert!(std::env::var_os("CI").is_none(), "CI must have PostgreSQL");
        println!("not run: there is no PostgreSQL on this machine");
        return;
    };
    let cluster = Cluster::start(programs);
    load(&cluster);
    cluster.check("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'public'", "20");
    cluster.check("INSERT INTO meta VALUES ('epoch', '4')", "");
    cluster.check("INSERT INTO policies (name, spec) VALUES ('default', '{}') RETURNING id", "1");
    let content = r"INSERT INTO contents (cid, size, kind, profile, created_at) VALUES ('\x0155', 3, 0, 1, 0) ON CONFLICT (cid) DO NOTHING RETURNING id";
    cluster.check(content, "1");
    cluster.check(content, "");
    cluster
        .check("INSERT INTO backends (name, kind, domain, quota_bytes) VALUES ('a', 'm', 'a', 10) RETURNING id", "1");
    let reserve = "UPDATE backends SET used_bytes = used_bytes + 6 WHERE id = 1 AND (quota_bytes IS NULL OR used_bytes + 6 <= quota_bytes) RETURNING used_bytes";
    cluster.check(reserve, "6");
    cluster.check(reserve, "");
    let insert = "INSERT INTO replicas (content_id, backend_id, key, state, epoch, changed_at)
        VALUES (1, 1, 'k', 1, (SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'epoch') + 1, 0) RETURNING epoch";
    cluster.check(insert, "5");
    let arrow = "UPDATE replicas SET epoch = epoch + 1, state = 2 WHERE content_id = 1 AND backend_id = 1 AND key = 'k' AND epoch = 5 AND state IN (1, 8) RETURNING epoch";
    cluster.check(arrow, "6");
    cluster.check(arrow, "");
    let pinned = "SELECT NOT EXISTS (WITH RECURSIVE up (id) AS (SELECT 1 UNION SELECT l.parent_id FROM links l JOIN up ON l.child_id = up.id)
        SELECT 1 FROM up JOIN pins p ON p.content_id = up.id)";
    cluster.check(pinned, "t");
    cluster.check("INSERT INTO transfers VALUES (1, 1, 'k', 'token', 0, 'f', 0)", "");
    cluster.refuses("DELETE FROM replicas", "foreign key");
    cluster.refuses("UPDATE backends SET used_bytes = -1", "check constraint");
    cluster.refuses(
        "INSERT INTO replicas (content_id, backend_id, state, changed_at) VALUES (1, 1, 9, 0)",
        "check constraint",
    );
}
