//! A plugin that is wrong before it is opened.

use std::sync::Arc;

use backend_core::{
    Addressing, Backend, Capabilities, Descriptor, Grade, Result, Role, Settings, StorageType, Traits, inventory,
};

pub(crate) const BROKEN: &str = "broken";

const TRAITS: Traits = Traits { latency: Grade::Low, durability: Grade::Low, cost: Grade::Low };

inventory::submit! {
    Descriptor {
        kind: StorageType::Other(BROKEN),
        aliases: &[],
        summary: "a plugin that is wrong",
        addressing: Addressing::Key,
        role: Role::Store,
        offers: NOTHING,
        traits: TRAITS,
        schema: || schemars::json_schema!({}),
        example: "name: x\ntype: something_else\n",
        open,
    }
}

#[rustfmt::skip]
const NOTHING: Capabilities = Capabilities {
    get: false, stat: false, add: false, mend: false, resume: false, if_absent: false, if_match: false, range: false,
    block: false, remove: false, list: false, pin: false, usage: false, versions: false, search: false, labels: false,
    link: false,
};

/// Takes whatever it is given.
fn open(settings: Settings) -> Result<Arc<dyn Backend>> {
    let plain = serde_json::Value::Null;
    backend_memory::open(Settings::new(settings.name, plain, settings.clock))
}
