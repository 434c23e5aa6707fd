//! Reads what a recorder wrote.

use std::io;

use super::{Event, History, PairError, line};

/// A line longer than this is not a line of a history: the largest value, twice, in base64, fits.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The input itself failed.
    #[error("line {line}: cannot be read: {source}")]
    Input {
        /// The line's number, from 1.
        line: usize,
        /// What the operating system said.
        source: io::Error,
    },
    /// The line is longer than any recorder writes.
    #[error("line {line}: longer than {LINE_BYTES_MAX} bytes")]
    TooLong {
        /// The line's number, from 1.
        line: usize,
    },
    /// A field is missing or is not what it should be.
    #[error("line {line}: field `{field}`: {problem}")]
    Field {
        /// The line's number, from 1.
        line: usize,
        /// The field's name; `(line)` when the line is no JSON object at all.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The line is well-formed and contradicts the lines before it.
    #[error("line {line}: field `op`: {problem}")]
    Pair {
        /// The line's number, from 1.
        line: usize,
        /// The contradiction.
        problem: PairError,
    },
}

/// Reads a history of JSON lines. Empty lines are passed over. A last line without its line feed is
/// what a killed recorder leaves: if it is not a whole event, it is left out.
pub fn read(mut input: impl io::BufRead) -> Result<History, ReadError> {
    let mut builder = History::builder();
    let mut buffer = Vec::new();
    for line in 1.. {
        buffer.clear();
        let mut limited = io::Read::take(&mut input, LINE_BYTES_MAX);
        let length = io::BufRead::read_until(&mut limited, b'\n', &mut buffer)
            .map_err(|source| ReadError::Input { line, source })?;
        if length == 0 {
            break;
        }
        if length as u64 == LINE_BYTES_MAX {
            return Err(ReadError::TooLong { line });
        }
        match decode(line, &buffer) {
            Ok(Some(event)) => builder
                .add(event)
                .map_err(|problem| ReadError::Pair { line, problem })?,
            Ok(None) => {}
            Err(_) if !buffer.ends_with(b"\n") => break,
            Err(error) => return Err(error),
        }
    }
    Ok(builder.finish())
}

fn decode(line: usize, bytes: &[u8]) -> Result<Option<Event>, ReadError> {
    let field_error = |field, problem| ReadError::Field {
        line,
        field,
        problem,
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| field_error("(line)", format!("is not UTF-8: {error}")))?
        .trim();
    if text.is_empty() {
        return Ok(None);
    }
    line::decode(text)
        .map(Some)
        .map_err(|error| field_error(error.field, error.problem))
}
