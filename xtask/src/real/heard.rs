//! What libtest says while tests run: which failed, and whether it said of all of them how they ended.

/// The sums of what was heard.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// The tests that failed, in the order in which they ended.
    failed: Vec<String>,
    passed: usize,
    /// Programs that were started, and those that came to their end.
    begun: usize,
    ended: usize,
    /// What the programs themselves say at their end.
    told: usize,
}

impl Heard {
    /// One line, without its end.
    pub(super) fn line(&mut self, line: &str) {
        if let Some(sums) = line.strip_prefix("test result: ") {
            self.ended += 1;
            self.told += sums.split("; ").find_map(|it| it.strip_suffix(" failed")?.parse::<usize>().ok()).unwrap_or(0);
        } else if line.trim_start().starts_with("Running ") {
            self.begun += 1;
        } else if let Some((name, end)) = line.strip_prefix("test ").and_then(|it| it.rsplit_once(" ... ")) {
            match end {
                "ok" => self.passed += 1,
                "FAILED" => self.failed.push(name.to_owned()),
                _ => {}
            }
        }
    }

    /// How many passed.
    pub(super) fn passed(&self) -> usize {
        self.passed
    }

    /// The names of all that failed; `None` where a program did not come to its end, or a name was not understood: then nobody knows what to run again.
    pub(super) fn failed(mut self) -> Option<Vec<String>> {
        let is_whole = self.begun == self.ended && self.told == self.failed.len() && !self.failed.is_empty();
        self.failed.sort_unstable();
        self.failed.dedup();
        is_whole.then_some(self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "     Running tests/real.rs (target/debug/deps/real-1)

running 3 tests
test vsftpd::c20_every_size ... ok
test vsftpd::c54_a_tree has been running for over 60 seconds
test vsftpd::c54_a_tree ... FAILED
test a_name ... ignored

failures:

---- vsftpd::c54_a_tree stdout ----
it says: test result

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running tests/real.rs (target/debug/deps/real-2)
test vsftpd::c54_a_tree ... FAILED
test last ... FAILED
test result: FAILED. 0 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
error: 2 targets failed:";

    fn heard(said: &str) -> Heard {
        let mut heard = Heard::default();
        said.lines().for_each(|line| heard.line(line));
        heard
    }

    #[test]
    fn the_names_of_what_failed_are_found() {
        assert_eq!(heard(SAID).passed(), 1);
        assert_eq!(heard(SAID).failed().unwrap(), ["last", "vsftpd::c54_a_tree"]);
    }

    #[test]
    fn what_was_not_understood_is_not_run_again() {
        let check = |said: &str| assert_eq!(heard(said).failed(), None, "{said}");
        check("error: could not compile `backend-ftp`");
        check(&SAID.replace("test last", "server: test last"));
        check(&format!("{SAID}\n     Running tests/real.rs (target/debug/deps/real-3)\ntest x ... ok\n"));
        check("     Running tests/real.rs (x)\ntest x ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored");
    }
}
