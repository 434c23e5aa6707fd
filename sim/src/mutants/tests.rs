//! The mutants of the repository, as files.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{Class, Mutant, planting};

/// Those that there must be: the list that was drawn up before any was written, and the defects that
/// the product was to be proved free of.
const LISTED: &str = "\
    R01 R02 R03 D01 K01 R13 \
    R05 R06 R08 R11 R14 R18 R20 R23 R32 S01 S04 S06 D03 D08 D09 L01 L03 L06 L07 L09 K05 K07 K08 \
    R10 R17 R21 R22 R25 R26 R27 R29 S03 S08 D04 D14 L05 L12 L14 \
    R31 S10 D06 D07 D12 \
    X01 X02 X03 X05 \
    P01 P02 P03 P04 P05 P06 P07 P08 P09 P10 P11 P12 P13 P14 P15 P16";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn mutants() -> Vec<Mutant> {
    Mutant::all(&root().join("sim/mutants")).unwrap()
}

#[test]
fn every_mutant_applies() {
    for mutant in mutants() {
        let texts = planting::alone(&root(), &mutant).unwrap();
        assert!(!texts.is_empty(), "{} changes nothing", mutant.id);
    }
}

#[test]
fn every_mutant_of_the_list_is_there() {
    let ids: BTreeSet<String> = mutants().into_iter().map(|mutant| mutant.id).collect();
    let missing: Vec<&str> = LISTED
        .split_whitespace()
        .filter(|id| !ids.contains(*id))
        .collect();
    assert!(missing.is_empty(), "no file in sim/mutants for {missing:?}");
}

#[test]
fn every_mutant_has_a_story_and_a_source_and_oracles() {
    let mutants = mutants();
    let ids: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.id.as_str()).collect();
    for mutant in &mutants {
        let Mutant {
            id,
            title,
            source,
            story,
            oracles,
            blinds,
            class,
            ..
        } = mutant;
        let told = [title, source, story]
            .iter()
            .all(|text| text.trim().len() > 5);
        assert!(told, "{id}: title, source or story is missing");
        assert!(
            !oracles.is_empty() || !blinds.is_empty(),
            "{id}: nobody is expected to see it"
        );
        assert!(
            blinds.is_empty() || *class == Class::Simulator,
            "{id}: only the simulator is blind"
        );
        assert!(
            blinds.iter().all(|other| ids.contains(other.as_str())),
            "{id}: blinds {blinds:?}"
        );
    }
}

#[test]
fn those_that_can_be_switched_are_planted_together() {
    let mutants = mutants();
    let planted = planting::together(&root(), &mutants).unwrap();
    let left_out: Vec<&str> = mutants
        .iter()
        .filter(|mutant| mutant.is_switchable() && !planted.ids.contains(&mutant.id))
        .map(|mutant| mutant.id.as_str())
        .collect();
    assert!(left_out.is_empty(), "{left_out:?} cut another one's place");
    for id in &planted.ids {
        let door = format!("planted::is({id:?})");
        assert!(
            planted.texts.values().any(|text| text.contains(&door)),
            "{id}"
        );
    }
}

fn one(find: &str, replace: &str, part: &str) -> Result<Mutant, String> {
    let part = if part.is_empty() {
        String::new()
    } else {
        format!("part = {part:?}\n")
    };
    let text = format!(
        "id='T'\ntitle='t'\nclass='hard'\nsource='s'\nstory='s'\noracles=[]\n[[replace]]\n\
         file='src/raft/role.rs'\nfind={find:?}\nreplace={replace:?}\n{part}"
    );
    Mutant::parse("T", &text)
}

#[test]
fn a_mutant_that_does_not_apply_is_named_with_how_often_it_was_found() {
    for (find, count) in [("no such text", "found 0 times"), ("Turn", "times")] {
        let mutant = one(find, "other", "").unwrap();
        let error = planting::alone(&root(), &mutant).unwrap_err();
        assert!(error.starts_with("T: src/raft/role.rs: found"), "{error}");
        assert!(error.contains(count) && error.contains(find), "{error}");
    }
    let same = one("assert_ne!(from", "assert_ne!(from", "").unwrap();
    assert!(
        planting::alone(&root(), &same)
            .unwrap_err()
            .contains("by itself")
    );
}

#[test]
fn a_part_must_be_all_that_differs() {
    assert!(one("a b c", "a x c", "b").is_ok());
    assert!(
        one("a b c", "a x c", "c")
            .unwrap_err()
            .contains("not only in `part`")
    );
    assert!(
        one("a b c", "a x c", "d")
            .unwrap_err()
            .contains("does not stand in")
    );
    assert!(Mutant::parse("U", "id='T'").is_err());
}
