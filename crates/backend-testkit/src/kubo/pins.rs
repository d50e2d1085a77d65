//! The pins: of one exact text of a CID each, as in Kubo (boxo, `pinner/dspinner`).

use std::collections::BTreeMap;

use ipld::{Cid, address};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::reads::not_here;
use super::rpc::{State, lock};
use super::wire::Head;

/// One pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pin {
    pub(super) recursive: bool,
    pub(super) name: String,
}

impl Pin {
    pub(super) fn kind(&self) -> &'static str {
        if self.recursive { "recursive" } else { "direct" }
    }
}

/// What can be asked for.
const KINDS: [&str; 4] = ["all", "recursive", "direct", "indirect"];
/// Kubo refuses longer names.
const MAX_NAME: usize = 255;

impl State {
    pub(super) fn pin_add(&self, cid: &Cid, text: &str, head: &Head) -> Answer {
        let name = head.option("name").unwrap_or_default();
        if MAX_NAME < name.len() {
            return Answer::Failed(format!("pin name is {} bytes (max 255 bytes)", name.len()));
        }
        let recursive = head.option("recursive") != Some("false");
        match self.pin(cid, text, name, recursive) {
            Err(why) => Answer::Failed(format!("pin: {why}")),
            Ok((blocks, bytes)) if head.is("progress") => {
                let progress = json!({ "Progress": blocks, "Bytes": bytes });
                Answer::Lines(vec![progress, json!({ "Pins": [text] })], None)
            }
            Ok(_) => Answer::One(json!({ "Pins": [text] })),
        }
    }

    /// Pins, and how many blocks of how many bytes that are. An old recursive pin is taken off before the walk and is gone if that fails, as in Kubo.
    pub(super) fn pin(&self, cid: &Cid, text: &str, name: &str, recursive: bool) -> Result<(usize, usize), String> {
        let mut pins = lock(&self.pins);
        if !recursive && pins.get(text).is_some_and(|pin| pin.recursive) {
            return Err(format!("{text} already pinned recursively"));
        }
        pins.remove(text);
        let below = match recursive {
            true => self.blocks.walk(cid),
            false => self.blocks.get(cid).map(|data| vec![(*cid, data)]).ok_or(*cid),
        };
        let below = below.map_err(|gone| not_here(&gone))?;
        pins.insert(text.to_owned(), Pin { recursive, name: name.to_owned() });
        Ok((below.len(), below.iter().map(|(_, data)| data.len()).sum()))
    }

    pub(super) fn pin_remove(&self, text: &str, head: &Head) -> Answer {
        let mut pins = lock(&self.pins);
        match pins.get(text) {
            None => Answer::Failed("not pinned or pinned indirectly".to_owned()),
            Some(pin) if pin.recursive && head.option("recursive") == Some("false") => {
                Answer::Failed(format!("{text} is pinned recursively"))
            }
            Some(_) => {
                pins.remove(text);
                Answer::One(json!({ "Pins": [text] }))
            }
        }
    }

    pub(super) fn pin_list(&self, head: &Head) -> Answer {
        let kind = head.option("type").unwrap_or("all");
        if !KINDS.contains(&kind) {
            return Answer::Failed(format!(
                "invalid type '{kind}', must be one of {{direct, indirect, recursive, all}}"
            ));
        }
        let (filter, pins) = (head.option("name"), lock(&self.pins).clone());
        let named = head.is("names") || filter.is_some();
        let fits =
            |pin: &Pin| (kind == "all" || kind == pin.kind()) && filter.is_none_or(|part| pin.name.contains(part));
        let line = |text: &str, pin: &Pin| {
            (text.to_owned(), pin.kind().to_owned(), if named { pin.name.clone() } else { String::new() })
        };
        let shown: Vec<(String, String, String)> = match head.args().next() {
            None => pins.iter().filter(|(_, pin)| fits(pin)).map(|(text, pin)| line(text, pin)).collect(),
            Some(arg) => {
                let text = arg.strip_prefix("/ipfs/").unwrap_or(arg);
                let Ok(cid) = address::parse(text) else {
                    return Answer::Failed(format!("invalid path \"{arg}\": path does not have enough components"));
                };
                let indirect = || (kind == "all" || kind == "indirect").then(|| self.through(&pins, &cid)).flatten();
                match pins.get(text).filter(|pin| fits(pin)) {
                    Some(pin) => vec![line(text, pin)],
                    None => match indirect() {
                        Some(root) => vec![(text.to_owned(), format!("indirect through {root}"), String::new())],
                        None => return Answer::Failed(format!("path '{text}' is not pinned")),
                    },
                }
            }
        };
        listing(shown, head.is("stream"))
    }

    /// The recursive pin that holds a block of another content.
    fn through(&self, pins: &BTreeMap<String, Pin>, cid: &Cid) -> Option<String> {
        let holds = |text: &str| {
            let root = address::parse(text).ok()?;
            let below = self.blocks.walk(&root).ok()?;
            below.iter().any(|(it, _)| it != &root && address::same(it, cid)).then_some(())
        };
        pins.iter()
            .filter(|(_, pin)| pin.recursive)
            .find(|(text, _)| holds(text).is_some())
            .map(|(text, _)| text.clone())
    }

    /// Deletes what no pin holds.
    pub(super) fn collect(&self) -> Answer {
        let pins = lock(&self.pins);
        let mut held = std::collections::HashSet::new();
        for (text, pin) in pins.iter() {
            let Ok(cid) = address::parse(text) else { continue };
            held.insert(cid.hash().to_bytes());
            if let (true, Ok(all)) = (pin.recursive, self.blocks.walk(&cid)) {
                held.extend(all.iter().map(|(cid, _)| cid.hash().to_bytes()));
            }
        }
        for cid in lock(&self.files).values() {
            held.extend(self.blocks.walk(cid).into_iter().flatten().map(|(cid, _)| cid.hash().to_bytes()));
        }
        let gone: Vec<Cid> =
            self.blocks.cids().into_iter().filter(|cid| !held.contains(&cid.hash().to_bytes())).collect();
        for cid in &gone {
            self.blocks.delete(cid);
        }
        Answer::Lines(gone.iter().map(|cid| json!({ "Key": { "/": cid.to_string() } })).collect(), None)
    }
}

/// Text, type and name of each pin.
fn listing(shown: Vec<(String, String, String)>, in_lines: bool) -> Answer {
    if in_lines {
        let lines = shown.into_iter().map(|(text, kind, name)| match name.as_str() {
            "" => json!({ "Cid": text, "Type": kind }),
            name => json!({ "Cid": text, "Name": name, "Type": kind }),
        });
        return Answer::Lines(lines.collect(), None);
    }
    let keys = shown.into_iter().map(|(text, kind, name)| (text, json!({ "Type": kind, "Name": name })));
    let keys: Map<String, Value> = keys.collect();
    Answer::One(if keys.is_empty() { json!({}) } else { json!({ "Keys": keys }) })
}
