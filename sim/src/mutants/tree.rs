//! The scratch tree: a copy of the sources in which mutants are planted and built.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use super::{files, planting::Texts};

/// The profile that mutants are built with: it has to compile quickly.
const PROFILE: &str = "fast";

/// A copy of the sources, whose build is kept from one mutant to the next.
pub(super) struct Tree {
    /// The repository.
    root: PathBuf,
    /// The copy.
    copy: PathBuf,
    /// Where it is built.
    target: PathBuf,
    /// The files that differ from the sources at the moment.
    changed: BTreeSet<PathBuf>,
}

impl Tree {
    /// Copies the sources of the repository at `root` into `place`, or brings the copy there up to
    /// date. Files that git ignores stay behind.
    pub fn copy(root: &Path, place: &Path) -> Result<Tree, String> {
        let tree = Tree {
            root: root.to_owned(),
            copy: place.join("tree"),
            target: place.join("target"),
            changed: BTreeSet::new(),
        };
        let sources = sources(root)?;
        for file in &sources {
            tree.restore(file)?;
        }
        for file in files::below(&tree.copy)? {
            if !sources.contains(&file) {
                files::remove(&tree.copy.join(file))?;
            }
        }
        Ok(tree)
    }

    /// Plants these texts, and nothing else.
    pub fn plant(&mut self, texts: &Texts) -> Result<(), String> {
        let before = std::mem::take(&mut self.changed);
        for file in before.iter().filter(|file| !texts.contains_key(*file)) {
            self.restore(file)?;
        }
        for (file, text) in texts {
            files::write(&self.copy.join(file), text.as_bytes())?;
            self.changed.insert(file.clone());
        }
        Ok(())
    }

    /// Builds the simulator and puts the program at `program`. The error is the compiler's.
    pub fn build(&self, program: &Path) -> Result<(), String> {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["build", "--quiet", "-p", "sisyphus-sim", "--bin", "sim"])
            .args(["--profile", PROFILE])
            .current_dir(&self.copy)
            .env("CARGO_TARGET_DIR", &self.target)
            // They would hide those in `.cargo/config.toml`.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        let output = cargo.output().map_err(|error| format!("cargo: {error}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("it does not compile:\n{text}"));
        }
        files::copy(&self.target.join(PROFILE).join("sim"), program)
    }

    /// A file of the copy as it is in the repository.
    fn restore(&self, file: &Path) -> Result<(), String> {
        let from = self.root.join(file);
        let bytes = files::bytes(&from).ok_or_else(|| format!("{}: gone", from.display()))?;
        match file == Path::new(MANIFEST) {
            true => {
                let text = String::from_utf8_lossy(&bytes).replace(DENIED, ALLOWED);
                files::write(&self.copy.join(file), text.as_bytes())
            }
            false => files::write(&self.copy.join(file), &bytes),
        }
    }
}

/// In the copy warnings are no errors: a mutant may leave something unused.
const MANIFEST: &str = "Cargo.toml";
const DENIED: &str = "warnings = \"deny\"";
const ALLOWED: &str = "warnings = \"allow\"";

/// The files that git knows, or would know if they were added.
fn sources(root: &Path) -> Result<BTreeSet<PathBuf>, String> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ])
    .current_dir(root);
    let output = git.output().map_err(|error| format!("git: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("git ls-files: {text}"));
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = names.split('\0').filter(|name| !name.is_empty());
    let files = names.map(PathBuf::from);
    // One that was removed and not yet given up is still listed.
    Ok(files.filter(|file| root.join(file).is_file()).collect())
}

/// The commit of the sources, with a `+` behind it if they were changed since.
pub(super) fn commit(root: &Path) -> String {
    let git = |words: &[&str]| {
        let output = Command::new("git").args(words).current_dir(root).output();
        output.map_or(String::new(), |output| {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        })
    };
    let changed = git(&[
        "status",
        "--porcelain",
        "--",
        "src",
        "sim/src",
        "sim/mutants",
    ]);
    let mark = if changed.is_empty() { "" } else { "+" };
    git(&["rev-parse", "--short", "HEAD"]) + mark
}
