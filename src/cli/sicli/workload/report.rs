//! What a load came to.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::client::ClientError;

/// The longest latency that is told apart, in microseconds: longer ones count as this.
const LATENCY_US_MAX: u64 = 600_000_000;

/// Counts and latencies of all clients.
pub(super) struct Tally {
    reads: Histogram<u64>,
    writes: Histogram<u64>,
    /// Operations that were certainly not done.
    not_done: u64,
    /// Operations that the servers refused as wrong.
    refused: u64,
    /// Writes that may or may not have been done.
    unknown: u64,
    /// One of the errors, for the reader's eyes.
    error: Option<ClientError>,
}

impl Default for Tally {
    fn default() -> Tally {
        let histogram = || Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("sound bounds");
        Tally {
            reads: histogram(),
            writes: histogram(),
            not_done: 0,
            refused: 0,
            unknown: 0,
            error: None,
        }
    }
}

impl Tally {
    /// Counts an operation that was answered after `latency_us`.
    pub fn answer(&mut self, read: bool, latency_us: u64) {
        let histogram = if read {
            &mut self.reads
        } else {
            &mut self.writes
        };
        histogram.saturating_record(latency_us.max(1));
    }

    /// Counts an operation that was not.
    pub fn error(&mut self, error: ClientError) {
        match error {
            ClientError::Refused { .. } => self.refused += 1,
            ClientError::Unavailable { .. } => self.not_done += 1,
            ClientError::Unknown { .. } => self.unknown += 1,
        }
        self.error.get_or_insert(error);
    }

    /// Operations that were answered.
    pub fn answered(&self) -> u64 {
        self.reads.len() + self.writes.len()
    }

    /// Why no operation was answered.
    pub fn why_nothing(&self) -> String {
        match &self.error {
            Some(error) => format!("no operation was answered: {error}"),
            None => {
                "no operation was answered in that time: give it a longer --duration".to_owned()
            }
        }
    }

    /// The report for eyes.
    pub fn text(&self, took: Duration) -> String {
        let mut lines = vec![format!(
            "{} operations in {:.1} s: {:.0} ops/s",
            self.answered(),
            took.as_secs_f64(),
            self.answered() as f64 / took.as_secs_f64()
        )];
        for (name, histogram) in [("writes", &self.writes), ("reads", &self.reads)] {
            if !histogram.is_empty() {
                lines.push(line(name, histogram, took));
            }
        }
        let errors = [
            (self.not_done, "not done"),
            (self.refused, "refused"),
            (self.unknown, "of unknown outcome"),
        ];
        for (count, what) in errors.iter().filter(|(count, _)| *count > 0) {
            lines.push(format!("{count} {what}"));
        }
        if let Some(error) = &self.error {
            lines.push(format!("the first error: {error}"));
        }
        lines.join("\n")
    }

    /// The report for programs.
    pub fn json(&self, took: Duration) -> Value {
        json!({
            "seconds": took.as_secs_f64(),
            "ops_per_s": self.answered() as f64 / took.as_secs_f64(),
            "writes": json_of(&self.writes, took),
            "reads": json_of(&self.reads, took),
            "not_done": self.not_done,
            "refused": self.refused,
            "unknown": self.unknown,
            "error": self.error.as_ref().map(ToString::to_string),
        })
    }
}

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

fn line(name: &str, histogram: &Histogram<u64>, took: Duration) -> String {
    let rate = histogram.len() as f64 / took.as_secs_f64();
    let mut line = format!("{name:<6} {rate:>8.0} /s ");
    for (name, quantile) in QUANTILES {
        let latency_ms = histogram.value_at_quantile(quantile) as f64 / 1e3;
        line.push_str(&format!("  {name} {latency_ms:.2} ms"));
    }
    let longest_ms = histogram.max() as f64 / 1e3;
    line + &format!("  max {longest_ms:.2} ms")
}

fn json_of(histogram: &Histogram<u64>, took: Duration) -> Value {
    let mut value = json!({
        "count": histogram.len(),
        "per_s": histogram.len() as f64 / took.as_secs_f64(),
        "max_us": histogram.max(),
    });
    for (name, quantile) in QUANTILES {
        value[format!("{name}_us")] = histogram.value_at_quantile(quantile).into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_latencies_of_all_clients_are_added_up() {
        let mut all = Tally::default();
        for latency_us in [1_000, 3_000] {
            all.answer(false, latency_us);
            all.answer(true, 0);
            all.error(ClientError::Unknown {
                failures: "a:1: gone".to_owned(),
            });
        }
        assert_eq!(all.answered(), 4);
        let value = all.json(Duration::from_secs(2));
        assert_eq!(value["ops_per_s"], 2.0);
        assert_eq!(value["writes"]["count"], 2);
        assert_eq!(value["writes"]["p50_us"], 1_000);
        assert_eq!(value["unknown"], 2);
        let text = all.text(Duration::from_secs(2));
        assert!(text.contains("2 of unknown outcome"), "{text}");
        assert!(text.contains("a:1: gone"), "{text}");
    }
}
