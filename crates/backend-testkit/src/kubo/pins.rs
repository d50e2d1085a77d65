//! The pins: of one exact text of a CID each, as in Kubo (boxo, `pinner/dspinner`).

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
            Ok(n) if head.is("progress") => {
                Answer::Lines(vec![json!({ "Progress": n }), json!({ "Pins": [text] })], None)
            }
            Ok(_) => Answer::One(json!({ "Pins": [text] })),
        }
    }

    /// Pins, and how many blocks that are. An old recursive pin is taken off before the walk and is gone if that fails, as in Kubo.
    pub(super) fn pin(&self, cid: &Cid, text: &str, name: &str, recursive: bool) -> Result<usize, String> {
        let mut pins = lock(&self.pins);
        if !recursive && pins.get(text).is_some_and(|pin| pin.recursive) {
            return Err(format!("{text} already pinned recursively"));
        }
        pins.remove(text);
        let below = match recursive {
            true => self.blocks.walk(cid).map(|all| all.len()),
            false => self.blocks.get(cid).map(|_| 1).ok_or(*cid),
        };
        let n = below.map_err(|gone| match gone == *cid {
            true => format!("ipld: could not find {gone}"),
            false => not_here(&gone),
        })?;
        pins.insert(text.to_owned(), Pin { recursive, name: name.to_owned() });
        Ok(n)
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
        let (kind, named) = (head.option("type").unwrap_or("all"), head.is("names"));
        let pins = lock(&self.pins).clone();
        let fits = |pin: &Pin| kind == "all" || kind == pin.kind();
        let asked = match head.args().next() {
            None => None,
            Some(arg) => {
                let text = arg.strip_prefix("/ipfs/").unwrap_or(arg);
                if address::parse(text).is_err() {
                    return Answer::Failed(format!("invalid path \"{arg}\": path does not have enough components"));
                }
                if !pins.get(text).is_some_and(fits) {
                    return Answer::Failed(format!("path '{text}' is not pinned"));
                }
                Some(text.to_owned())
            }
        };
        let shown = pins.iter().filter(|(text, pin)| fits(pin) && asked.as_ref().is_none_or(|asked| asked == *text));
        let name = |pin: &Pin| if named { pin.name.clone() } else { String::new() };
        match head.is("stream") {
            true => {
                let lines = shown.map(|(text, pin)| match name(pin).as_str() {
                    "" => json!({ "Cid": text, "Type": pin.kind() }),
                    name => json!({ "Cid": text, "Name": name, "Type": pin.kind() }),
                });
                Answer::Lines(lines.collect(), None)
            }
            false => {
                let keys = shown.map(|(text, pin)| (text.clone(), json!({ "Type": pin.kind(), "Name": name(pin) })));
                let keys: Map<String, Value> = keys.collect();
                Answer::One(if keys.is_empty() { json!({}) } else { json!({ "Keys": keys }) })
            }
        }
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
        let gone: Vec<Cid> =
            self.blocks.cids().into_iter().filter(|cid| !held.contains(&cid.hash().to_bytes())).collect();
        for cid in &gone {
            self.blocks.delete(cid);
        }
        Answer::Lines(gone.iter().map(|cid| json!({ "Key": { "/": cid.to_string() } })).collect(), None)
    }
}
