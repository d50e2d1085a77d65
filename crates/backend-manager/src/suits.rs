//! Which type of backend suits which purpose: told by what descriptors say, and by nothing else. A type that is linked tomorrow is judged by the same rows.

use backend_core::{Addressing, Descriptor, Grade, Role};

/// What somebody wants a backend for.
#[derive(Debug)]
pub struct Purpose {
    /// Its name.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Without these it does not do.
    needs: &'static [Want],
    /// With these it does better; each counts so much.
    likes: &'static [(Want, u32)],
}

/// One thing about a type.
#[derive(Debug, Clone, Copy)]
enum Want {
    /// Copies there are replicas.
    Keeps,
    /// It serves what others keep.
    Serves,
    /// Names are ours to choose.
    Keyed,
    /// It offers this.
    Can(&'static str),
    /// The first byte comes soon.
    Quick(Grade),
    /// Content is still there in a year.
    Durable(Grade),
    /// A gigabyte costs no more.
    Cheap(Grade),
}

/// How well a type suits a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Well.
    Good,
    /// So that one can live with it.
    Fair,
    /// Rather another one.
    Poor,
    /// Something is missing without which it does not do.
    No,
}

impl Verdict {
    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Poor => "poor",
            Self::No => "no",
        }
    }
}

/// A type, judged for a purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Its canonical name.
    pub kind: &'static str,
    /// How well it suits.
    pub verdict: Verdict,
    /// What speaks for it counts so much, in a hundred.
    pub score: u32,
    /// What speaks for it.
    pub reasons: Vec<String>,
    /// What it lacks.
    pub lacks: Vec<String>,
}

use Want::{Can, Cheap, Durable, Keeps, Keyed, Quick, Serves};

const PURPOSES: &[Purpose] = &[
    Purpose {
        name: "archival",
        summary: "written once, hardly ever read, kept for decades",
        needs: &[Keeps, Durable(Grade::Medium), Can("add"), Can("get")],
        likes: &[
            (Durable(Grade::High), 4),
            (Cheap(Grade::Medium), 2),
            (Can("versions"), 1),
            (Can("resume"), 1),
            (Can("list"), 1),
        ],
    },
    Purpose {
        name: "backup",
        summary: "written every day, read when something was lost",
        needs: &[Keeps, Durable(Grade::Medium), Can("add"), Can("get"), Can("remove")],
        likes: &[
            (Durable(Grade::High), 4),
            (Can("resume"), 2),
            (Can("list"), 2),
            (Can("mend"), 1),
            (Cheap(Grade::Medium), 1),
        ],
    },
    Purpose {
        name: "cache",
        summary: "near, fast, and of no consequence when it is lost",
        needs: &[Keeps, Keyed, Can("add"), Can("get"), Can("remove")],
        likes: &[(Quick(Grade::Low), 4), (Cheap(Grade::Low), 2), (Can("range"), 2)],
    },
    Purpose {
        name: "cdn",
        summary: "read by many, from anywhere",
        needs: &[Can("get")],
        likes: &[
            (Can("link"), 3),
            (Can("range"), 2),
            (Quick(Grade::Low), 1),
            (Quick(Grade::Medium), 1),
            (Can("block"), 1),
        ],
    },
    Purpose {
        name: "collaboration",
        summary: "changed and shared by several people",
        needs: &[Keeps, Durable(Grade::Medium), Can("add"), Can("get"), Can("list")],
        likes: &[
            (Can("if_match"), 2),
            (Can("versions"), 2),
            (Can("link"), 2),
            (Can("labels"), 1),
            (Can("if_absent"), 1),
        ],
    },
    Purpose {
        name: "datasets",
        summary: "large files of which queries read parts",
        needs: &[Keeps, Durable(Grade::Medium), Can("add"), Can("get"), Can("range")],
        likes: &[
            (Quick(Grade::Low), 2),
            (Quick(Grade::Medium), 1),
            (Can("resume"), 2),
            (Durable(Grade::High), 1),
            (Can("list"), 1),
        ],
    },
    Purpose {
        name: "source",
        summary: "content that others keep, fetched by its CID",
        needs: &[Can("get"), Can("block")],
        likes: &[(Serves, 2), (Can("range"), 1), (Cheap(Grade::Low), 1), (Quick(Grade::Medium), 1)],
    },
];

