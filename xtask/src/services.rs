//! `services`: real servers by package name, pinned and cached by version.
//!
//! What is built lies in `target/services`, or in the folder that `IPFS_KIT_SERVICES` names. It is built once, beside its place, and put there whole: a
//! build that was cut off leaves nothing that could be taken for a whole one. What there is stands in `xtask/services/table.txt`, which the tests of the
//! leaves read, too.

mod recipe;

use std::env;
use std::fs;
use std::path::PathBuf;

use self::recipe::Recipe;
use crate::failure::{Failure, Result};
use crate::tree::Tree;

const TABLE: &str = include_str!("../services/table.txt");

/// A server that this workspace can provision: a line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    name: &'static str,
    version: &'static str,
    recipe: Recipe,
    /// Where the program lies in the service's folder; absolute, where a package of the distribution puts it.
    program: &'static str,
    /// Names of several services, of which this is one.
    groups: &'static str,
    /// Upon these words, parted by commas, the program says its version; `-`: it does not say it.
    asked: &'static str,
    package: &'static str,
}

impl Service {
    /// Every one, in the order of the table.
    pub fn all() -> impl Iterator<Item = Service> {
        TABLE.lines().filter_map(Self::parsed)
    }

    fn parsed(line: &'static str) -> Option<Self> {
        let words: Vec<&'static str> = line.split_whitespace().collect();
        let [name, version, recipe, program, groups, asked, package] = words[..] else { return None };
        let recipe = Recipe::named(recipe)?;
        (!name.starts_with('#')).then_some(Self { name, version, recipe, program, groups, asked, package })
    }

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        self.name
    }

    /// Where its program lies; builds it if it is not there.
    ///
    /// # Errors
    /// If it cannot be built: says what was missing.
    pub fn provision(self, tree: &Tree) -> Result<PathBuf> {
        let program = self.place(tree);
        if program.exists() {
            return Ok(program);
        }
        let place = self.folder(tree);
        let build = place.with_file_name(format!("{}-{}.build-{}", self.name, self.version, std::process::id()));
        fs::create_dir_all(&build).map_err(|err| Failure::at(&build, "make", err))?;
        let built = recipe::build(&self, tree, &build);
        let placed = built.and_then(|()| match fs::rename(&build, &place) {
            Ok(()) => Ok(()),
            // Somebody else was first.
            Err(_) if program.exists() => Ok(()),
            Err(err) => Err(Failure::at(&place, "place", err)),
        });
        // The work is done or lost either way; what is left of it only takes room.
        let _ = fs::remove_dir_all(&build);
        placed.map(|()| program)
    }

    /// Where its program lies, if it was provisioned.
    ///
    /// # Errors
    /// If it was not: says how to.
    pub fn find(self, tree: &Tree) -> Result<PathBuf> {
        let path = self.place(tree);
        match path.exists() {
            true => Ok(path),
            false => Err(Failure::new(format!("{0} is missing: run `cargo xtask services {0}`", self.name))),
        }
    }

    fn folder(self, tree: &Tree) -> PathBuf {
        shelf(tree).join(format!("{}-{}", self.name, self.version))
    }

    fn place(self, tree: &Tree) -> PathBuf {
        self.folder(tree).join(self.program)
    }

    fn is_meant(self, name: &str) -> bool {
        self.name == name || self.groups.split(',').any(|it| it == name)
    }
}

/// The services that `name` means: one, or those of a group, such as `all`.
///
/// # Errors
/// If there is none of that name.
pub fn named(name: &str) -> Result<Vec<Service>> {
    let found: Vec<Service> = Service::all().filter(|it| it.is_meant(name)).collect();
    match found.is_empty() {
        true => {
            let mut names: Vec<&str> = Service::all().flat_map(|it| it.groups.split(',').chain([it.name])).collect();
            names.sort_unstable();
            names.dedup();
            Err(Failure::new(format!("no service {name:?}; there are: {}", names.join(", "))))
        }
        false => Ok(found),
    }
}

/// Where the program of the one service `name` lies.
///
/// # Errors
/// If there is no such service, or it was not provisioned: says how to.
pub fn find(tree: &Tree, name: &str) -> Result<PathBuf> {
    let found = Service::all().find(|it| it.name == name);
    found.ok_or_else(|| Failure::new(format!("no service {name:?}")))?.find(tree)
}

fn shelf(tree: &Tree) -> PathBuf {
    env::var_os("IPFS_KIT_SERVICES")
        .filter(|it| !it.is_empty())
        .map_or_else(|| tree.path("target/services"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_service() {
        let lines = TABLE.lines().filter(|it| !it.starts_with('#')).count();
        assert_eq!(Service::all().count(), lines);
        assert!(6 <= lines);
    }

    /// The versions under which programs are cached are those that their recipes name.
    #[test]
    fn recipes_and_the_table_agree() {
        let tree = Tree::own().unwrap();
        for service in Service::all() {
            let (file, wanted) = match service.recipe {
                Recipe::Go => ("go.mod", service.version.to_owned()),
                Recipe::Python => ("requirements.txt", format!("\n{}=={}\n", service.package, service.version)),
                Recipe::Node => ("package.json", format!("\"{}\": \"{}\"", service.package, service.version)),
                // Cargo: the version is given on the command line, and the sums lie in the package. Debian: the distribution's is taken, whichever it is.
                Recipe::Cargo | Recipe::Debian => continue,
            };
            let recipe = tree.read(&format!("xtask/services/{}/{file}", service.name)).unwrap();
            assert!(recipe.contains(&wanted), "{}: {wanted} is not in {file}", service.name);
        }
    }

    #[test]
    fn a_name_means_one_and_a_group_several() {
        let names = |name| named(name).map(|it| it.iter().map(|it| it.name).collect::<Vec<_>>());
        assert_eq!(names("kubo"), Ok(vec!["kubo"]));
        assert_eq!(names("s3"), Ok(vec!["rclone", "s3s-fs", "moto"]));
        assert!(!names("all").unwrap().contains(&"seaweedfs"));
        let err = names("nothing").unwrap_err().to_string();
        assert!(err.contains("all") && err.contains("kubo"), "{err}");
    }
}
