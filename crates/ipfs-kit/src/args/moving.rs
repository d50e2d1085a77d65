//! The words about bringing content from one place to another.

use backend_manager::config::{Period, Size};
use backend_manager::transfer::MaxDelete;

#[derive(Debug, clap::Args)]
pub(crate) struct Copy {
    #[command(flatten)]
    pub(crate) ends: Ends,
    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) ends: Ends,
    /// Delete what is only at DST: on a backend, what this catalog has put there
    #[arg(long)]
    pub(crate) delete: bool,
    /// With --delete: on a backend, also what others have put there
    #[arg(long, requires = "delete")]
    pub(crate) delete_unknown: bool,
    /// Delete nothing if it would be more: N files, or P% of those at DST [default: 100 files or 10%, whichever is more]
    #[arg(long, value_name = "N|P%", value_parser = max_delete)]
    pub(crate) max_delete: Option<MaxDelete>,
    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Ends {
    /// From where: PATH, BACKEND:PREFIX, or catalog:PREFIX for names
    #[arg(value_name = "SRC")]
    pub(crate) from: String,
    /// To where: PATH, BACKEND:PREFIX, or catalog:PREFIX for names
    #[arg(value_name = "DST")]
    pub(crate) to: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct How {
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Compare the bytes' digests, not sizes and times
    #[arg(long, conflicts_with = "size_only")]
    pub(crate) checksum: bool,
    /// Compare sizes alone
    #[arg(long)]
    pub(crate) size_only: bool,
    /// Only files that match one of these: *.jpg, /top/**, folder/
    #[arg(long, value_name = "PATTERN")]
    pub(crate) include: Vec<String>,
    /// No files that match one of these, unless --include lets them in
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    /// A rule "+ PATTERN" or "- PATTERN", after those; the first that matches decides
    #[arg(long, value_name = "RULE", allow_hyphen_values = true)]
    pub(crate) filter: Vec<String>,
    /// Only files of at least this size
    #[arg(long, value_name = "SIZE")]
    pub(crate) min_size: Option<Size>,
    /// Only files of at most this size
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_size: Option<Size>,
    /// Only files that were written within this time
    #[arg(long, value_name = "TIME")]
    pub(crate) max_age: Option<Period>,
    /// How many large files, or groups of small ones, are sent at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) transfers: u16,
    /// The policy under which it is kept at DST [default: the one that fits]
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// With a DST of catalog:PREFIX, on which backends new content is stored, comma separated [default: as its policy says]
    #[arg(long = "to", value_delimiter = ',', value_name = "BACKENDS")]
    pub(crate) to_backends: Vec<String>,
}

fn max_delete(text: &str) -> Result<MaxDelete, String> {
    let wrong = || "a number of files, or a percentage such as 5%".to_owned();
    match text.strip_suffix('%') {
        Some(percent) => match percent.parse() {
            Ok(percent @ 0..=100) => Ok(MaxDelete::Percent(percent)),
            _ => Err(wrong()),
        },
        None => text.parse().map(MaxDelete::Files).map_err(|_| wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_a_percentage() {
        let check = |text: &str, wanted: Option<MaxDelete>| assert_eq!(max_delete(text).ok(), wanted, "{text}");
        check("5", Some(MaxDelete::Files(5)));
        check("5%", Some(MaxDelete::Percent(5)));
        check("101%", None);
        check("-1", None);
        check("many", None);
    }
}
