//! The words about bringing content and configuration in, and moving them.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand, ValueEnum};

#[derive(Debug, clap::Args)]
pub(crate) struct Adopt {
    /// Backends, each with everything that ipfs-kit has put there; or BACKEND:PREFIX, for what others have put there under these keys
    #[arg(value_name = "BACKEND[:PREFIX]", required_unless_present = "all")]
    pub(crate) what: Vec<String>,
    /// From all backends that are switched on
    #[arg(long, conflicts_with = "what")]
    pub(crate) all: bool,
    /// Of which catalog the names and pins are, where several have left theirs
    #[arg(long, value_name = "ID")]
    pub(crate) catalog: Option<String>,
    /// The policy under which what others have put there is kept [default: the one that fits]
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// Only say what would be done
    #[arg(long, action = ArgAction::SetTrue)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Migrate {
    /// The backend that is to be emptied
    pub(crate) backend: String,
    /// The backend that takes everything
    #[arg(long, value_name = "BACKEND")]
    pub(crate) to: String,
    /// Whether the first one is emptied once everything is proved on the other
    #[arg(long, value_enum, default_value_t = Moving::Move)]
    pub(crate) kind: Moving,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Moving {
    Copy,
    Move,
}

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Backup {
    #[command(subcommand)]
    pub(crate) command: Option<BackupCommand>,
    #[command(flatten)]
    pub(crate) make: MakeBackup,
}

#[derive(Debug, clap::Args)]
pub(crate) struct MakeBackup {
    /// On which backend everything is held
    #[arg(long, value_name = "BACKEND")]
    pub(crate) to: Option<String>,
    /// Of older backups keep the newest N; what no --keep option asks for is dropped
    #[arg(long, value_name = "N")]
    pub(crate) keep_last: Option<u32>,
    /// Of older backups keep the newest of each of N days
    #[arg(long, value_name = "N")]
    pub(crate) keep_daily: Option<u32>,
    /// Of older backups keep the newest of each of N weeks
    #[arg(long, value_name = "N")]
    pub(crate) keep_weekly: Option<u32>,
    /// Of older backups keep the newest of each of N months
    #[arg(long, value_name = "N")]
    pub(crate) keep_monthly: Option<u32>,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// List the backups that there are
    #[command(after_help = "Example:\n  ipfs-kit backup list")]
    List {
        /// Those on this backend [default: on all]
        #[arg(long, value_name = "BACKEND")]
        from: Option<String>,
    },
    /// Read back everything that a backup holds
    #[command(after_help = "Example:\n  ipfs-kit backup check latest")]
    Check {
        /// Its id, or latest
        id: String,
        /// On this backend [default: on whichever has it]
        #[arg(long, value_name = "BACKEND")]
        from: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The backup's id, or latest
    pub(crate) id: String,
    /// On this backend [default: on whichever has it]
    #[arg(long, value_name = "BACKEND")]
    pub(crate) from: Option<String>,
    /// Write every name as a file or folder under this folder, which must be new or empty
    #[arg(long, value_name = "FOLDER")]
    pub(crate) into: Option<PathBuf>,
    /// Bring names, pins and policies back into the catalog; this is what happens by default
    #[arg(long, conflicts_with = "into")]
    pub(crate) catalog: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Car {
    /// Write content with all its blocks as one CARv1: the same bytes as `ipfs dag export`
    #[command(
        after_help = "Examples:\n  ipfs-kit car export photos -o photos.car\n  ipfs-kit car export CID -o - | ipfs dag import"
    )]
    Export {
        /// A CID, CID/path, or a name that `ls` shows
        what: String,
        /// Where to; - is standard output [default: the name and .car]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Add the files and folders that a CAR has as its roots, with all the CIDs that they have there
    #[command(
        after_help = "Examples:\n  ipfs-kit car import photos.car --to local,usb\n  ipfs dag export CID | ipfs-kit car import - --name photos"
    )]
    Import {
        /// A CARv1 or CARv2; - is standard input
        file: PathBuf,
        /// The name under which it is listed, if there is one root [default: the file's name without .car]
        #[arg(long)]
        name: Option<String>,
        /// On which backends, comma separated [default: as the default policy says]
        #[arg(long, value_delimiter = ',', value_name = "BACKENDS")]
        to: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Configuration {
    /// The folder that ipfs_kit_py wrote, or an rclone.conf
    pub(crate) folder: PathBuf,
    /// What stands behind the colon of a remote of rclone: BUCKET, BUCKET/PREFIX or a folder; may be given several times
    #[arg(long = "root", value_name = "REMOTE=WHERE")]
    pub(crate) roots: Vec<String>,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}