/// Every purpose that types are judged for.
pub fn purposes() -> &'static [Purpose] {
    PURPOSES
}

impl Purpose {
    /// How well a type suits.
    pub fn judge(&self, it: &Descriptor) -> Judged {
        let (mut reasons, mut lacks) = (Vec::new(), Vec::new());
        let missing = self.needs.iter().filter(|want| !want.is_met(it)).count();
        lacks.extend(self.needs.iter().filter(|want| !want.is_met(it)).map(|want| want.words(it)));
        let (mut points, mut all) = (0, 0);
        for (want, weight) in self.likes {
            all += weight;
            match want.is_met(it) {
                true => {
                    points += weight;
                    reasons.push(want.words(it));
                }
                false => lacks.push(want.words(it)),
            }
        }
        let score = if missing == 0 { points * 100 / all.max(1) } else { 0 };
        let verdict = match score {
            _ if 0 < missing => Verdict::No,
            70.. => Verdict::Good,
            40.. => Verdict::Fair,
            _ => Verdict::Poor,
        };
        Judged { kind: it.kind.as_str(), verdict, score, reasons, lacks }
    }

    /// Every linked type, the best first, then by name.
    ///
    /// # Errors
    /// As [`backend_core::descriptors`].
    pub fn judge_all(&self) -> backend_core::Result<Vec<Judged>> {
        let mut all: Vec<Judged> = backend_core::descriptors()?.into_iter().map(|it| self.judge(it)).collect();
        all.sort_by_key(|it| (it.verdict, std::cmp::Reverse(it.score)));
        Ok(all)
    }
}

impl Want {
    fn is_met(self, it: &Descriptor) -> bool {
        match self {
            Keeps => it.role == Role::Store,
            Serves => it.role == Role::Source,
            Keyed => it.addressing == Addressing::Key,
            Can(what) => it.offers.rows().iter().any(|(name, offered)| *name == what && *offered),
            Quick(most) => it.traits.latency <= most,
            Durable(least) => least <= it.traits.durability,
            Cheap(most) => it.traits.cost <= most,
        }
    }

    /// What was looked at, and what was found.
    fn words(self, it: &Descriptor) -> String {
        let grade = |grade: Grade| format!("{grade:?}").to_lowercase();
        match self {
            Keeps => "keeps copies".to_owned(),
            Serves => "serves what others keep".to_owned(),
            Keyed => "takes names of ours".to_owned(),
            Can(what) => what.to_owned(),
            Quick(_) => format!("latency {}", grade(it.traits.latency)),
            Durable(_) => format!("durability {}", grade(it.traits.durability)),
            Cheap(_) => format!("cost {}", grade(it.traits.cost)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(purpose: &str, kind: &str) -> Judged {
        let purpose = purposes().iter().find(|it| it.name == purpose).unwrap();
        purpose.judge(backend_core::find(kind).unwrap())
    }

    #[test]
    fn every_capability_that_is_asked_for_is_one() {
        let known = backend_core::Capabilities::default().rows();
        for purpose in purposes() {
            for want in purpose.needs.iter().chain(purpose.likes.iter().map(|(want, _)| want)) {
                if let Can(what) = want {
                    assert!(known.iter().any(|(name, _)| name == what), "{}: {what}", purpose.name);
                }
            }
        }
    }

    #[test]
    fn what_descriptors_say_decides() {
        let local = judged("cache", "local");
        assert_eq!((local.verdict, local.score), (Verdict::Good, 100));
        assert!(local.reasons.contains(&"latency low".to_owned()), "{local:?}");
        let archival = judged("archival", "local");
        assert!(
            archival.verdict != Verdict::Good && archival.lacks.contains(&"durability medium".to_owned()),
            "{archival:?}"
        );
        assert_eq!(judged("source", "local").verdict, Verdict::No, "no blocks by CID");
    }
}
