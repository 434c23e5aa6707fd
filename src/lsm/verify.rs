//! Is everything there, and as it was written?

use std::sync::Arc;

use serde::Serialize;

use super::{
    commit::Look,
    error::{LsmError, Result},
    files::Files,
    garbage::Garbage,
    manifest::{self, Catalog},
    names::{self, Name},
    open::list,
    options::Options,
    pace::Pace,
    shared::Shared,
    table::TableInfo,
    version::{LEVELS, Version},
};
use crate::env::{Disk, task::watch};

/// A report lists no more findings than this; whatever else there is is only counted.
const FINDINGS_MAX: usize = 1000;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, as a path on its disk.
    pub file: String,
    /// Where in the file, in bytes. 0 if all of it is concerned.
    pub offset: u64,
    /// What was expected there, or what went wrong.
    pub what: String,
}

/// What a full check has looked at, and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many tables were checked.
    pub tables: u64,
    /// How many blocks of them were read.
    pub blocks: u64,
    /// The bytes of these blocks.
    pub bytes: u64,
    /// The versions in them.
    pub entries: u64,
    /// What is not as it should be, at most 1000 findings. Empty if all is well.
    pub findings: Vec<Finding>,
    /// How many findings there were beyond those.
    pub more_findings: u64,
}

impl Report {
    /// Adds what an error says of a file.
    pub(super) fn find(&mut self, file: &str, error: &LsmError) {
        let (offset, what) = match error {
            LsmError::Corrupt { offset, what, .. } => (*offset, format!("not found: {what}")),
            other => (0, other.to_string()),
        };
        let file = file.to_owned();
        match self.findings.len() < FINDINGS_MAX {
            true => self.findings.push(Finding { file, offset, what }),
            false => self.more_findings += 1,
        }
    }
}

/// Checks an open database, as it is at this moment.
pub(super) async fn verify_open(shared: &Shared) -> Result<Report> {
    let mut report = Report::default();
    let Look {
        catalog,
        current,
        reread,
    } = shared.look().await?;
    let path = shared.files.path_of(names::MANIFEST);
    match reread {
        Ok(found) if found == catalog => {}
        Ok(_) => report.find(&path, &not_as_written(&path)),
        Err(error) => report.find(&path, &error),
    }
    if !agrees(&catalog, &current.version) {
        report.find(&path, &not_as_written(&path));
    }
    let mut pace = Pace::new(None);
    for table in current.version.tables() {
        table.check(&mut report, &mut pace).await;
    }
    Ok(report)
}

/// Checks a database that nobody has open, without changing anything. Fails if the directory cannot
/// be listed; everything else is a finding.
pub async fn verify(disk: Arc<dyn Disk>, dir: &str) -> Result<Report> {
    let mut report = Report::default();
    let listing = list(disk.as_ref(), dir).await?;
    let path = names::path(dir, names::MANIFEST);
    let catalog = match manifest::read(disk.as_ref(), &path).await {
        Ok((catalog, _)) => catalog,
        Err(error) => {
            report.find(&path, &error);
            return Ok(report);
        }
    };
    let garbage = Arc::new(Garbage::new(watch::Sender::new(())));
    let options = Options {
        cache_bytes: 0,
        ..Options::default()
    };
    let files = Files::new(disk, dir, options, catalog.next_id, garbage);
    let mut pace = Pace::new(None);
    for (id, (_, info)) in &catalog.tables {
        let table = files.table(info.clone());
        table.keep();
        match listing.contains(&Name::Table(*id)) {
            true => table.check(&mut report, &mut pace).await,
            false => {
                let file = names::path(dir, &names::table(*id));
                report.find(&file, &LsmError::corrupt(&file, 0, "the file"));
            }
        }
    }
    if overlaps(&catalog) {
        let what = "tables of one level that do not overlap";
        report.find(&path, &LsmError::corrupt(&path, 0, what));
    }
    Ok(report)
}

fn not_as_written(path: &str) -> LsmError {
    LsmError::corrupt(path, 0, "the tables that are in use, and the note")
}

/// Whether the catalog and the version have the same tables.
fn agrees(catalog: &Catalog, version: &Version) -> bool {
    let of_level = |level: usize| {
        let tables = version.level(level).iter();
        tables.map(move |table| (table.info().id, (level, table.info())))
    };
    let mut tables: Vec<(u64, (usize, &TableInfo))> = (0..LEVELS).flat_map(of_level).collect();
    tables.sort_by_key(|(id, _)| *id);
    let listed = catalog.tables.iter();
    listed
        .map(|(id, (level, info))| (*id, (*level, info)))
        .eq(tables)
}

/// Whether tables overlap that may not.
fn overlaps(catalog: &Catalog) -> bool {
    let tables = catalog.tables.values();
    let mut below: Vec<_> = tables
        .filter(|(level, _)| *level > 0)
        .map(|(level, info)| (*level, &info.properties))
        .collect();
    below.sort_by_key(|(level, properties)| (*level, properties.smallest.clone()));
    below.windows(2).any(|pair| {
        let ((level, first), (next_level, next)) = (pair[0], pair[1]);
        level == next_level && first.end > next.smallest
    })
}
