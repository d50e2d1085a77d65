//! One file a command, or a few that belong together.

mod add;
mod adopt;
mod backend;
mod backup;
mod car;
mod describe;
mod get;
mod health;
mod import;
mod keep;
mod look;
mod migrate;
mod papers;
mod pin;
mod policy;
mod remove;
mod report;
mod route;
mod run;
mod sync;
mod verify;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use backend_core::{Error, ErrorKind};
use backend_manager::config::Home;
use backend_manager::{Manager, Probing, Profile, profile};

use crate::args::{Args, Command, Internal};
use crate::exit::Exit;
use crate::interrupt::{block_on, serve};
use crate::output::{Failure, Output};

type Outcome = Result<Exit, Failure>;

/// Runs a command.
pub(crate) fn run(args: Args, output: &Output) -> Outcome {
    let home = args.home;
    match args.command {
        Command::Completion { shell } => papers::completion(shell),
        Command::Man { dir } => papers::man(dir.as_deref(), output),
        Command::Internal { command: Internal::Describe } => describe::run(output),
        Command::Backend(command) => backend::run(command, home, output),
        Command::Import(args) => import::run(&args, home, output),
        Command::Car(command) => telling(home, output, async |it| car::run(it, command, output).await),
        Command::Cid { path, import } => block_on(add::cid(&path, &import, output)),
        Command::Add { paths, name, to, keep, place, import } => {
            let request = add::Wanted { paths, name, to, keep, place, import };
            telling(home, output, async |it| add::run(it, request, output).await)
        }
        Command::Get { what, output: to, force, route } => block_on(async {
            get::get(&open(home)?.reading_by(route.by.into()), &what, to.as_deref(), force, output).await
        }),
        Command::Cat { what, range, route } => block_on(async {
            get::cat(&open(home)?.reading_by(route.by.into()), &what, range.as_deref(), output).await
        }),
        Command::Ls { what } => block_on(async { look::ls(&open(home)?, what.as_deref(), output).await }),
        Command::Stat { what } => block_on(async { look::stat(&open(home)?, &what, output).await }),
        Command::Rm { what, consent } => {
            telling(home, output, async |it| remove::run(it, &what, consent.yes, output).await)
        }
        Command::Health { names, usage, watch, interval } => {
            let probing = if usage { Probing::Usage } else { Probing::Look };
            let every = watch.then(|| std::time::Duration::from_secs(interval));
            let wanted = health::Wanted { names, probing, every };
            block_on(async { health::run(&open(home)?, &wanted, output).await })
        }
        Command::Route(command) => block_on(async { route::run(&open(home)?, command, output).await }),
        Command::Run(args) => serve(|stop| async move { run::run(open(home)?, args, stop, output).await }),
        Command::Policy(command) if !command.changes() => {
            block_on(async { policy::run(&open(home)?, command, output).await })
        }
        Command::Policy(command) => telling(home, output, async |it| policy::run(it, command, output).await),
        Command::Pin(command) if !command.changes() => {
            block_on(async { pin::run(&open(home)?, command, output).await })
        }
        Command::Pin(command) => telling(home, output, async |it| pin::run(it, command, output).await),
        Command::Reconcile(args) if args.dry_run => {
            block_on(async { keep::reconcile(&open(home)?, args, output).await })
        }
        Command::Reconcile(args) => telling(home, output, async |it| keep::reconcile(it, args, output).await),
        Command::Adopt(args) if args.dry_run => block_on(async { adopt::run(&open(home)?, args, output).await }),
        Command::Adopt(args) => telling(home, output, async |it| adopt::run(it, args, output).await),
        Command::Migrate(args) if args.dry_run => block_on(async { migrate::run(&open(home)?, args, output).await }),
        Command::Migrate(args) => telling(home, output, async |it| migrate::run(it, args, output).await),
        Command::Backup(args) if args.command.is_some() || args.make.dry_run => {
            block_on(async { backup::run(&open(home)?, args, output).await })
        }
        Command::Backup(args) => telling(home, output, async |it| backup::run(it, args, output).await),
        Command::Restore(args) => telling(home, output, async |it| backup::restore(it, args, output).await),
        Command::Scrub(args) => block_on(async { keep::scrub(&open(home)?, args, output).await }),
        Command::Copy(args) => block_on(async { sync::copy(&open(home)?, *args, output).await }),
        Command::Sync(args) => block_on(async { sync::sync(&open(home)?, *args, output).await }),
        Command::Report(args) => block_on(async { report::run(&open(home)?, args, output).await }),
        Command::Verify { what } => block_on(async { verify::run(&open(home)?, what.as_deref(), output).await }),
    }
}

/// Runs a command that may change what is wished, and tells the stores of it.
fn telling(home: Option<PathBuf>, output: &Output, work: impl AsyncFnOnce(&Manager) -> Outcome) -> Outcome {
    block_on(async {
        let manager = open(home)?;
        let done = work(&manager).await;
        adopt::told(&manager, done, output).await
    })
}

fn home(at: Option<PathBuf>) -> Result<Home, Failure> {
    match at {
        Some(path) => Ok(Home::at(path)),
        None => Ok(Home::resolve()?),
    }
}

fn open(at: Option<PathBuf>) -> Result<Manager, Failure> {
    Ok(Manager::open(home(at)?)?)
}

fn profile_named(name: &str) -> Result<Profile, Failure> {
    let unknown =
        || Error::new(ErrorKind::InvalidInput, format!("no profile is called {}", crate::output::escape(name)));
    Ok(profile::by_name(name).ok_or_else(unknown)?)
}

/// Asks before something that cannot be taken back. Without a terminal there is nobody to ask: then `--yes` must be given.
fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Error::new(ErrorKind::InvalidInput, "this cannot be taken back: confirm it with --yes").into());
    }
    let _ = write!(std::io::stderr().lock(), "{question} [y/N] ");
    let mut answer = String::new();
    stdin.read_line(&mut answer)?;
    match answer.trim().eq_ignore_ascii_case("y") || answer.trim().eq_ignore_ascii_case("yes") {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::InvalidInput, "not confirmed, nothing was done").into()),
    }
}
