//! The real disk, for mutants, scratch trees and scores.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "mutants, scratch trees and scores lie on the real disk"
)]

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A file as text. The error names it.
pub(super) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| named(path, &error))
}

/// The file's bytes; none if there is none.
pub(super) fn bytes(path: &Path) -> Option<Vec<u8>> {
    fs::read(path).ok()
}

/// Writes a file, and the directories above it; leaves it alone if it holds that already, so that
/// nobody takes it for changed.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    if bytes(path).is_some_and(|before| before == content) {
        return Ok(());
    }
    let above = path.parent().unwrap_or(Path::new(""));
    let written = fs::create_dir_all(above).and_then(|()| fs::write(path, content));
    written.map_err(|error| named(path, &error))
}

/// Copies a file that may be run.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let above = to.parent().unwrap_or(Path::new(""));
    let copied = fs::create_dir_all(above).and_then(|()| fs::copy(from, to));
    copied.map(drop).map_err(|error| named(from, &error))
}

/// Copies a file so that it is as old as it was.
pub(super) fn copy_with_time(from: &Path, to: &Path) -> Result<(), String> {
    copy(from, to)?;
    let time = fs::metadata(from).and_then(|known| known.modified());
    let file = fs::File::open(to);
    let timed = time.and_then(|time| file?.set_modified(time));
    timed.map_err(|error| named(to, &error))
}

/// Gives a file a second name, or copies it where that cannot be.
pub(super) fn link(from: &Path, to: &Path) -> Result<(), String> {
    let above = to.parent().unwrap_or(Path::new(""));
    let linked = fs::create_dir_all(above).and_then(|()| fs::hard_link(from, to));
    linked.or_else(|_| copy_with_time(from, to))
}

/// Removes a file that may be gone.
pub(super) fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(path, &error)),
        _ => Ok(()),
    }
}

/// Removes a folder of a test with all that is in it.
#[cfg(test)]
pub(super) fn remove_all(dir: &Path) {
    let _ = fs::remove_dir_all(dir);
}

/// The files of a folder whose names end so, sorted.
pub(super) fn listed(dir: &Path, ending: &str) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(dir).map_err(|error| named(dir, &error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths: io::Result<Vec<PathBuf>> = paths.collect();
    let mut paths = paths.map_err(|error| named(dir, &error))?;
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    Ok(paths)
}

/// All files below a folder, as paths relative to it; none if it is not there.
pub(super) fn below(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let (mut found, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.map_err(|error| named(&folder, &error))?.path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.extend(path.strip_prefix(dir).map(Path::to_owned)),
            }
        }
    }
    Ok(found)
}

fn named(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
