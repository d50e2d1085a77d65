//! The words of the command line. Help, completions and manual pages are made of this.

mod backend;
mod bringing;
mod keeping;
mod moving;
mod routing;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use backend::Backend;
pub(crate) use bringing::{Adopt, Backup, BackupCommand, Car, Configuration, MakeBackup, Migrate, Moving, Restore};
pub(crate) use keeping::{Pin, Policy, PolicyChange, Reconcile, Report, Run, Scrub};
pub(crate) use moving::{Copy, Ends, How, Sync};
pub(crate) use routing::Route;

/// Keeps content on many storage services at once, provably.
#[derive(Debug, Parser)]
#[command(name = "ipfs-kit", version, propagate_version = true, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 auth, 5 unavailable, 6 integrity, 7 partial, 8 unsupported, 130 interrupted."
)]
pub(crate) struct Args {
    /// Where configuration and catalog are [default: $IPFS_KIT_HOME or ~/.ipfs_kit]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Answer in JSON; the shapes are in docs/JSON.md
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress, and no remarks on stderr
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// What to log to stderr: error, warn, info, debug, trace, or a filter such as backend_manager=debug
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add files, folders, or standard input (-)
    #[command(
        after_help = "Examples:\n  ipfs-kit add ./photos --to local,usb\n  tar c src | ipfs-kit add - --name src.tar\n  ipfs-kit add report.pdf --to bucket --key reports/2026.pdf"
    )]
    Add {
        /// What to add; - is standard input
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// The name under which it is listed [default: the path's last part]
        #[arg(long)]
        name: Option<String>,
        /// On which backends, comma separated [default: as its policy says]
        #[arg(long, value_delimiter = ',', value_name = "BACKENDS")]
        to: Vec<String>,
        #[command(flatten)]
        keep: Keep,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        import: Import,
    },
    /// Content as an archive of blocks (CAR), and back
    #[command(subcommand)]
    Car(Car),
    /// Only say the name that content has
    #[command(after_help = "Example:\n  ipfs-kit cid big.iso")]
    Cid {
        /// What to name; - is standard input
        path: PathBuf,
        #[command(flatten)]
        import: Import,
    },
    /// Write content to a file or folder
    #[command(after_help = "Examples:\n  ipfs-kit get photos -o out\n  ipfs-kit get CID/sub/file.jpg")]
    Get {
        /// A CID, CID/path, or a name that `ls` shows
        what: String,
        /// Where to; - is standard output [default: the name]
        #[arg(long, short, value_name = "PATH")]
        output: Option<PathBuf>,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        route: routing::Preference,
    },
    /// Write content, or a range of it, to standard output
    #[command(after_help = "Example:\n  ipfs-kit cat CID --range 1000-2000")]
    Cat {
        /// A CID, CID/path, or a name that `ls` shows
        what: String,
        /// Bytes FIRST-LAST (both included), FIRST- or -COUNT
        #[arg(long, allow_hyphen_values = true)]
        range: Option<String>,
        #[command(flatten)]
        route: routing::Preference,
    },
    /// List names, or a directory
    #[command(after_help = "Examples:\n  ipfs-kit ls\n  ipfs-kit ls CID/sub")]
    Ls {
        /// The beginning of names, or a directory: CID, CID/path
        what: Option<String>,
    },
    /// Everything known of content: names, pins, copies and their evidence
    #[command(after_help = "Example:\n  ipfs-kit stat CID --json")]
    Stat {
        /// A CID, CID/path, or a name that `ls` shows
        what: String,
    },
    /// Stop keeping content, and remove its copies
    #[command(after_help = "Example:\n  ipfs-kit rm photos --yes")]
    Rm {
        /// CIDs, or names that `ls` shows
        #[arg(required = true)]
        what: Vec<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Read copies back and hash them: one content, or all
    #[command(after_help = "Example:\n  ipfs-kit verify")]
    Verify {
        /// A CID, or a name that `ls` shows [default: everything]
        what: Option<String>,
    },
    /// Bring what lies at one place to another, and delete nothing there
    #[command(
        after_help = "Examples:\n  ipfs-kit copy photos usb:photos\n  ipfs-kit copy bucket:reports ./reports --include '*.pdf'"
    )]
    Copy(Box<Copy>),
    /// Make one place equal to another; what is only there goes with --delete
    #[command(
        after_help = "Examples:\n  ipfs-kit sync photos usb:photos --dry-run\n  ipfs-kit sync photos usb:photos --delete --max-delete 5%\n  ipfs-kit sync catalog:photos/ ./photos"
    )]
    Sync(Box<Sync>),
    /// How backends are: reads, writes, quotas, and the month's traffic
    #[command(
        after_help = "Examples:\n  ipfs-kit health\n  ipfs-kit health usb --usage\n  ipfs-kit health --watch --interval 5"
    )]
    Health {
        /// Their names [default: all that are switched on]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Also ask what the service counts, and compare it with the catalog
        #[arg(long)]
        usage: bool,
        /// Look again and again
        #[arg(long)]
        watch: bool,
        /// Seconds between two looks
        #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
        interval: u64,
    },
    /// Say which backend is asked first, and why
    #[command(subcommand)]
    Route(Route),
    /// Keep at it: look after backends and contents until it is stopped
    #[command(after_help = "Example:\n  ipfs-kit run --listen 9464 --max-rate 20MiB")]
    Run(Run),
    /// What is to be kept, where, and how often
    #[command(subcommand)]
    Policy(Policy),
    /// Which content is to be kept
    #[command(subcommand)]
    Pin(Pin),
    /// Do what is missing between what is wanted and what is there: copy, repair, verify, remove
    #[command(after_help = "Examples:\n  ipfs-kit reconcile --dry-run\n  ipfs-kit reconcile --watch --every 10m")]
    Reconcile(Reconcile),
    /// Read back copies that nobody has looked at for long
    #[command(after_help = "Example:\n  ipfs-kit scrub --older-than 30d --budget 100GiB --max-rate 20MiB")]
    Scrub(Scrub),
    /// Say what was checked, what was wrong, what was done, and what remains
    #[command(after_help = "Example:\n  ipfs-kit report --since 7d --html report.html")]
    Report(Report),
    /// Backends: create, list, show, update, remove, test, types
    #[command(subcommand)]
    Backend(Backend),
    /// Take on what lies on backends: after a lost catalog all that was named, or what others have put there
    #[command(
        after_help = "Examples:\n  ipfs-kit adopt --all\n  ipfs-kit adopt usb --dry-run\n  ipfs-kit adopt bucket:photos/ --policy archive"
    )]
    Adopt(Adopt),
    /// Copy everything from one backend to another, read it back there, and only then remove it from the first
    #[command(
        after_help = "Examples:\n  ipfs-kit migrate usb --to archive --dry-run\n  ipfs-kit migrate usb --to archive"
    )]
    Migrate(Migrate),
    /// Hold everything that is named or pinned, with its bytes, on one backend
    #[command(
        after_help = "Examples:\n  ipfs-kit backup --to usb --keep-last 3 --keep-monthly 12\n  ipfs-kit backup list\n  ipfs-kit backup check latest"
    )]
    Backup(Backup),
    /// Bring a backup back: into the catalog, or into a folder
    #[command(after_help = "Examples:\n  ipfs-kit restore latest --from usb\n  ipfs-kit restore latest --into ./back")]
    Restore(Restore),
    /// Bring the configuration of ipfs_kit_py, or of rclone, along
    #[command(
        after_help = "Examples:\n  ipfs-kit import ~/.ipfs_kit --dry-run\n  ipfs-kit import ~/.config/rclone/rclone.conf --root photos=my-bucket/2026"
    )]
    Import(Configuration),
    /// Print the completion script of a shell
    #[command(after_help = "Example:\n  ipfs-kit completion bash > /etc/bash_completion.d/ipfs-kit")]
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages of all commands
    #[command(after_help = "Example:\n  ipfs-kit man --dir /usr/local/share/man/man1")]
    Man {
        /// The folder to write them to [default: the main page to standard output]
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// For the tools of this project
    #[command(hide = true)]
    Internal {
        #[command(subcommand)]
        command: Internal,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Keep {
    /// The policy under which it is kept [default: the one that fits]
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// A label that is noted with its name; policies can match it
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub(crate) labels: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The key under which a file's bytes lie, on stores whose names can be chosen [default: what its CID says]
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// What the keys of a folder's files begin with; each file's path in the folder follows
    #[arg(long, value_name = "PREFIX", conflicts_with = "key")]
    pub(crate) key_prefix: Option<String>,
    /// Refuse a target where other content lies under the key, instead of replacing it
    #[arg(long)]
    pub(crate) if_absent: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// How the DAG is built: unixfs-v1-2025, unixfs-v0-2015, kubo-cid-v1, storacha
    #[arg(long, default_value = "unixfs-v1-2025")]
    pub(crate) profile: String,
    /// Take names that begin with a dot, too
    #[arg(long)]
    pub(crate) hidden: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Consent {
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Internal {
    /// Everything that generated documents are made of, as JSON
    Describe,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}
