//! The words about backends.

use clap::Subcommand;

use super::Consent;

#[derive(Debug, Subcommand)]
pub(crate) enum Backend {
    /// Make a backend known
    #[command(after_help = "Example:\n  ipfs-kit backend create usb --type local --set connection.path=/mnt/usb")]
    Create {
        /// Its name: lower-case letters, digits, - and _
        name: String,
        /// Its type: see `backend types`
        #[arg(long = "type", value_name = "TYPE")]
        kind: String,
        /// A key and its value, such as connection.path=/mnt/usb; a list is one of JSON
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// List the backends
    #[command(
        after_help = "Examples:\n  ipfs-kit backend list --json\n  ipfs-kit backend list --can range --can remove"
    )]
    List {
        /// Only those that offer this, such as range, remove or pin; given several times, all of it
        #[arg(long = "can", value_name = "CAPABILITY")]
        can: Vec<String>,
    },
    /// Show a configuration; secrets are masked
    #[command(after_help = "Example:\n  ipfs-kit backend show usb")]
    Show {
        /// Its name
        name: String,
    },
    /// Change a configuration; comments in the file are lost
    #[command(after_help = "Example:\n  ipfs-kit backend update usb --set enabled=false --unset description")]
    Update {
        /// Its name
        name: String,
        /// A key and its value
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// A key to take away
        #[arg(long = "unset", value_name = "KEY")]
        unset: Vec<String>,
    },
    /// Forget a backend; what it keeps stays where it is
    #[command(after_help = "Example:\n  ipfs-kit backend remove usb --yes")]
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Ask a backend how it is
    #[command(after_help = "Example:\n  ipfs-kit backend test usb --write")]
    Test {
        /// Its name
        name: String,
        /// Also write a small object, read it back and remove it
        #[arg(long)]
        write: bool,
    },
    /// List the types of backends in this build, or say which of them suits a purpose
    #[command(after_help = "Examples:\n  ipfs-kit backend types\n  ipfs-kit backend types --for archival")]
    Types {
        /// archival, backup, cache, cdn, collaboration, datasets or source
        #[arg(long = "for", value_name = "PURPOSE")]
        purpose: Option<String>,
    },
}
