//! The commit that is checked out, and the seeds that are its own.
//!
//! A campaign or a test that begins at a seed of its commit can be repeated by whoever checks that commit out, and
//! the next commit is tried with other seeds.

use std::{path::Path, process::Command};

/// So many seeds belong to each commit.
const SEEDS: u64 = 1_000_000;

/// Where the program was started.
const HERE: &str = ".";

/// The first of the commit's seeds. The error says what git has against it.
pub fn first_seed() -> Result<u64, String> {
    let hash = git(HERE, &["rev-parse", "HEAD"])?;
    seed_of(&hash).ok_or_else(|| format!("git rev-parse HEAD: {hash:?} is not a hash"))
}

/// Whether the files that git knows are those of the commit. No, if there is no git to ask.
pub fn is_unchanged() -> bool {
    git(HERE, &["diff", "--quiet", "HEAD"]).is_ok()
}

/// The beginning of its hash; empty if there is no git to ask.
pub fn short() -> String {
    short_of(Path::new(HERE))
}

/// The same of the repository at `root`.
pub(crate) fn short_of(root: &Path) -> String {
    git(root, &["rev-parse", "--short", "HEAD"]).unwrap_or_default()
}

/// What git says in a folder, without the space around it. The error says what was asked and what it has against that.
pub(crate) fn git(root: impl AsRef<Path>, words: &[&str]) -> Result<String, String> {
    let told = |error: &dyn std::fmt::Display| format!("git {}: {error}", words.join(" "));
    let output = Command::new("git").args(words).current_dir(root).output();
    let output = output.map_err(|error| told(&error))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(told(&String::from_utf8_lossy(&output.stderr).trim())),
    }
}

fn seed_of(hash: &str) -> Option<u64> {
    let head = u64::from_str_radix(hash.get(..10)?, 16).ok()?;
    Some(head * SEEDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_has_a_million_seeds_of_its_own() {
        assert_eq!(seed_of("00000000012345"), Some(1_000_000));
        assert_eq!(seed_of("0000000002"), Some(2_000_000));
        assert_eq!(seed_of("ffffffffffff"), Some(1_099_511_627_775_000_000));
        assert_eq!(seed_of("xyz"), None);
    }

    #[test]
    fn what_git_has_against_it_is_told() {
        let error = git(HERE, &["rev-parse", "no-such-name"]).unwrap_err();
        assert!(error.starts_with("git rev-parse no-such-name: "), "{error}");
    }
}
