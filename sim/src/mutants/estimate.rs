//! From a few trials to a statement about all seeds.
//!
//! Every seed finds a mutant with some probability `p`, independently of the others: then the number
//! of seeds until it is found is geometric, and half of all hunts take at most `ln 2 / -ln(1 - p)`. What
//! is known of `p` comes from how many seeds were tried and how many of them found it; its limits are
//! those of Clopper and Pearson ("The use of confidence or fiducial limits", 1934), adapted to hunts that
//! end with a find: the last seed was not left to chance.

/// What is left out at each end of an interval of 95 %.
const TAIL: f64 = 0.025;

/// Halvings of an interval: more than a double can tell apart.
const HALVINGS: usize = 100;

/// The median number of seeds until a mutant is found, and the interval in which it lies with 95 %
/// confidence, after `finds` hunts ended with a find (at least one; panics otherwise) and `seeds` were
/// tried in all.
pub(super) fn interval(finds: u64, seeds: u64) -> (u64, u64) {
    assert!(
        0 < finds && finds <= seeds,
        "{finds} finds in {seeds} seeds"
    );
    let least = solve(|p| at_least(finds, seeds, p) - TAIL);
    let most = solve(|p| TAIL - below(finds, seeds - 1, p));
    (half_life(most), half_life(least))
}

/// After so many seeds half of all hunts are over, if each finds with this probability.
fn half_life(p: f64) -> u64 {
    match p {
        _ if p >= 0.5 => 1,
        _ => (0.5_f64.ln() / (-p).ln_1p()).ceil() as u64,
    }
}

/// Where a rising function of a probability is 0; an end of the range if it never is.
fn solve(f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        match f(middle) < 0.0 {
            true => low = middle,
            false => high = middle,
        }
    }
    high
}

/// The probability of at least so many finds among `seeds`.
fn at_least(finds: u64, seeds: u64, p: f64) -> f64 {
    1.0 - below(finds, seeds, p)
}

/// The probability of fewer than so many finds among `seeds`.
fn below(finds: u64, seeds: u64, p: f64) -> f64 {
    if p >= 1.0 {
        return f64::from(u8::from(finds > seeds));
    }
    // Term by term, each from the one before.
    let mut term = ((seeds as f64) * (-p).ln_1p()).exp();
    let mut sum = 0.0;
    for k in 0..finds.min(seeds + 1) {
        sum += term;
        term *= (seeds - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
    }
    sum.min(1.0)
}

/// The middle one of some numbers; of an even count, the larger of the two in the middle. None of none.
pub(super) fn median(mut numbers: Vec<u64>) -> Option<u64> {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_median_and_narrows_with_more_finds() {
        let (low, high) = interval(5, 500);
        assert!(
            low < 69 && 69 < high,
            "p = 1/100 has a median of 69: {low}..{high}"
        );
        let (closer_low, closer_high) = interval(50, 5_000);
        assert!(low < closer_low && closer_high < high);
        assert!(closer_low < 69 && 69 < closer_high);
    }

    #[test]
    fn the_limits_of_one_find_are_those_of_the_textbook() {
        // One find at the 100th seed: P(find by 100) = 2.5 % at the one end, P(none in 99) at the other.
        let p = solve(|p| at_least(1, 100, p) - TAIL);
        assert!((p - (1.0 - 0.975_f64.powf(0.01))).abs() < 1e-9);
        let p = solve(|p| TAIL - below(1, 99, p));
        assert!((p - (1.0 - 0.025_f64.powf(1.0 / 99.0))).abs() < 1e-9);
    }

    #[test]
    fn what_every_seed_finds_takes_one_or_two() {
        assert_eq!(interval(5, 5), (1, 2));
        assert_eq!(median(vec![3, 1, 2]), Some(2));
        assert_eq!(median(vec![]), None);
    }
}
