//! The S3 server of the tests as a program, for clients in other languages: prints its port, and serves until its input closes.
//!
//! `fake_s3 [--versions] [--on-disk] [--ignore-conditions] [--ignore-checksums] [--min-part BYTES] [--page ENTRIES]`; the bucket is `bucket`, the
//! keys are those of `Options::default`.

use std::io::{Error, Result, Write};

use backend_testkit::s3::{Checksums, FakeS3, Options, Versions};
use tokio::runtime::Builder;

fn options(mut args: impl Iterator<Item = String>) -> Result<Options> {
    let mut opts = Options::default();
    let wrong = |what: &str| Error::other(format!("no such option, or no number behind it: {what}"));
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|text| text.parse::<u64>().ok()).ok_or_else(|| wrong(&arg));
        match arg.as_str() {
            "--versions" => opts.versions = Versions::On,
            "--on-disk" => opts.on_disk = true,
            "--ignore-checksums" => opts.checksums = Checksums::Ignored,
            "--ignore-conditions" => (opts.conditional_put, opts.conditional_delete) = (false, false),
            "--min-part" => opts.min_part_size = number()?,
            "--page" => opts.max_keys = usize::try_from(number()?).map_err(Error::other)?,
            _ => return Err(wrong(&arg)),
        }
    }
    Ok(opts)
}

fn main() -> Result<()> {
    let opts = options(std::env::args().skip(1))?;
    let server = Builder::new_current_thread().build()?.block_on(FakeS3::start(opts))?;
    writeln!(std::io::stdout(), "{}", server.port())?;
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
