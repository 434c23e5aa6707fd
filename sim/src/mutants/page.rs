//! `sim/SCORE.md`: the score as a page.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use super::{Class, Mutant, Record, alone, estimate, files, record::Records};

/// Where the score stands, from the root of the repository.
const PAGE: &str = "sim/SCORE.md";

const CLASSES: [(Class, &str); 5] = [
    (Class::Easy, "easy, at most 2 seeds expected"),
    (Class::Medium, "medium, at most 20"),
    (Class::Hard, "hard, at most 300"),
    (Class::Fiendish, "fiendish, at most 5,000"),
    (
        Class::Simulator,
        "of the simulator itself, which must turn the score red",
    ),
];

/// Writes the page from what is known of these mutants.
pub(super) fn write(root: &Path, mutants: &[Mutant], records: &Records) -> Result<(), String> {
    files::write(&root.join(PAGE), page(mutants, records).as_bytes())
}

/// The page.
pub(super) fn page(mutants: &[Mutant], records: &Records) -> String {
    let known: Vec<&Record> = mutants
        .iter()
        .filter_map(|mutant| records.0.get(&mutant.id))
        .collect();
    let mut out = String::from(INTRODUCTION);
    out += &totals(mutants.len(), &known);
    for (class, heading) in CLASSES {
        let mut rows: Vec<&Record> = known.iter().copied().filter(|r| r.class == class).collect();
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        if !rows.is_empty() {
            out += &table(heading, &rows);
        }
    }
    out += &alone::tables(&known);
    out
}

const INTRODUCTION: &str = "\
<!-- Written by `cargo sim mutants`; not to be edited by hand. -->
# How many planted bugs does the simulator find?

Each mutant is one bug, planted in the product (`sim/mutants/`), and hunted with random seeds: the simulator
does not know which it is, and the product knows of none. `sim/mutants/README.md` says how they are written
and why some survive. *Seeds* is the median of several hunts from different seeds, with the interval in which
the median of all hunts lies with 95 % confidence. *Smallest* is what the smallest plan known that shows the mutant
is made of, in faults and operations (`sim/mutants/witness/`; every one of these plans passes without the mutant).

";

fn totals(all: usize, known: &[&Record]) -> String {
    let (simulator, product): (Vec<&Record>, Vec<&Record>) = known
        .iter()
        .partition(|record| record.class == Class::Simulator);
    let caught = |records: &[&Record]| records.iter().filter(|r| r.is_caught()).count();
    let medians = product.iter().filter_map(|record| record.median());
    let mut out = format!(
        "**{} of {} mutants of the product are found",
        caught(&product),
        product.len()
    );
    if let Some(median) = estimate::median(medians.collect()) {
        let _ = write!(out, ", in a median of {median} seeds");
    }
    let _ = writeln!(
        out,
        "; {} of {} mutants of the simulator turn the score red.**",
        caught(&simulator),
        simulator.len()
    );
    if known.len() < all {
        let _ = writeln!(out, "{} mutants were not tried yet.", all - known.len());
    }
    let mut commits: BTreeMap<&str, u64> = BTreeMap::new();
    known
        .iter()
        .for_each(|r| *commits.entry(&r.commit).or_default() += 1);
    let commits: Vec<String> = commits.iter().map(|(c, n)| format!("{c} ({n})")).collect();
    let seeds: u64 = known.iter().map(|record| record.seeds()).sum();
    let _ = writeln!(
        out,
        "\n{seeds} seeds in all{}. Commits, each with how many mutants were last tried in it: {}.",
        pace(known),
        commits.join(", ")
    );
    out
}

/// How fast seeds were hunted; nothing if nobody has timed it.
fn pace(known: &[&Record]) -> String {
    let timed = known.iter().filter(|record| record.hunt_seconds > 0.0);
    let (seeds, seconds) = timed.fold((0, 0.0), |(seeds, seconds), record| {
        (seeds + record.seeds(), seconds + record.hunt_seconds)
    });
    match seeds {
        0 => String::new(),
        _ => format!(", {:.1} a second in each job", seeds as f64 / seconds),
    }
}

fn table(heading: &str, rows: &[&Record]) -> String {
    let caught = rows.iter().filter(|record| record.is_caught()).count();
    let mut out = format!("\n## {heading}: {caught} of {}\n", rows.len());
    out += "| | mutant | found | seeds | oracle | smallest | first failing seed |\n";
    out += "|---|---|---|---|---|---|---|\n";
    rows.iter().for_each(|record| out += &row(record));
    out
}

fn row(record: &Record) -> String {
    let Record { id, title, .. } = record;
    if let Some(trouble) = &record.trouble {
        let trouble = trouble.lines().next().unwrap_or_default();
        return format!("| {id} | {title} | could not be tried: {trouble} | | | | |\n");
    }
    let size = record.size.as_ref();
    let size = size.map_or(String::new(), |size| {
        format!("{} / {}", size.faults, size.operations)
    });
    let (Some(first), Some(median), Some((low, high))) =
        (&record.first, record.median(), record.interval())
    else {
        return format!(
            "| {id} | {title} | **survives {} seeds** | | | {size} | |\n",
            record.seeds()
        );
    };
    let finds = record.hunts.iter().filter(|(_, found)| *found).count();
    let hunts = record.hunts.len();
    let oracles: Vec<String> = record
        .oracles
        .iter()
        .map(|(oracle, count)| format!("{oracle} {count}"))
        .collect();
    format!(
        "| {id} | {title} | {finds} of {hunts} | {median} ({low}–{high}) | {} | {size} | {} |\n",
        oracles.join(", "),
        first.seed
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_tells_the_found_from_the_survivors() {
        let text = |id: &str| {
            format!(
                "id='{id}'\ntitle='t'\nclass='easy'\nsource=''\nstory=''\noracles=[]\n\
                 [[replace]]\nfile='f'\nfind='x'\nreplace='y'"
            )
        };
        let mutants = ["A", "B", "C"].map(|id| Mutant::parse(id, &text(id)).unwrap());
        let mut records = Records::default();
        for (mutant, found) in mutants.iter().zip([true, false]) {
            let mut record = Record::of(mutant, "abc");
            record.hunts.push((9, found));
            record.first = found.then(|| super::super::Word {
                seed: 8,
                ..Default::default()
            });
            records.0.insert(mutant.id.clone(), record);
        }
        let page = page(&mutants, &records);
        assert!(page.contains("**1 of 2 mutants of the product are found, in a median of 9 seeds"));
        assert!(page.contains("| B | t | **survives 9 seeds**"));
        assert!(page.contains("1 mutants were not tried yet"));
    }
}
