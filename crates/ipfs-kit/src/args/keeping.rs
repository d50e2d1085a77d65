//! The words about what is to be kept, and about keeping it.

use std::path::PathBuf;

use backend_manager::config::{Period, Size};
use clap::{ArgAction, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Make a policy, or change one: what is not said stays as it is
    #[command(
        after_help = "Examples:\n  ipfs-kit policy set default --replicas 2\n  ipfs-kit policy set films --replicas 2 --prefer 'cost<=low' --match 'media_type=video/*,min_size=1GiB'"
    )]
    Set {
        /// Its name; the one called default is for everything that no other fits
        name: String,
        #[command(flatten)]
        change: Box<PolicyChange>,
    },
    /// Show a policy as its file says it
    #[command(after_help = "Example:\n  ipfs-kit policy show default")]
    Show {
        /// Its name
        name: String,
    },
    /// List the policies that are in force
    #[command(after_help = "Example:\n  ipfs-kit policy list")]
    List,
    /// Take a policy away; nothing may be pinned under it
    #[command(after_help = "Example:\n  ipfs-kit policy remove films")]
    Remove {
        /// Its name
        name: String,
    },
    /// Say why content is kept as it is, and what would be done now
    #[command(after_help = "Example:\n  ipfs-kit policy explain photos")]
    Explain {
        /// A CID, or a name that `ls` shows
        what: String,
    },
    /// Look for rules that name nothing, and for wishes that cannot be met
    #[command(after_help = "Example:\n  ipfs-kit policy check")]
    Check,
}

impl Policy {
    /// Whether it changes what is wished.
    pub(crate) fn changes(&self) -> bool {
        matches!(self, Policy::Set { .. } | Policy::Remove { .. })
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct PolicyChange {
    /// What it is for, for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Copies, each in another failure domain
    #[arg(long, value_name = "N")]
    pub(crate) replicas: Option<u32>,
    /// Where rather than elsewhere, best first, comma separated: a backend, type:…, can:…, domain:…, durability>=high, cost<=low, latency<=low
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(crate) prefer: Option<Vec<String>>,
    /// Where alone
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(crate) only: Option<Vec<String>>,
    /// Where never
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(crate) never: Option<Vec<String>>,
    /// Whether new copies are put only where nobody without credentials can read them
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    pub(crate) private: Option<bool>,
    /// Whether nothing of it is removed, whatever else is said
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    pub(crate) legal_hold: Option<bool>,
    /// Read each copy back after this time, such as 30d
    #[arg(long, value_name = "TIME")]
    pub(crate) verify_every: Option<Period>,
    /// Want content that is added from now on no longer than this
    #[arg(long, value_name = "TIME")]
    pub(crate) expire_after: Option<Period>,
    /// Which content it is for: name=*.iso, media_type=video/*, min_size=1GiB, max_size=…, label.KEY=VALUE, comma separated; may be given several times
    #[arg(long = "match", value_name = "RULE")]
    pub(crate) matches: Vec<String>,
    /// Of several policies that fit, the highest counts
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<i32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Pin {
    /// Want content kept, under a policy
    #[command(after_help = "Example:\n  ipfs-kit pin add photos --policy archive --for 10y")]
    Add {
        /// CIDs, or names that `ls` shows
        #[arg(required = true)]
        what: Vec<String>,
        /// The policy [default: the one that fits]
        #[arg(long)]
        policy: Option<String>,
        /// For how long [default: as the policy says]
        #[arg(long = "for", value_name = "TIME")]
        period: Option<Period>,
    },
    /// List pins
    #[command(after_help = "Example:\n  ipfs-kit pin ls")]
    Ls {
        /// A CID, or a name that `ls` shows [default: all]
        what: Option<String>,
    },
    /// Want content kept no longer; its copies go with the next `reconcile`
    #[command(after_help = "Example:\n  ipfs-kit pin rm photos")]
    Rm {
        /// CIDs, or names that `ls` shows
        #[arg(required = true)]
        what: Vec<String>,
    },
}

impl Pin {
    /// Whether it changes what is wished.
    pub(crate) fn changes(&self) -> bool {
        !matches!(self, Pin::Ls { .. })
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Reconcile {
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Let a brake go that you have looked at: removals, missing:BACKEND, or unarmed (for good)
    #[arg(long, value_name = "BRAKE")]
    pub(crate) release: Vec<String>,
    /// After this time the copies on a backend that is down count no longer
    #[arg(long, value_name = "TIME", default_value = "1d")]
    pub(crate) grace: Period,
    /// Begin again and again, until stopped
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) watch: bool,
    /// How long to wait before beginning again
    #[arg(long, value_name = "TIME", default_value = "1m")]
    pub(crate) every: Period,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Scrub {
    /// On these backends [default: on all]
    pub(crate) backends: Vec<String>,
    /// Copies that nobody has looked at for so long; 0s: all
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = age)]
    pub(crate) older_than: u64,
    /// At most so many bytes, such as 100GiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) budget: Option<Size>,
    /// At most so many bytes a second, such as 20MiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_rate: Option<Size>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    /// From when on
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub(crate) since: Period,
    /// Write a page for a browser to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Where to answer /metrics and /healthz: PORT (this machine alone) or ADDRESS:PORT [default: nowhere]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,
    /// How often to reconcile
    #[arg(long, value_name = "TIME", default_value = "1m")]
    pub(crate) every: Period,
    /// After this time the copies on a backend that is down count no longer
    #[arg(long, value_name = "TIME", default_value = "1d")]
    pub(crate) grace: Period,
    /// How often to read copies back
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub(crate) scrub_every: Period,
    /// Read back copies that nobody has looked at for so long
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = age)]
    pub(crate) older_than: u64,
    /// Each time, read back at most so many bytes, such as 100GiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) budget: Option<Size>,
    /// Read back at most so many bytes a second, such as 20MiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_rate: Option<Size>,
}

fn age(text: &str) -> Result<u64, String> {
    match text.trim() {
        "0" | "0s" => Ok(0),
        text => text.parse::<Period>().map(Period::seconds),
    }
}
