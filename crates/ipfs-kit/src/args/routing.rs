//! The words about which backend is asked first.

use backend_manager::Criterion;
use backend_manager::config::Size;
use clap::{Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum Route {
    /// Say in which order the copies of content would be asked, and why; nothing is fetched
    #[command(
        after_help = "Examples:\n  ipfs-kit route explain CID\n  ipfs-kit route explain film.mkv --by cost --json"
    )]
    Explain {
        /// A CID, CID/path, or a name that `ls` shows
        what: String,
        /// What matters
        #[arg(long, value_enum, default_value_t = By::Balanced)]
        by: By,
    },
    /// Say where new content could go, best first, and where not
    #[command(after_help = "Example:\n  ipfs-kit route place 4GiB --policy films --by throughput")]
    Place {
        /// How large it is, such as 4GiB
        size: Size,
        /// Under which policy
        #[arg(long, value_name = "NAME", default_value = "default")]
        policy: String,
        /// What matters
        #[arg(long, value_enum, default_value_t = By::Balanced)]
        by: By,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Preference {
    /// What matters when several copies could be read
    #[arg(long, value_enum, default_value_t = By::Balanced)]
    pub(crate) by: By,
}

/// What matters when several backends could do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Time against cost, for the whole content
    Balanced,
    /// How soon the first byte comes
    Latency,
    /// How soon the last byte comes
    Throughput,
    /// What a gigabyte costs
    Cost,
}

impl From<By> for Criterion {
    fn from(by: By) -> Self {
        match by {
            By::Balanced => Self::Balanced,
            By::Latency => Self::Latency,
            By::Throughput => Self::Throughput,
            By::Cost => Self::Cost,
        }
    }
}
