//! The scratch tree: a copy of the sources in which mutants are planted and built.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use super::{borrow::borrow, files, planting::Texts};
use crate::commit;

/// How the copy is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Build {
    /// With the profile `fast`, by itself: it has to compile quickly.
    Fast,
    /// As `cargo test` has built the programs of this folder (`target/debug`), so that what it has
    /// compiled of the libraries can be taken over.
    LikeTests(PathBuf),
}

impl Build {
    /// What cargo is told.
    fn words(&self) -> &'static [&'static str] {
        match self {
            Build::Fast => &[
                "build",
                "-p",
                "sisyphus-sim",
                "--bin",
                "sim",
                "--profile",
                "fast",
            ],
            // A test of the same package, because the features of libraries depend on what is built
            // in one go; the program is built for it.
            Build::LikeTests(_) => &["test", "--no-run", "--test", "mutants"],
        }
    }

    /// Where cargo puts what it builds, below its target.
    fn folder(&self) -> &'static str {
        match self {
            Build::Fast => "fast",
            Build::LikeTests(_) => "debug",
        }
    }

    /// Where the same libraries may have been compiled before.
    fn lender(&self, root: &Path) -> PathBuf {
        match self {
            Build::Fast => root.join("target/fast"),
            Build::LikeTests(folder) => folder.clone(),
        }
    }
}

/// A copy of the sources, whose build is kept from one mutant to the next.
pub(super) struct Tree {
    /// The repository.
    root: PathBuf,
    /// The copy.
    copy: PathBuf,
    /// Where it is built.
    target: PathBuf,
    /// And how.
    build: Build,
    /// The files that differ from the sources at the moment.
    changed: BTreeSet<PathBuf>,
}

impl Tree {
    /// Copies the sources of the repository at `root` into `place`, or brings the copy there up to
    /// date. Files that git ignores stay behind.
    pub fn copy(root: &Path, place: &Path, build: &Build) -> Result<Tree, String> {
        let tree = Tree {
            root: root.to_owned(),
            copy: place.join("tree"),
            target: place.join("target"),
            build: build.clone(),
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
        borrow(&build.lender(root), &tree.target.join(build.folder()))?;
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
            .args(self.build.words())
            // Whoever runs this has everything at hand.
            .args(["--quiet", "--offline", "--locked"])
            .current_dir(&self.copy)
            .env("CARGO_TARGET_DIR", &self.target)
            // Said here, because those in the file `.cargo/config.toml` of the copy and of the repository
            // around it would add up, and no library would be the one that was compiled before.
            .env("CARGO_ENCODED_RUSTFLAGS", FLAGS);
        let output = cargo.output().map_err(|error| format!("cargo: {error}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("it does not compile:\n{text}"));
        }
        let built = self.target.join(self.build.folder()).join("sim");
        files::copy(&built, program)
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

/// What puts the simulation in place of the real world, as `.cargo/config.toml` has it.
const FLAGS: &str = "--cfg\u{1f}madsim";

/// In the copy warnings are no errors: a mutant may leave something unused.
const MANIFEST: &str = "Cargo.toml";
const DENIED: &str = "warnings = \"deny\"";
const ALLOWED: &str = "warnings = \"allow\"";

/// The files that git knows, or would know if they were added.
fn sources(root: &Path) -> Result<BTreeSet<PathBuf>, String> {
    let words = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let names = commit::git(root, &words)?;
    let names = names.split('\0').filter(|name| !name.is_empty());
    let files = names.map(PathBuf::from);
    // One that was removed and not yet given up is still listed.
    let files = files.filter(|file| root.join(file).is_file());
    Ok(files.filter(|file| !is_built(root, file)).collect())
}

/// Whether a file lies in a target of cargo that git was not told of.
fn is_built(root: &Path, file: &Path) -> bool {
    let top = file.iter().next().unwrap_or_default();
    root.join(top).join("CACHEDIR.TAG").is_file()
}

/// The commit of the sources, with a `+` behind it if they were changed since.
pub(super) fn commit(root: &Path) -> String {
    let words = [
        "status",
        "--porcelain",
        "--",
        "src",
        "sim/src",
        "sim/mutants",
        // What a score writes itself.
        ":!sim/mutants/witness",
    ];
    let changed = commit::git(root, &words).unwrap_or_default();
    let mark = if changed.is_empty() { "" } else { "+" };
    commit::short_of(root) + mark
}
