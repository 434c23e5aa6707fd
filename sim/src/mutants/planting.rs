//! Planting: the texts of the changed files, of one mutant alone, or of many in one program that is
//! told when it starts which of them to be.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{Mutant, files, mutant::Replacement};

/// The variable that tells the program which mutants to be, by their ids with commas between.
pub(super) const VARIABLE: &str = "SISYPHUS_MUTANT";

/// The file that [`PLANTED`] is put behind.
const LIB: &str = "src/lib.rs";

/// What the program asks at every place where it may be changed.
const PLANTED: &str = r#"
/// Which planted bugs are alive in this process.
pub mod planted {
    use std::sync::OnceLock;

    static ALIVE: OnceLock<Vec<String>> = OnceLock::new();

    /// Whether this one is.
    pub fn is(id: &str) -> bool {
        let alive = ALIVE.get_or_init(|| {
            let ids = std::env::var("SISYPHUS_MUTANT").unwrap_or_default();
            ids.split(',').map(str::to_owned).collect()
        });
        alive.iter().any(|one| one == id)
    }
}
"#;

/// Files that differ from the sources, by their paths from the root.
pub(super) type Texts = BTreeMap<PathBuf, String>;

/// Many mutants in one program.
#[derive(Debug, Default)]
pub(super) struct Planted {
    pub texts: Texts,
    /// Those that are in it.
    pub ids: BTreeSet<String>,
}

/// A place that can be switched: where it lies in its file, and what it may be.
#[derive(Debug)]
struct Place {
    start: usize,
    old: String,
    cases: Vec<(String, String)>,
}

/// The changed files of one mutant. The error names the mutant and the file.
pub(super) fn alone(root: &Path, mutant: &Mutant) -> Result<Texts, String> {
    let mut texts = Texts::new();
    for replacement in &mutant.replacements {
        let text = current(root, &mut texts, replacement)?;
        let changed = replacement.apply(&text);
        let changed = changed.map_err(|error| format!("{}: {error}", mutant.id))?;
        texts.insert(replacement.file.clone().into(), changed);
    }
    Ok(texts)
}

/// All mutants that can be switched, as one program. Those that get into each other's way, or into
/// that of one before them, are left out: they are to be built alone.
pub(super) fn together(root: &Path, mutants: &[Mutant]) -> Result<Planted, String> {
    let mut planted = Planted::default();
    let mut places: BTreeMap<PathBuf, Vec<Place>> = BTreeMap::new();
    let mut names: Vec<&Replacement> = Vec::new();
    for mutant in mutants.iter().filter(|mutant| mutant.is_switchable()) {
        // Says which mutant does not apply.
        alone(root, mutant)?;
        if add_places(root, &mut places, mutant)? {
            names.extend(mutant.replacements.iter().filter(|one| one.only_names));
            planted.ids.insert(mutant.id.clone());
        }
    }
    for (file, places) in places {
        let text = files::read(&root.join(&file))?;
        let text = switched(&file, text, &places);
        planted.texts.insert(file, text);
    }
    for replacement in names {
        let text = current(root, &mut planted.texts, replacement)?;
        let file = replacement.file.clone().into();
        planted.texts.insert(file, replacement.apply(&text)?);
    }
    let lib = PathBuf::from(LIB);
    let before = planted.texts.remove(&lib);
    let before = before.map_or_else(|| files::read(&root.join(LIB)), Ok)?;
    planted.texts.insert(lib, before + PLANTED);
    Ok(planted)
}

fn current(root: &Path, texts: &mut Texts, replacement: &Replacement) -> Result<String, String> {
    let file = PathBuf::from(&replacement.file);
    match texts.remove(&file) {
        Some(text) => Ok(text),
        None => files::read(&root.join(file)),
    }
}

/// Notes where a mutant switches. False, and nothing is noted, if it would cut another one's place.
fn add_places(
    root: &Path,
    places: &mut BTreeMap<PathBuf, Vec<Place>>,
    mutant: &Mutant,
) -> Result<bool, String> {
    let mut added: Vec<(PathBuf, Place)> = Vec::new();
    for replacement in mutant.replacements.iter().filter(|one| !one.only_names) {
        let text = files::read(&root.join(&replacement.file))?;
        let Some(switch) = replacement.switch()? else {
            return Ok(false);
        };
        let found = text.find(&replacement.find).unwrap_or_default();
        let place = Place {
            start: found + switch.offset,
            old: switch.old,
            cases: vec![(mutant.id.clone(), switch.new)],
        };
        added.push((replacement.file.clone().into(), place));
    }
    let clashes = |(file, place): &(PathBuf, Place)| {
        let mut others = places.get(file).into_iter().flatten();
        others.any(|other| place.cuts(other))
    };
    if added.iter().any(clashes) {
        return Ok(false);
    }
    for (file, place) in added {
        let others = places.entry(file).or_default();
        match others.iter_mut().find(|other| place.is_at(other)) {
            Some(other) => other.cases.extend(place.cases),
            None => others.push(place),
        }
    }
    Ok(true)
}

impl Place {
    fn end(&self) -> usize {
        self.start + self.old.len()
    }

    fn is_at(&self, other: &Place) -> bool {
        (self.start, self.end()) == (other.start, other.end())
    }

    /// Whether the two overlap without being the same.
    fn cuts(&self, other: &Place) -> bool {
        self.start < other.end() && other.start < self.end() && !self.is_at(other)
    }

    /// The present text and all that it may be.
    fn switch(&self, door: &str) -> String {
        let mut text = String::new();
        for (id, new) in &self.cases {
            text += &format!("if {door}::planted::is({id:?}) {{ {new} }} else ");
        }
        text += &format!("{{ {} }}", self.old);
        // Statements stand by themselves; an expression may stand anywhere.
        match self.old.ends_with([';', '}']) {
            true => text,
            false => format!("({text})"),
        }
    }
}

/// The text of a file with its switches.
fn switched(file: &Path, mut text: String, places: &[Place]) -> String {
    let door = match file.starts_with("src") {
        true => "crate",
        false => "sisyphus",
    };
    let mut order: Vec<&Place> = places.iter().collect();
    // From the end, so that those before stay where they are.
    order.sort_by_key(|place| std::cmp::Reverse(place.start));
    for place in order {
        text.replace_range(place.start..place.end(), &place.switch(door));
    }
    text
}
