//! What must always hold between the rows. For tests, for journeys, and for whoever doubts.

use backend_core::Result;
use rusqlite::Connection;

use super::process::Worker;
use super::sql;

/// The most violations that each rule answers.
const EACH_MAX: usize = 100;

/// One rule: its text, and a query of what breaks it, one line each.
struct Rule {
    text: &'static str,
    broken: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        text: "the quota of a backend is the sum of its rows",
        broken: "SELECT b.name || ': ' || b.used_bytes || ' bytes counted, ' || COALESCE(SUM(r.reserved), 0) || ' in its rows'
            FROM backends b LEFT JOIN replicas r ON r.backend_id = b.id GROUP BY b.id, b.name, b.used_bytes
            HAVING b.used_bytes <> COALESCE(SUM(r.reserved), 0)",
    },
    Rule {
        text: "the objects of a backend are its rows",
        broken: "SELECT b.name || ': ' || b.used_objects || ' counted, ' || COUNT(r.content_id) || ' rows'
            FROM backends b LEFT JOIN replicas r ON r.backend_id = b.id GROUP BY b.id, b.name, b.used_objects
            HAVING b.used_objects <> COUNT(r.content_id)",
    },
    Rule {
        text: "no resume token without its replica",
        broken: "SELECT 'token of content ' || t.content_id || ' on backend ' || t.backend_id FROM transfers t
            LEFT JOIN replicas r ON r.content_id = t.content_id AND r.backend_id = t.backend_id AND r.key = t.key WHERE r.content_id IS NULL",
    },
    Rule {
        text: "a resume token belongs to a copy that is not whole yet",
        broken: "SELECT 'token of content ' || t.content_id || ' on backend ' || t.backend_id || ' in state ' || r.state FROM transfers t
            JOIN replicas r ON r.content_id = t.content_id AND r.backend_id = t.backend_id AND r.key = t.key WHERE r.state = 2",
    },
    Rule {
        text: "only an upload and a removal have a worker",
        broken: "SELECT 'content ' || content_id || ' on backend ' || backend_id || ' in state ' || state FROM replicas
            WHERE worker IS NOT NULL AND state NOT IN (1, 4)",
    },
    Rule {
        text: "what is verified was proved at some time",
        broken: "SELECT 'content ' || content_id || ' on backend ' || backend_id FROM replicas WHERE evidence = 4 AND proved_at IS NULL",
    },
    Rule {
        text: "what a service has accepted is looked at again",
        broken: "SELECT 'content ' || content_id || ' on backend ' || backend_id FROM replicas WHERE state = 8 AND due_at IS NULL",
    },
    Rule {
        text: "hidden bodies are part of what is reserved",
        broken: "SELECT 'content ' || content_id || ' on backend ' || backend_id FROM replicas WHERE reserved < kept",
    },
    Rule {
        text: "a pin is of some content",
        broken: "SELECT 'pin of ' || p.owner FROM pins p LEFT JOIN contents c ON c.id = p.content_id WHERE c.id IS NULL",
    },
    Rule {
        text: "the default policy is there",
        broken: "SELECT 'it is not' WHERE NOT EXISTS (SELECT 1 FROM policies WHERE name = 'default')",
    },
];

/// Every rule that does not hold, in words; empty when all is well. Reads every row once: seconds for millions.
///
/// An upload whose worker is dead breaks nothing, as it can be claimed; one whose worker has no valid name can never be, and does.
///
/// # Errors
/// What reading answers; nothing is changed.
pub fn violations(conn: &Connection) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for rule in RULES {
        let text = format!("{} LIMIT ?1", rule.broken);
        let broken: Vec<String> = sql::many(conn, &text, [sql::limit(EACH_MAX)], |row| row.get(0))?;
        all.extend(broken.into_iter().map(|what| format!("{}: {what}", rule.text)));
    }
    all.extend(foreign_keys(conn)?);
    all.extend(leases(conn)?);
    Ok(all)
}

fn foreign_keys(conn: &Connection) -> Result<Vec<String>> {
    let text = "SELECT 'a row of ' || \"table\" || ' refers to a missing row of ' || parent FROM pragma_foreign_key_check LIMIT ?1";
    sql::many(conn, text, [sql::limit(EACH_MAX)], |row| row.get(0))
}

fn leases(conn: &Connection) -> Result<Vec<String>> {
    let text = "SELECT DISTINCT worker FROM replicas WHERE state = 1 AND worker IS NOT NULL LIMIT ?1";
    let workers: Vec<String> = sql::many(conn, text, [sql::limit(EACH_MAX)], |row| row.get(0))?;
    let nobody = workers.into_iter().filter(|name| Worker::parse(name).is_none());
    Ok(nobody.map(|name| format!("an upload is leased to no process: {name:?}")).collect())
}
