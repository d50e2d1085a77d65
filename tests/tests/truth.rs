//! Nothing is called verified, removed or stored that was not looked at.
#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

use journeys::{Journey, noise, stored};

fn add(it: &Journey, bytes: &[u8]) -> String {
    std::fs::write(it.path("x"), bytes).unwrap();
    it.ok(["add", "x", "--json"]).json()[0]["cid"].as_str().unwrap().to_owned()
}

#[test]
fn an_empty_file_is_verified_by_looking_too() {
    let it = Journey::new();
    let store = it.backend("disk");
    let cid = add(&it, b"");
    it.ok(["verify", &cid]);
    std::fs::remove_file(stored(&store, &cid)).unwrap();
    let gone = it.run(["verify", &cid, "--json"]);
    assert_eq!((gone.code, &gone.json()[0]["state"]), (Some(6), &"missing".into()), "{}", gone.text());
    it.ok(["add", "x"]);
    std::fs::write(stored(&store, &cid), b"not empty").unwrap();
    assert_eq!(it.run(["verify", &cid]).code, Some(6), "a copy that is longer is no copy");
}

#[test]
fn a_copy_that_grew_is_no_copy() {
    let it = Journey::new();
    let store = it.backend("disk");
    let bytes = noise(1, 1_500_000);
    let cid = add(&it, &bytes);
    std::fs::write(stored(&store, &cid), [&bytes[..], b"more"].concat()).unwrap();
    assert_eq!(it.run(["verify", &cid]).code, Some(6));
}

#[test]
fn a_copy_without_its_outboard_is_not_verified() {
    let it = Journey::new();
    let store = it.backend("disk");
    let cid = add(&it, &noise(2, 1_500_000));
    let car = store.join(".ipfs-kit/d").join(&cid[cid.len() - 2..]).join(format!("{cid}.car"));
    std::fs::remove_file(&car).unwrap();
    let verdict = it.run(["verify", &cid, "--json"]);
    assert_eq!((verdict.code, &verdict.json()[0]["state"]), (Some(6), &"corrupt".into()), "{}", verdict.text());
    it.ok(["cat", &cid]);
    it.ok(["add", "x"]);
    assert!(car.is_file(), "adding again makes the copy whole");
    it.ok(["verify", &cid]);
}

#[test]
fn a_removal_that_died_does_not_hold_up_an_add() {
    for point in ["after-removing", "after-erase"] {
        let it = Journey::new();
        it.backend("disk");
        let cid = add(&it, &noise(3, 1_500_000));
        it.killed_at(point, ["rm", &cid, "--yes"]);
        it.ok(["add", "x"]);
        it.ok(["verify", &cid]);
    }
}
