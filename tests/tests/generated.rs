//! Tables, references and schemas say what the program's descriptors say: `cargo xtask gen --check`, told by a plain `cargo test`.

use std::process::Command;

use xtask::generate;
use xtask::tree::Tree;

#[test]
fn what_the_descriptors_decide_is_up_to_date() {
    let answer = Command::new(journeys::program()).args(["internal", "describe"]).output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let described = generate::described(&String::from_utf8(answer.stdout).unwrap()).unwrap();
    let tree = Tree::own().unwrap();
    generate::check(&tree, &generate::from_descriptors(&tree, &described).unwrap()).unwrap();
}
