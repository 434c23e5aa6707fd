//! Files that the user names: histories. They are read and written here alone, outside every
//! simulation, and with the operating system's own calls.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the store's own files are behind env::Disk; these are the user's"
)]

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::Path,
};

/// Opens a file to be read.
pub(super) fn open(path: &Path) -> io::Result<impl BufRead> {
    File::open(path).map(BufReader::new)
}

/// Creates a file to be written, empty whatever it held.
pub(super) fn create(path: &Path) -> io::Result<impl Write + Send + 'static> {
    File::create(path).map(BufWriter::new)
}
