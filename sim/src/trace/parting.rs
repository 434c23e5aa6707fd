//! Where two runs of one plan part.

use std::fmt::Write;

/// How many events before the first one that differs are told.
const BEFORE: usize = 10;

/// The first event in which two traces differ, from both, with the ten before it. None if the
/// traces are equal.
pub fn parting(one: &[String], other: &[String]) -> Option<String> {
    let alike = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    if alike == one.len() && alike == other.len() {
        return None;
    }
    let mut text = format!("  Two runs part at event {}, after\n", alike + 1);
    for line in &one[alike.saturating_sub(BEFORE)..alike] {
        let _ = writeln!(text, "    {line}");
    }
    for (name, lines) in [("one", one), ("other", other)] {
        let line = lines.get(alike).map_or("nothing more", String::as_str);
        let _ = writeln!(text, "  {name}:\n    {line}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_first_event_that_differs_is_told_with_ten_before_it() {
        let one = lines("a b c d e f g h i j k l m");
        assert_eq!(parting(&one, &one), None);
        let other = lines("a b c d e f g h i j k x m");
        let told = parting(&one, &other).unwrap();
        assert!(told.contains("at event 12"), "{told}");
        let told: Vec<&str> = told.lines().map(str::trim).collect();
        assert_eq!(
            told[1..11],
            ["b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]
        );
        assert_eq!(told[11..], ["one:", "l", "other:", "x"]);
    }

    #[test]
    fn a_trace_that_ends_early_parts_there() {
        let told = parting(&lines("a"), &lines("a b")).unwrap();
        assert!(
            told.contains("one:\n    nothing more\n  other:\n    b"),
            "{told}"
        );
    }
}
