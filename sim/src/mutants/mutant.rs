//! A planted bug, as its file describes it.

use std::{fmt, path::Path};

use serde::{Deserialize, Serialize};

use super::files;

/// How hard a bug is to find: the median number of seeds that it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// At most 2.
    Easy,
    /// At most 20.
    Medium,
    /// At most 300.
    Hard,
    /// At most 5,000.
    Fiendish,
    /// A bug of the simulator, which must turn the score red.
    Simulator,
}

/// One planted bug.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// Its name, which is that of its file.
    pub id: String,
    /// What is wrong, in a line.
    pub title: String,
    /// How hard it should be to find.
    pub class: Class,
    /// Where it happened, or where the rule stands that it breaks.
    pub source: String,
    /// What goes wrong, and how far the mutant is from what happened elsewhere.
    pub story: String,
    /// The oracles that should see it, the likeliest first.
    pub oracles: Vec<String>,
    /// Of a bug of the simulator: mutants that are not found any more where it is planted as well.
    #[serde(default)]
    pub blinds: Vec<String>,
    /// What is changed.
    #[serde(rename = "replace")]
    pub replacements: Vec<Replacement>,
}

/// One change of one file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// The file, from the root of the repository.
    pub file: String,
    /// A text that stands in it exactly once.
    pub find: String,
    /// What stands there instead.
    pub replace: String,
    /// The part of `find` that differs in `replace`, if it is an expression or a row of statements
    /// that nothing behind it takes names from; `all` if that is the whole of it. Such a change can be
    /// made when the program runs, and need not be built alone.
    pub part: Option<String>,
    /// The change only adds names, which mean nothing to anybody else.
    #[serde(default)]
    pub only_names: bool,
}

/// A part of a file that can be switched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Switch {
    /// Where `find` begins; the part is so many bytes behind it.
    pub offset: usize,
    /// The present text.
    pub old: String,
    /// The mutant's.
    pub new: String,
}

impl Mutant {
    /// Reads a mutant from the text of its file, whose name is `id`. The error says what is wrong.
    pub fn parse(id: &str, text: &str) -> Result<Mutant, String> {
        let mutant: Mutant = toml::from_str(text).map_err(|error| error.to_string())?;
        if mutant.id != id {
            return Err(format!("`id` is {:?}, and the file {id}.toml", mutant.id));
        }
        if mutant.replacements.is_empty() {
            return Err("it replaces nothing".to_owned());
        }
        let switches = mutant.replacements.iter().map(Replacement::switch);
        switches.collect::<Result<Vec<_>, _>>()?;
        Ok(mutant)
    }

    /// All mutants of a folder, by their ids. The error names the file.
    pub fn all(dir: &Path) -> Result<Vec<Mutant>, String> {
        let mut mutants = Vec::new();
        for path in files::listed(dir, "toml")? {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let mutant = Mutant::parse(&stem, &files::read(&path)?);
            mutants.push(mutant.map_err(|error| format!("{}: {error}", path.display()))?);
        }
        match mutants.is_empty() {
            true => Err(format!("{}: no mutants (*.toml) there", dir.display())),
            false => Ok(mutants),
        }
    }

    /// Whether every change can be made while the program runs.
    pub fn is_switchable(&self) -> bool {
        let switches =
            |replacement: &Replacement| replacement.only_names || replacement.part.is_some();
        self.replacements.iter().all(switches)
    }
}

impl Replacement {
    /// The text of the file with the change. The error says how often `find` was found.
    pub(super) fn apply(&self, text: &str) -> Result<String, String> {
        self.check(text)?;
        Ok(text.replacen(&self.find, &self.replace, 1))
    }

    /// Checks that the change can be made in this text, and makes a difference.
    pub(super) fn check(&self, text: &str) -> Result<(), String> {
        let count = text.matches(&self.find).count();
        if count != 1 {
            let Replacement { file, find, .. } = self;
            return Err(format!(
                "{file}: found {count} times, and must be there once:\n{find}"
            ));
        }
        match self.find == self.replace {
            true => Err(format!("{}: replaced by itself:\n{}", self.file, self.find)),
            false => Ok(()),
        }
    }

    /// The part that can be switched, if there is one.
    pub(super) fn switch(&self) -> Result<Option<Switch>, String> {
        let Some(part) = &self.part else {
            return Ok(None);
        };
        let old = if part == "all" { &self.find } else { part };
        let wrong = |what: &str| Err(format!("{}: {what}:\n{part}", self.file));
        let Some((before, after)) = self.find.split_once(old.as_str()) else {
            return wrong("`part` does not stand in `find`");
        };
        let rest = self.replace.strip_prefix(before);
        let Some(new) = rest.and_then(|rest| rest.strip_suffix(after)) else {
            return wrong("`find` and `replace` differ not only in `part`");
        };
        Ok(Some(Switch {
            offset: before.len(),
            old: old.clone(),
            new: new.to_owned(),
        }))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Easy => "easy",
            Class::Medium => "medium",
            Class::Hard => "hard",
            Class::Fiendish => "fiendish",
            Class::Simulator => "simulator",
        })
    }
}
