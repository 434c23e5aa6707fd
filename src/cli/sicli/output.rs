//! How answers are written.

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::args::Format;

/// Standard output in the format that was asked for.
pub(super) struct Output {
    format: Format,
}

impl Output {
    pub fn new(format: Format) -> Output {
        Output { format }
    }

    /// Writes an answer: `text` for eyes, `value` for programs.
    pub fn answer(&self, text: &str, value: &Value) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Text => writeln!(out, "{text}"),
            Format::Json => writeln!(out, "{value}"),
        }
    }

    /// Writes a negative answer, of which eyes are told on standard error.
    pub fn no(&self, value: &Value) -> io::Result<()> {
        match self.format {
            Format::Text => Ok(()),
            Format::Json => writeln!(io::stdout().lock(), "{value}"),
        }
    }
}

/// Bytes for eyes: UTF-8 as it is, anything else escaped.
pub(super) fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}

/// Bytes for programs: a string if they are UTF-8, else `{"base64": …}`, as in histories.
pub(super) fn json_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// Rows with columns as wide as their widest cell, numbers to the right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
            .max(head[column].len())
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let lines = std::iter::once(&head)
        .chain(rows)
        .map(|row| line(row, &widths));
    lines.collect::<Vec<_>>().join("\n")
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| {
        let number = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
        match number {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        }
    });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text_are_escaped_or_encoded() {
        assert_eq!(shown("grüße".as_bytes()), "grüße");
        assert_eq!(shown(b"\xff\x00a"), "\\xff\\x00a");
        assert_eq!(json_bytes(b"a"), json!("a"));
        assert_eq!(json_bytes(b"\xff"), json!({ "base64": "/w==" }));
    }

    #[test]
    fn a_table_lines_up() {
        let rows = [
            vec!["a:1".to_owned(), "7".to_owned()],
            vec!["bb:10".to_owned()],
        ];
        assert_eq!(
            table(&["endpoint", "term"], &rows),
            "endpoint  term\na:1          7\nbb:10"
        );
    }
}
