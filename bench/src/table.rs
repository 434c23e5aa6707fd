//! The results, as one table.

use std::{collections::BTreeMap, fmt::Write};

/// The pieces of work, each with the rows it yields.
pub const WORK: [(&str, &[&str]); 4] = [
    ("sequential", &["fill sequential"]),
    (
        "random",
        &[
            "fill random",
            "fill random, longest write",
            "bytes on disk",
            "write amplification",
            "read random, warm",
            "read absent",
            "scan of 100",
            "read while writing",
            "peak memory",
        ],
    ),
    (
        "synced",
        &["fill synced, 1 writer", "fill synced, 64 writers"],
    ),
    ("cold", &["open after kill -9", "read random, cold"]),
];

/// Rows in which less is better, with their units; the others are operations in a second.
const COSTS: [(&str, &str); 5] = [
    ("fill random, longest write", "ms"),
    ("bytes on disk", "MiB"),
    ("write amplification", "×"),
    ("peak memory", "MiB"),
    ("open after kill -9", "ms"),
];

/// What was measured.
#[derive(Default)]
pub struct Results {
    /// By engine and row, one for each round.
    numbers: BTreeMap<(String, String), Vec<f64>>,
}

impl Results {
    /// One more measurement.
    pub fn add(&mut self, engine: &str, row: &str, number: f64) {
        let cell = (engine.to_owned(), row.to_owned());
        self.numbers.entry(cell).or_default().push(number);
    }

    /// A line for each row, a column for each engine, and how much better the first engine is than
    /// the best of the others: above 1 is better, in every row.
    pub fn table(&self, engines: &[&str], is_wanted: impl Fn(&[&str]) -> bool) -> String {
        let mut table = format!("{:<34}", "");
        engines.iter().for_each(|name| push(&mut table, name));
        push(&mut table, "ratio");
        table.push('\n');
        for row in WORK.iter().flat_map(|(_, rows)| *rows) {
            let cells = engines.iter().map(|engine| self.median(engine, row));
            let cells: Vec<Option<f64>> = cells.collect();
            if is_wanted(&[row]) && cells.iter().any(Option::is_some) {
                line(&mut table, row, &cells);
            }
        }
        table
    }

    fn median(&self, engine: &str, row: &str) -> Option<f64> {
        let cell = (engine.to_owned(), row.to_owned());
        let mut numbers = self.numbers.get(&cell)?.clone();
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len() / 2).copied()
    }
}

fn line(table: &mut String, row: &str, cells: &[Option<f64>]) {
    let unit = COSTS
        .iter()
        .find(|(name, _)| *name == row)
        .map(|(_, unit)| *unit);
    push_name(table, row, unit.unwrap_or("/s"));
    for cell in cells {
        let text = cell.map_or("–".to_owned(), |number| show(number, unit));
        push(table, &text);
    }
    let ratio = ratio(cells, unit.is_some());
    push(
        table,
        &ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
    );
    table.push('\n');
}

/// How much better the first is than the best of the others.
fn ratio(cells: &[Option<f64>], less_is_better: bool) -> Option<f64> {
    let ours = cells.first().copied().flatten()?;
    let others = cells.iter().skip(1).flatten().copied();
    match less_is_better {
        true => Some(others.reduce(f64::min)? / ours),
        false => Some(ours / others.reduce(f64::max)?),
    }
}

fn show(number: f64, unit: Option<&str>) -> String {
    match unit {
        None | Some("MiB") => format!("{number:.0}"),
        Some(_) => format!("{number:.2}"),
    }
}

fn push_name(table: &mut String, row: &str, unit: &str) {
    let name = format!("{row} ({unit})");
    write!(table, "{name:<34}").expect("a string takes everything");
}

fn push(table: &mut String, text: &str) {
    write!(table, "{text:>12}").expect("a string takes everything");
}
