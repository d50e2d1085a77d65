//! Which store is asked first, what is kept near, and what moves to colder places: with the real program.

use journeys::{Journey, noise};

#[test]
fn a_route_is_explained_and_nothing_is_fetched() {
    let it = Journey::new();
    for name in ["attic", "cloud", "gone"] {
        it.backend(name);
    }
    it.ok(["backend", "update", "cloud", "--set", "routing.retrieval_cost_per_gb=0.09"]);
    let bytes = noise(1, 3 << 20);
    std::fs::write(it.path("film"), &bytes).unwrap();
    let cid = it.ok(["add", "film", "--to", "attic,cloud,gone", "--json"]).json().remove(0)["cid"].clone();
    it.ok(["backend", "update", "gone", "--set", "enabled=false"]);
    let received = || -> u64 {
        it.ok(["health", "--json"]).json().iter().map(|it| it["traffic"]["received"].as_u64().unwrap()).sum()
    };
    let first = received();
    // To look is to read the markers, each time.
    let before = received();
    let looking = before - first;
    let explained = it.ok(["route", "explain", "film", "--by", "cost", "--json"]).json().remove(0);
    assert_eq!((&explained["cid"], &explained["size"], &explained["by"]), (&cid, &(3 << 20).into(), &"cost".into()));
    let names: Vec<&str> =
        explained["candidates"].as_array().unwrap().iter().map(|it| it["backend"].as_str().unwrap()).collect();
    assert_eq!(names, ["attic", "cloud"], "{explained}");
    assert_eq!(explained["candidates"][1]["price_per_gb"], 0.09);
    assert_eq!(explained["candidates"][1]["price_stated"], true);
    assert_eq!(explained["left_out"][0]["backend"], "gone");
    assert!(explained["left_out"][0]["why"].as_str().unwrap().contains("switched off"), "{explained}");
    assert_eq!(received() - before, looking, "nothing was fetched");
    assert!(it.ok(["cat", "film"]).stdout == bytes);
    let text = it.ok(["route", "explain", "film"]).text();
    assert!(text.contains("measured") && text.contains("1. attic") && text.contains("switched off"), "{text}");
    let placed = it.ok(["route", "place", "1GiB", "--json"]).json().remove(0);
    assert_eq!((placed["candidates"].as_array().unwrap().len(), &placed["cid"]), (2, &serde_json::Value::Null));
    assert_eq!(it.run(["route", "explain", "nothing"]).code, Some(3));
    assert_eq!(it.run(["route", "explain", "film", "--by", "beauty"]).code, Some(2));
    let refused = it.run(["backend", "update", "cloud", "--set", "routing.retrieval_cost_per_gb=-1"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("routing.retrieval_cost_per_gb"), "{}", refused.stderr);
}
