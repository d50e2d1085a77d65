//! What the journeys share; they live in `tests/`.
#![expect(clippy::panic, reason = "helpers of tests: a set-up that fails, fails the test")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The program with its fault points: the example `program` of this package, which `cargo test -p journeys` builds. (A run with `--test NAME` builds that
/// test alone; there, use a filter by name instead: `cargo test -p journeys NAME`.)
///
/// # Panics
/// When it was not built: a journey without the program would show nothing.
pub fn program() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    // A test lies in `target/PROFILE/deps`, an example in `target/PROFILE/examples`.
    let profile = this.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let program = profile.join("examples/program");
    assert!(program.is_file(), "{} is missing: run `cargo build -p journeys --example program`", program.display());
    program
}

/// A home of its own for one journey, and the program in it.
#[derive(Debug)]
pub struct Journey {
    folder: tempfile::TempDir,
    program: PathBuf,
}

/// What one run of the program answered.
#[derive(Debug)]
pub struct Answer {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Answer {
    /// stdout as text, without the last line's end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }

    /// stdout as one JSON object a line.
    pub fn json(&self) -> Vec<serde_json::Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect()
    }
}

impl Default for Journey {
    fn default() -> Self {
        Self::new()
    }
}

impl Journey {
    /// An empty home.
    ///
    /// # Panics
    /// When there is no place for temporary files.
    pub fn new() -> Self {
        Self::by(program())
    }

    /// An empty home, and another program, such as the one that is released.
    ///
    /// # Panics
    /// When there is no place for temporary files.
    pub fn by(program: PathBuf) -> Self {
        Self { folder: tempfile::tempdir().unwrap_or_else(|err| panic!("no temporary folder: {err}")), program }
    }

    /// A path in the folder of this journey.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The home of the program.
    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// The program with these words, not yet run.
    pub fn command<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).env_clear().env("IPFS_KIT_HOME", self.home()).current_dir(self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs the program.
    pub fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Answer {
        answer(&mut self.command(words))
    }

    /// Runs the program and expects that it succeeds.
    ///
    /// # Panics
    /// When it does not.
    pub fn ok<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Answer {
        let answer = self.run(words);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        answer
    }

    /// Runs the program until it passes the fault point `point`, at which it dies.
    ///
    /// # Panics
    /// When it ends in any other way: a fault point that is never passed shows nothing.
    pub fn killed_at<S: AsRef<OsStr>>(&self, point: &str, words: impl IntoIterator<Item = S>) {
        let answer = answer(self.command(words).env("IPFS_KIT_FAULT", point));
        assert_eq!(answer.code, None, "the point {point} was not passed: {}", answer.stderr);
    }

    /// Runs the program and kills it after so long, if it has not ended by then; answers whether it was killed.
    ///
    /// # Panics
    /// When it cannot be run, or ends before its time with another code than 0.
    pub fn killed_after<S: AsRef<OsStr>>(&self, delay: Duration, words: impl IntoIterator<Item = S>) -> bool {
        let mut command = self.command(words);
        let failed = |err| panic!("the program cannot be run: {err}");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap_or_else(failed);
        std::thread::sleep(delay);
        // One that has ended already is not there to be killed.
        drop(child.kill());
        let code = child.wait().unwrap_or_else(|err| panic!("no end: {err}")).code();
        assert!(matches!(code, None | Some(0)), "it ended with {code:?} before it was killed");
        code.is_none()
    }

    /// Makes a folder and a local backend in it.
    ///
    /// # Panics
    /// When it cannot.
    pub fn backend(&self, name: &str) -> PathBuf {
        let folder = self.path(name);
        std::fs::create_dir_all(&folder).unwrap_or_else(|err| panic!("{err}"));
        let set = format!("connection.path={}", folder.display());
        self.ok(["backend", "create", name, "--type", "local", "--set", &set]);
        folder
    }

    /// Every file under `folder`, with its bytes, by path relative to it.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(&next).unwrap_or_else(|err| panic!("{}: {err}", next.display())).flatten() {
                let path = entry.path();
                match path.is_dir() && !path.is_symlink() {
                    true => folders.push(path),
                    false => {
                        let bytes = std::fs::read(&path).unwrap_or_default();
                        files.insert(path.strip_prefix(folder).unwrap_or(&path).to_owned(), bytes);
                    }
                }
            }
        }
        files
    }
}

fn answer(command: &mut Command) -> Answer {
    let output = command.output().unwrap_or_else(|err| panic!("the program cannot be run: {err}"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Answer { code: output.status.code(), stdout: output.stdout, stderr }
}

/// Bytes that look random and are always the same: an LCG, seeded.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state >> 17).to_le_bytes()[..5]);
    }
    bytes.truncate(len);
    bytes
}

/// Writes a file below a folder, and the folders on its way.
///
/// # Panics
/// When it cannot.
pub fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    let made = std::fs::create_dir_all(path.parent().unwrap_or(folder));
    made.and_then(|()| std::fs::write(&path, bytes)).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
}

/// The files of a folder that are no business of a store's own.
///
/// # Panics
/// When it cannot be read.
pub fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    Journey::files(folder).into_iter().filter(|it| !it.0.starts_with(".ipfs-kit")).collect()
}

/// Changes one byte of a file.
///
/// # Panics
/// When the file is shorter.
pub fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    bytes[at] ^= 0x40;
    std::fs::write(path, bytes).unwrap_or_else(|err| panic!("{err}"));
}

/// Where the local store under `folder` keeps the plain bytes of `cid`.
pub fn stored(folder: &Path, cid: &str) -> PathBuf {
    folder.join(".ipfs-kit/c").join(&cid[cid.len() - 2..]).join(cid)
}

/// The lines of all blocks of shell of a page, in order.
fn script(text: &str) -> String {
    let (mut lines, mut inside) = (Vec::new(), false);
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => lines.push(line),
            _ => {}
        }
    }
    lines.join("\n")
}

/// Runs a page under `docs` in an empty folder of the journey, with these variables; answers what it printed on stdout and on stderr.
///
/// # Panics
/// When the page has nothing to run, or a line of it fails.
pub fn tutorial(it: &Journey, page: &str, variables: &[(&str, String)]) -> (String, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    let script = script(&text);
    assert!(script.contains("ipfs-kit"), "{} has nothing to run", path.display());
    let (bin, work) = (it.path("bin"), it.path("work"));
    for folder in [&bin, &work] {
        std::fs::create_dir_all(folder).unwrap_or_else(|err| panic!("{}: {err}", folder.display()));
    }
    std::os::unix::fs::symlink(&it.program, bin.join("ipfs-kit")).unwrap_or_else(|err| panic!("no link: {err}"));
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).env_clear().current_dir(work).stdin(Stdio::null());
    bash.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).env("IPFS_KIT_HOME", it.home());
    bash.envs(variables.iter().map(|(name, value)| (name, value)));
    let output = bash.output().unwrap_or_else(|err| panic!("bash cannot be run: {err}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}: {out}\n{err}", path.display());
    (out, err)
}
