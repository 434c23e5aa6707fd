//! What is known of each mutant: kept between scores, so that one mutant can be tried again alone.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use crate::plan::Plan;

use super::{
    Class, Mutant, estimate, files,
    trial::{Found, Word},
};

/// The results of all mutants that were ever tried in this working tree, by id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Records(pub BTreeMap<String, Record>);

/// What came of one mutant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its class.
    pub class: Class,
    /// The commit that it was planted in; a `+` says that there were changes beside it.
    pub commit: String,
    /// How many seeds each hunt took, and whether it ended with a find.
    pub hunts: Vec<(u64, bool)>,
    /// The first find.
    pub first: Option<Word>,
    /// The oracles that found it, each with how often.
    pub oracles: BTreeMap<String, u64>,
    /// How small a plan that shows it was made, if one was looked for and found.
    #[serde(default)]
    pub size: Option<Size>,
    /// Whether it was hunted without this and that.
    #[serde(default)]
    pub is_ablated: bool,
    /// The oracle without which it is not found with as many seeds, if that was tried.
    pub only_oracle: Option<String>,
    /// The kinds of faults without each of which it is not found, if that was tried.
    pub only_faults: Vec<String>,
    /// Why it could not be tried.
    pub trouble: Option<String>,
    /// How long all of it took, in seconds by the wall clock.
    pub seconds: f64,
    /// How long the hunts alone took, in the same way.
    #[serde(default)]
    pub hunt_seconds: f64,
}

/// What a small plan is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Its faults.
    pub faults: u64,
    /// Their kinds and varieties, sorted, each once.
    pub kinds: Vec<String>,
    /// Its operations.
    pub operations: u64,
}

impl Size {
    /// The size of this plan.
    pub(super) fn of(plan: &Plan) -> Size {
        Size {
            faults: plan.faults.len() as u64,
            kinds: plan.fault_kinds(),
            operations: plan.operations_max(),
        }
    }
}

impl Record {
    /// Nothing yet.
    pub(super) fn of(mutant: &Mutant, commit: &str) -> Record {
        Record {
            id: mutant.id.clone(),
            title: mutant.title.clone(),
            class: mutant.class,
            commit: commit.to_owned(),
            hunts: Vec::new(),
            first: None,
            oracles: BTreeMap::new(),
            size: None,
            is_ablated: false,
            only_oracle: None,
            only_faults: Vec::new(),
            trouble: None,
            seconds: 0.0,
            hunt_seconds: 0.0,
        }
    }

    /// A hunt is over.
    pub(super) fn add(&mut self, found: Found) {
        self.hunts.push((found.seeds, found.failure.is_some()));
        let Some(word) = found.failure else {
            return;
        };
        if let Some(oracle) = &word.oracle {
            *self.oracles.entry(oracle.clone()).or_default() += 1;
        }
        self.first.get_or_insert(word);
    }

    /// Whether it was found.
    pub fn is_caught(&self) -> bool {
        self.first.is_some()
    }

    /// All seeds that were tried.
    pub fn seeds(&self) -> u64 {
        self.hunts.iter().map(|(seeds, _)| seeds).sum()
    }

    /// The median number of seeds of the hunts that ended with a find.
    pub fn median(&self) -> Option<u64> {
        let finds = self.hunts.iter().filter(|(_, found)| *found);
        estimate::median(finds.map(|(seeds, _)| *seeds).collect())
    }

    /// Where the median of all hunts lies, with 95 % confidence; none if it was never found.
    pub fn interval(&self) -> Option<(u64, u64)> {
        let finds = self.hunts.iter().filter(|(_, found)| *found).count() as u64;
        (finds > 0).then(|| estimate::interval(finds, self.seeds()))
    }
}

impl Records {
    /// The results of earlier scores; none if there are none, or none that can be read.
    pub fn load(path: &Path) -> Records {
        let bytes = files::bytes(path).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Keeps them.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let json = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        files::write(path, json.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunts_without_a_find_count_as_seeds_and_not_as_finds() {
        let text = "id='a'\ntitle=''\nclass='easy'\nsource=''\nstory=''\noracles=[]\n\
                    [[replace]]\nfile='f'\nfind='x'\nreplace='y'";
        let mutant = Mutant::parse("a", text).unwrap();
        let mut record = Record::of(&mutant, "abc");
        let found = |seeds, oracle: Option<&str>| Found {
            seeds,
            failure: oracle.map(|oracle| Word {
                oracle: Some(oracle.to_owned()),
                ..Word::default()
            }),
        };
        record.add(found(100, None));
        assert_eq!((record.is_caught(), record.interval()), (false, None));
        record.add(found(7, Some("LIN")));
        assert_eq!((record.seeds(), record.median()), (107, Some(7)));
        let (low, high) = record.interval().unwrap();
        assert!(low < 74 && 74 < high, "{low}..{high}");
    }
}
