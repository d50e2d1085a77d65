//! The words of both versions, one by one. What one of them does not have is refused, never dropped.

use datafusion::object_store as old;
use object_store as new;

const STORE: &str = "ipfs-kit";

fn unknown(what: &str) -> old::Error {
    old::Error::NotSupported { source: format!("{what} that only one version of object_store knows").into() }
}

pub(crate) fn path(path: &old::path::Path) -> old::Result<new::path::Path> {
    new::path::Path::parse(path.as_ref()).map_err(|err| old::Error::Generic { store: STORE, source: err.into() })
}

pub(crate) fn path_out(path: &new::path::Path) -> old::Result<old::path::Path> {
    Ok(old::path::Path::parse(path.as_ref())?)
}

pub(crate) fn payload(data: old::PutPayload) -> new::PutPayload {
    data.into_iter().collect()
}

pub(crate) fn meta(meta: new::ObjectMeta) -> old::Result<old::ObjectMeta> {
    Ok(old::ObjectMeta {
        location: path_out(&meta.location)?,
        last_modified: meta.last_modified,
        size: meta.size,
        e_tag: meta.e_tag,
        version: meta.version,
    })
}

pub(crate) fn get(opts: old::GetOptions) -> new::GetOptions {
    new::GetOptions {
        if_match: opts.if_match,
        if_none_match: opts.if_none_match,
        if_modified_since: opts.if_modified_since,
        if_unmodified_since: opts.if_unmodified_since,
        range: opts.range.map(|range| match range {
            old::GetRange::Bounded(it) => new::GetRange::Bounded(it),
            old::GetRange::Offset(start) => new::GetRange::Offset(start),
            old::GetRange::Suffix(n) => new::GetRange::Suffix(n),
        }),
        version: opts.version,
        head: opts.head,
        extensions: opts.extensions,
    }
}

pub(crate) fn put(opts: old::PutOptions) -> old::Result<new::PutOptions> {
    let mode = match opts.mode {
        old::PutMode::Overwrite => new::PutMode::Overwrite,
        old::PutMode::Create => new::PutMode::Create,
        old::PutMode::Update(it) => new::PutMode::Update(new::UpdateVersion { e_tag: it.e_tag, version: it.version }),
    };
    let attributes = attributes_in(&opts.attributes)?;
    Ok(new::PutOptions { mode, attributes, extensions: opts.extensions, ..Default::default() })
}

pub(crate) fn put_result(result: new::PutResult) -> old::PutResult {
    old::PutResult { e_tag: result.e_tag, version: result.version }
}

pub(crate) fn attributes_in(attributes: &old::Attributes) -> old::Result<new::Attributes> {
    let mut translated = new::Attributes::new();
    for (key, value) in attributes {
        let key = match key {
            old::Attribute::ContentDisposition => new::Attribute::ContentDisposition,
            old::Attribute::ContentEncoding => new::Attribute::ContentEncoding,
            old::Attribute::ContentLanguage => new::Attribute::ContentLanguage,
            old::Attribute::ContentType => new::Attribute::ContentType,
            old::Attribute::CacheControl => new::Attribute::CacheControl,
            old::Attribute::StorageClass => new::Attribute::StorageClass,
            old::Attribute::Metadata(name) => new::Attribute::Metadata(name.clone()),
            _ => return Err(unknown("an attribute")),
        };
        translated.insert(key, value.to_string().into());
    }
    Ok(translated)
}

pub(crate) fn attributes_out(attributes: &new::Attributes) -> old::Result<old::Attributes> {
    let mut translated = old::Attributes::new();
    for (key, value) in attributes {
        let key = match key {
            new::Attribute::ContentDisposition => old::Attribute::ContentDisposition,
            new::Attribute::ContentEncoding => old::Attribute::ContentEncoding,
            new::Attribute::ContentLanguage => old::Attribute::ContentLanguage,
            new::Attribute::ContentType => old::Attribute::ContentType,
            new::Attribute::CacheControl => old::Attribute::CacheControl,
            new::Attribute::StorageClass => old::Attribute::StorageClass,
            new::Attribute::Metadata(name) => old::Attribute::Metadata(name.clone()),
            _ => return Err(unknown("an attribute")),
        };
        translated.insert(key, value.to_string().into());
    }
    Ok(translated)
}

/// The cause stays the cause: whoever looks for it finds it below either version's word.
pub(crate) fn error(err: new::Error) -> old::Error {
    match err {
        new::Error::Generic { store, source } => old::Error::Generic { store, source },
        new::Error::NotFound { path, source } => old::Error::NotFound { path, source },
        new::Error::NotSupported { source } => old::Error::NotSupported { source },
        new::Error::AlreadyExists { path, source } => old::Error::AlreadyExists { path, source },
        new::Error::Precondition { path, source } => old::Error::Precondition { path, source },
        new::Error::NotModified { path, source } => old::Error::NotModified { path, source },
        new::Error::NotImplemented { operation, implementer } => old::Error::NotImplemented { operation, implementer },
        new::Error::PermissionDenied { path, source } => old::Error::PermissionDenied { path, source },
        new::Error::Unauthenticated { path, source } => old::Error::Unauthenticated { path, source },
        other => old::Error::Generic { store: STORE, source: other.into() },
    }
}

pub(crate) fn error_in(err: old::Error) -> new::Error {
    new::Error::Generic { store: STORE, source: err.into() }
}
