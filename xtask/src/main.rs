//! `cargo xtask`: the words of the command line, each handed to its task.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the tasks' only reader is the person who runs them")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::failure::{Failure, Result};
use xtask::tree::Tree;
use xtask::{bench, generate, oracle, real, scaffold, services, tidy};

/// The workspace's tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Words {
    /// The checkout to work in, if it is not this one.
    #[arg(long, global = true, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Makes a new leaf: a copy of the reference backend, registered and green.
    NewBackend {
        /// What `type:` will say, such as `web_dav`.
        name: String,
    },
    /// Writes what follows from the leaves: linked.rs, features, tables, references, schemas.
    Gen {
        /// Only says what is stale, and fails if anything is.
        #[arg(long)]
        check: bool,
        /// Only what needs no build: linked.rs, features, dependencies.
        #[arg(long)]
        files: bool,
    },
    /// Holds the rules that no compiler holds.
    Tidy,
    /// Builds real servers, pinned and cached, and prints where they are.
    Services {
        /// Which ones, or `all`, which is all but the large ones.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Runs the hermetic suite, and on demand what needs real software.
    Test {
        /// Also compares our names with those that Kubo gives, and runs the tests against real servers.
        #[arg(long)]
        real: bool,
        /// Only that.
        #[arg(long, requires = "real")]
        only: bool,
    },
    /// Measures what the README promises, against its peers, in one run.
    Bench {
        /// Writes docs/BENCHMARKS.md: a page with all rows.
        #[arg(long, conflicts_with = "rows")]
        save: bool,
        /// Only these rows, by the names that `--list` prints; absent: all.
        #[arg(value_name = "ROW")]
        rows: Vec<String>,
        /// Prints the names of the rows.
        #[arg(long)]
        list: bool,
    },
    /// Measures what each service gives by the released program, and writes docs/PERFORMANCE.md.
    Performance,
}

fn main() -> ExitCode {
    match run(Words::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("xtask: {err}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: Words) -> Result<()> {
    let tree = words.dir.map_or_else(Tree::own, Tree::at)?;
    match words.task {
        Task::NewBackend { name } => new_backend(&tree, &name),
        Task::Gen { check, files } => generate_all(&tree, check, files),
        Task::Tidy => tidy_up(&tree),
        Task::Services { names } => provision(&tree, &names),
        Task::Test { real, only } => test(&tree, real, only),
        Task::Bench { list: true, .. } => {
            bench::names().for_each(|it| println!("{it}"));
            Ok(())
        }
        Task::Bench { save, rows, .. } => measure(&tree, &rows, save),
        Task::Performance => bench::performance(&tree).map(|page| report(vec![page])),
    }
}

fn new_backend(tree: &Tree, name: &str) -> Result<()> {
    let name = scaffold::Name::parse(name)?;
    for file in scaffold::new_backend(tree, &name)? {
        println!("{file}");
    }
    println!("next: cargo test -p {}, then cargo xtask gen", name.package());
    Ok(())
}

fn generate_all(tree: &Tree, check: bool, files: bool) -> Result<()> {
    let mut outputs = generate::from_files(tree)?;
    if !check {
        // The program can only describe what is linked.
        report(generate::write(tree, &outputs)?);
    }
    if !files {
        outputs.extend(generate::from_descriptors(tree, &generate::describe(tree)?)?);
    }
    match check {
        true => generate::check(tree, &outputs).inspect(|()| println!("gen: {} files are up to date", outputs.len())),
        false => generate::write(tree, &outputs).map(report),
    }
}

fn report(written: Vec<String>) {
    written.iter().for_each(|it| println!("wrote {it}"));
}

fn tidy_up(tree: &Tree) -> Result<()> {
    let findings = tidy::findings(tree)?;
    findings.iter().for_each(|it| println!("{it}"));
    match findings.len() {
        0 => {
            println!("tidy: nothing found");
            Ok(())
        }
        n => Err(Failure::new(format!("tidy: {n} findings"))),
    }
}

fn provision(tree: &Tree, names: &[String]) -> Result<()> {
    for name in names {
        for service in services::named(name)? {
            println!("{}", service.provision(tree)?.display());
        }
    }
    Ok(())
}

fn test(tree: &Tree, real: bool, only: bool) -> Result<()> {
    if !only {
        oracle::hermetic(tree)?;
    }
    if real {
        // Asked first: nobody waits for half the tests to learn that a server is missing.
        let targets = real::targets(tree)?;
        let compared = oracle::compare(tree)?;
        println!("names like Kubo's: {compared} passed, 0 failed");
        println!("our S3 server for tests, by boto3");
        real::certify(tree)?;
        targets.iter().for_each(|it| println!("{it}"));
        let flaky = real::run(tree, &targets)?;
        flaky.iter().for_each(|it| println!("FLAKY: {it}: it failed, and passed by itself"));
    }
    Ok(())
}

fn measure(tree: &Tree, rows: &[String], save: bool) -> Result<()> {
    let page = bench::page(tree, rows, |name| eprintln!("measuring {name}"))?;
    println!("{page}");
    match save {
        true => tree.write("docs/BENCHMARKS.md", &page),
        false => Ok(()),
    }
}
