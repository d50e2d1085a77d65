//! Attributes: the media type, and metadata as labels. Headers that a backend would not send are refused, never kept as something else.

use std::collections::BTreeMap;

use backend_core::{Info, Metadata};
use object_store::{Attribute, Attributes};

use crate::error::not_implemented;

/// What is kept beside the bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) content_type: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
}

impl About {
    /// What a caller wants kept.
    ///
    /// # Errors
    /// `NotImplemented` for an attribute that is neither, and for metadata where the backend keeps no labels.
    pub(crate) fn wanted(attributes: &Attributes, info: &Info) -> object_store::Result<Self> {
        let mut about = Self::default();
        for (attribute, value) in attributes {
            match attribute {
                Attribute::ContentType => about.content_type = Some(value.to_string()),
                Attribute::Metadata(key) if info.offers.labels => {
                    about.labels.insert(key.to_string(), value.to_string());
                }
                other => return Err(not_implemented(&format!("the attribute {}", word(other)), &info.name)),
            }
        }
        Ok(about)
    }

    /// What is kept with stored content.
    pub(crate) fn of(meta: &Metadata) -> Self {
        Self { content_type: meta.content_type.clone(), labels: meta.labels.clone() }
    }

    /// The same in object_store's words.
    pub(crate) fn attributes(self) -> Attributes {
        let labels = self.labels.into_iter().map(|(key, value)| (Attribute::Metadata(key.into()), value));
        labels.chain(self.content_type.map(|it| (Attribute::ContentType, it))).collect()
    }
}

fn word(attribute: &Attribute) -> &'static str {
    match attribute {
        Attribute::ContentDisposition => "content-disposition",
        Attribute::ContentEncoding => "content-encoding",
        Attribute::ContentLanguage => "content-language",
        Attribute::CacheControl => "cache-control",
        Attribute::StorageClass => "storage class",
        Attribute::Metadata(_) => "metadata",
        _ => "of this kind",
    }
}
