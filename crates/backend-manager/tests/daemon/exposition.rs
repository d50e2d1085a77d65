//! A parser of Prometheus' text format, version 0.0.4, as strict as its description: what it takes, a server takes.

use std::collections::{BTreeMap, BTreeSet};

/// A family: its type, and its samples by name and labels.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) samples: BTreeMap<(String, Vec<(String, String)>), f64>,
}

/// Every family of a page, by name.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, Family>, String> {
    let (mut families, mut current): (BTreeMap<String, Family>, String) = Default::default();
    let mut helped = BTreeSet::new();
    if !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    for line in text.lines() {
        let wrong = |what: &str| format!("{what}: {line}");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, _) = rest.split_once(' ').ok_or_else(|| wrong("no help"))?;
            if !helped.insert(name.to_owned()) {
                return Err(wrong("helped twice"));
            }
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or_else(|| wrong("no type"))?;
            if !is_name(name) || !["counter", "gauge", "histogram"].contains(&kind) {
                return Err(wrong("a name or a type that is none"));
            }
            let family = Family { kind: kind.to_owned(), ..Family::default() };
            if families.insert(name.to_owned(), family).is_some() {
                return Err(wrong("a family is told twice"));
            }
            current = name.to_owned();
        } else {
            let (name, labels, value) = sample(line).ok_or_else(|| wrong("no sample"))?;
            let family = families.get_mut(&current).ok_or_else(|| wrong("no family"))?;
            if !belongs(&name, &current, &family.kind) || family.samples.insert((name, labels), value).is_some() {
                return Err(wrong("of another family, or twice"));
            }
        }
    }
    families.iter().filter(|(_, family)| family.kind == "histogram").try_for_each(|(name, it)| histogram(name, it))?;
    Ok(families)
}

type Labels = Vec<(String, String)>;

fn belongs(name: &str, family: &str, kind: &str) -> bool {
    let ending = (name.strip_prefix(family), kind);
    matches!(ending, (Some("_bucket" | "_sum" | "_count"), "histogram") | (Some(""), "counter" | "gauge"))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
        && text.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
}

type Sample = (String, Vec<(String, String)>, f64);

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = value.strip_prefix(' ')?.parse().ok()?;
    is_name(name).then(|| (name.to_owned(), labels, value))
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        let (key, after) = rest.split_once("=\"")?;
        let mut text = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => text.push(match chars.next()?.1 {
                    'n' => '\n',
                    it @ ('\\' | '"') => it,
                    _ => return None,
                }),
                (_, it) => text.push(it),
            }
        };
        if !is_name(key) || labels.iter().any(|(it, _)| it == key) {
            return None;
        }
        labels.push((key.to_owned(), text));
        match after[end + 1..].split_at_checked(1)? {
            (",", more) => rest = more,
            ("}", more) => return Some((labels, more)),
            _ => return None,
        }
    }
}

/// Buckets only grow, the last is infinite and as large as the count.
fn histogram(name: &str, family: &Family) -> Result<(), String> {
    let mut series: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for ((sample, labels), value) in &family.samples {
        if sample.ends_with("_bucket") {
            let le = labels.iter().find(|(key, _)| key == "le").and_then(|(_, it)| it.parse().ok());
            let others = labels.iter().filter(|(key, _)| key != "le").cloned().collect();
            series.entry(others).or_default().push((le.ok_or_else(|| format!("{name} has no bound"))?, *value));
        }
    }
    for (labels, mut buckets) in series {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        let grows = buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1);
        let last = buckets.last().copied().unwrap_or_default();
        let count = family.samples.get(&(format!("{name}_count"), labels.clone())).copied();
        if !grows || last.0 != f64::INFINITY || count != Some(last.1) {
            return Err(format!("{name} {labels:?} is no histogram: {buckets:?}, {count:?}"));
        }
    }
    Ok(())
}

#[test]
fn the_parser_refuses_what_a_server_would() {
    let good = "# HELP a It is.\n# TYPE a counter\na{x=\"1\\n\",y=\"\"} 1\na 2.5\n";
    assert_eq!(parse(good).unwrap()["a"].samples.len(), 2);
    for bad in [
        "# TYPE a counter\na 1",
        "a 1\n",
        "# TYPE a counter\nb 1\n",
        "# TYPE a counter\na 1\na 1\n",
        "# TYPE a counter\na{x=1} 1\n",
        "# TYPE a counter\na{x=\"1\" 1\n",
        "# TYPE a counter\na{x=\"1\",x=\"2\"} 1\n",
        "# TYPE a counter\na one\n",
        "# TYPE a thing\na 1\n",
        "# TYPE a counter\n# TYPE a counter\na 1\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}
