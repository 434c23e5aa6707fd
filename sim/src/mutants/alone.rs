//! What is found by one oracle alone, or with one kind of fault alone, as tables: whoever is in no row
//! of its own has to be argued for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use super::{Class, Record};
use crate::plan::Plan;

/// All oracles of a run.
const ORACLES: [&str; 20] = [
    "AUD", "DET", "DUR", "ELS", "KEEP", "LC", "LIN", "LIVE", "LOGM", "MEM", "MONO", "PAN", "PRE",
    "PROM", "QRM", "SMS", "SNAP", "STALE", "VAL", "XO",
];

/// So many plans have all kinds of faults among them.
const PLANS: u64 = 1_000;

/// Mutants by the name of an oracle or of a kind of fault.
type Ids = BTreeMap<String, BTreeSet<String>>;

/// The tables of oracles and of faults; nothing if nobody was asked to do without.
pub(super) fn tables(known: &[&Record]) -> String {
    let is_counted = |record: &&&Record| record.class != Class::Simulator && record.is_ablated;
    let records: Vec<&Record> = known.iter().filter(is_counted).copied().collect();
    if records.is_empty() {
        return String::new();
    }
    let first = ids(&records, |record| record.oracles.keys().cloned().collect());
    let alone = ids(&records, |record| {
        record.only_oracle.iter().cloned().collect()
    });
    let shown = ids(&records, |record| {
        let size = record.size.iter();
        size.flat_map(|size| size.kinds.clone()).collect()
    });
    let needed = ids(&records, |record| record.only_faults.clone());
    let oracles = ORACLES.map(str::to_owned).into();
    let kinds = (0..PLANS).flat_map(|seed| Plan::draw(seed).fault_kinds());
    table(ORACLE, oracles, &first, &alone) + &table(FAULT, kinds.collect(), &shown, &needed)
}

/// Which mutants have which names.
fn ids(records: &[&Record], names: impl Fn(&Record) -> Vec<String>) -> Ids {
    let mut ids = Ids::new();
    for record in records {
        for name in names(record) {
            ids.entry(name).or_default().insert(record.id.clone());
        }
    }
    ids
}

/// A row for each name, with how many mutants there are and which.
fn table(heading: &str, names: BTreeSet<String>, some: &Ids, only: &Ids) -> String {
    let list = |ids: &Ids, name: &str| {
        let ids: Vec<&str> = ids
            .get(name)
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        match ids.len() {
            0 => String::new(),
            count => format!("{count}: {}", ids.join(" ")),
        }
    };
    let mut out = heading.to_owned();
    for name in names {
        let _ = writeln!(
            out,
            "| {name} | {} | {} |",
            list(some, &name),
            list(only, &name)
        );
    }
    out
}

const ORACLE: &str = "
## What each oracle is worth
*First*: the mutants that it saw before any other oracle did. *Alone*: those that survive without it, as long as
ten times the seeds that they take with it.

| oracle | first | alone |
|---|---|---|
";

const FAULT: &str = "
## What each kind of fault is worth
*Smallest*: the mutants whose smallest known plan has such faults. *Needed*: those that survive without them, as long
as ten times the seeds that they take with them.

| fault | smallest | needed |
|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::{super::Mutant, *};

    #[test]
    fn whoever_is_the_only_one_is_told_with_what_it_found() {
        let text = "id='A'\ntitle=''\nclass='easy'\nsource=''\nstory=''\noracles=[]\n\
                    [[replace]]\nfile='f'\nfind='x'\nreplace='y'";
        let mut record = Record::of(&Mutant::parse("A", text).unwrap(), "abc");
        record.oracles.insert("LIN".to_owned(), 3);
        assert_eq!(tables(&[&record]), "", "nobody did without");
        record.is_ablated = true;
        record.only_oracle = Some("LIN".to_owned());
        record.only_faults.push("damage".to_owned());
        let page = tables(&[&record]);
        assert!(page.contains("| LIN | 1: A | 1: A |"), "{page}");
        assert!(page.contains("| damage |  | 1: A |"), "{page}");
        assert!(page.contains("| ELS |  |  |"), "whoever found nothing");
    }
}
