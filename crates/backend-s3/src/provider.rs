//! What the services that speak S3 do differently, as data: one row each, and no branch anywhere else.

use schemars::JsonSchema;
use serde::Deserialize;

/// Who runs the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Amazon S3.
    Aws,
    /// MinIO.
    Minio,
    /// Ceph's RADOS gateway.
    Ceph,
    /// Cloudflare R2.
    R2,
    /// DigitalOcean Spaces.
    Spaces,
    /// Garage.
    Garage,
    /// SeaweedFS.
    Seaweedfs,
    /// Filebase.
    Filebase,
    /// Any other: nothing is assumed.
    Other,
}

/// Which checksums are sent beside the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Checksum {
    /// One with every write: SHA-256 where it is known, else CRC-64/NVME, as a trailer.
    WhenSupported,
    /// None, but where the protocol demands one: many services refuse trailers.
    WhenRequired,
}

/// Which call lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// `ListObjects`.
    V1,
    /// `ListObjectsV2`.
    V2,
}

/// What one service does. That parts must be equally long (R2) is no column: ours always are.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) provider: Provider,
    /// Ends of host names by which it is recognised.
    hosts: &'static [&'static str],
    /// The region that signatures are made for, unless the user says another.
    pub(crate) region: &'static str,
    /// The bucket stands in the path and not in the host.
    pub(crate) path_style: bool,
    pub(crate) checksum: Checksum,
    pub(crate) listing: Listing,
    /// `encoding-type=url` is understood: without it a key with a character that XML cannot hold breaks a listing.
    pub(crate) encodes: bool,
    /// The etag of what was put at once, without a key of ours, is the MD5 of the bytes.
    pub(crate) etag_is_md5: bool,
}

const fn row(provider: Provider, hosts: &'static [&'static str], region: &'static str) -> Row {
    Row {
        provider,
        hosts,
        region,
        path_style: true,
        checksum: Checksum::WhenRequired,
        listing: Listing::V2,
        encodes: true,
        etag_is_md5: true,
    }
}

/// Sources: rclone's provider descriptions of 2026-08, the providers' manuals, and measurements (Garage, s3s-fs, moto).
const ROWS: &[Row] = &[
    Row {
        path_style: false,
        checksum: Checksum::WhenSupported,
        ..row(Provider::Aws, &[".amazonaws.com", ".amazonaws.com.cn"], "us-east-1")
    },
    row(Provider::Minio, &[".min.io"], "us-east-1"),
    Row { listing: Listing::V1, encodes: false, ..row(Provider::Ceph, &[], "us-east-1") },
    row(Provider::R2, &[".r2.cloudflarestorage.com"], "auto"),
    Row { path_style: false, encodes: false, ..row(Provider::Spaces, &[".digitaloceanspaces.com"], "us-east-1") },
    row(Provider::Garage, &[], "garage"),
    row(Provider::Seaweedfs, &[], "us-east-1"),
    Row { etag_is_md5: false, ..row(Provider::Filebase, &[".filebase.com", ".filebase.io"], "us-east-1") },
    Row { etag_is_md5: false, ..row(Provider::Other, &[], "us-east-1") },
];

const OTHER: &Row = &ROWS[ROWS.len() - 1];

/// The row of `wanted`, or of the service whose host this is. No host is AWS.
pub(crate) fn row_of(wanted: Option<Provider>, host: Option<&str>) -> &'static Row {
    let is_at = |row: &Row, host: &str| row.hosts.iter().any(|end| host.ends_with(end));
    let found = match (wanted, host) {
        (Some(provider), _) => ROWS.iter().find(|row| row.provider == provider),
        (None, None) => ROWS.iter().find(|row| row.provider == Provider::Aws),
        (None, Some(host)) => {
            let host = host.to_ascii_lowercase();
            ROWS.iter().find(|row| is_at(row, &host))
        }
    };
    found.unwrap_or(OTHER)
}

/// Whether the host is one of the vendor's own, which are one family: a region's endpoint may be exchanged for another's.
pub(crate) fn is_aws(host: &str) -> bool {
    row_of(None, Some(host)).provider == Provider::Aws
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: Option<Provider>, host: Option<&str>) -> Provider {
        row_of(wanted, host).provider
    }

    #[test]
    fn services_are_recognised_by_their_host() {
        assert_eq!(check(None, None), Provider::Aws);
        assert_eq!(check(None, Some("s3.eu-west-1.amazonaws.com")), Provider::Aws);
        assert_eq!(check(None, Some("ACC.r2.cloudflarestorage.com")), Provider::R2);
        assert_eq!(check(None, Some("fra1.digitaloceanspaces.com")), Provider::Spaces);
        assert_eq!(check(None, Some("amazonaws.com.evil.example")), Provider::Other);
        assert_eq!(check(None, Some("evilamazonaws.com")), Provider::Other);
        assert_eq!(check(Some(Provider::Ceph), Some("s3.eu-west-1.amazonaws.com")), Provider::Ceph);
    }

    #[test]
    fn every_provider_has_one_row() {
        for row in ROWS {
            assert_eq!(ROWS.iter().filter(|other| other.provider == row.provider).count(), 1, "{row:?}");
        }
        assert_eq!(OTHER.provider, Provider::Other);
    }
}
