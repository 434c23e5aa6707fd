//! Bloom filters: a few bits per key that tell for most absent keys that they are absent (Bloom,
//! "Space/time trade-offs in hash coding with allowable errors", 1970).
//!
//! Every key sets `probes` bits. A key of which one bit is not set was never added; the others are
//! there, or look so by chance. All bits of a key lie in one line of 64 bytes, which is what a
//! processor fetches at once, so that an answer costs one access to memory (Putze and others,
//! "Cache-, hash- and space-efficient Bloom filters", 2007). Some lines get more keys than others,
//! which costs a little: with ten bits a key and six probes one absent key in 100 passes, instead
//! of one in 120 with bits all over the filter.

use bytes::Bytes;

use crate::codec::DecodeError;

/// Odd multipliers with well-spread bits (the fractional parts of the golden ratio and of the
/// square root of two).
const MULTIPLIERS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0x6a09_e667_f3bc_c909];

/// A place in a line takes nine bits of a hash, and a hash has room for seven such.
const PROBES_MAX: usize = 7;

/// Bits that are fetched together.
const LINE_BYTES: usize = 64;

/// Collects the keys of a table and, once their number is known, makes the filter.
#[derive(Debug, Default)]
pub(super) struct BloomBuilder {
    hashes: Vec<u64>,
}

/// A filter that was read.
#[derive(Clone, Debug)]
pub(super) struct Bloom {
    probes: u8,
    /// Copied from the file to where a line does not cross the processor's.
    lines: Box<[Line]>,
}

/// The bits of some keys: the lowest of the first word is bit 0.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line([u64; LINE_BYTES / 8]);

impl BloomBuilder {
    /// Adds a key. Each is to be added once: the filter is sized by their number.
    pub(super) fn add(&mut self, key: &[u8]) {
        self.hashes.push(hash(key));
    }

    /// The filter block's payload, with so many bits per key.
    pub(super) fn finish(&self, bits_per_key: usize, out: &mut Vec<u8>) {
        let lines = (self.hashes.len() * bits_per_key).div_ceil(LINE_BYTES * 8);
        if lines == 0 {
            out.push(0);
            return;
        }
        // ln 2 = 0.69 probes per bit make the filter half full, which is best.
        let probes = (bits_per_key * 69 / 100).clamp(1, PROBES_MAX) as u8;
        let mut bits = vec![Line([0; LINE_BYTES / 8]); lines];
        for hash in &self.hashes {
            let line = &mut bits[line_of(*hash, lines)];
            for bit in probed(*hash, probes) {
                line.0[bit / 64] |= 1 << (bit % 64);
            }
        }
        out.push(probes);
        let words = bits.iter().flat_map(|line| line.0);
        words.for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    }
}

impl Bloom {
    /// Reads the payload of a filter block.
    pub(super) fn decode(payload: Bytes) -> Result<Bloom, DecodeError> {
        let error = |what| DecodeError { what, offset: 0 };
        let (probes, bits) = payload.split_first().ok_or(error("the number of probes"))?;
        let (lines, rest) = bits.as_chunks::<LINE_BYTES>();
        let is_odd = usize::from(*probes) > PROBES_MAX || !rest.is_empty();
        if is_odd || (*probes > 0) == lines.is_empty() {
            return Err(error("a filter with as many probes as it can have"));
        }
        Ok(Bloom {
            probes: *probes,
            lines: lines.iter().map(Line::decode).collect(),
        })
    }

    /// Whether the key may have been added. Never false for one that was.
    pub(super) fn may_contain(&self, key: &[u8]) -> bool {
        if self.lines.is_empty() {
            return true;
        }
        let hash = hash(key);
        let line = &self.lines[line_of(hash, self.lines.len())];
        probed(hash, self.probes).all(|bit| line.0[bit / 64] >> (bit % 64) & 1 == 1)
    }
}

impl Line {
    fn decode(bytes: &[u8; LINE_BYTES]) -> Line {
        let (words, _) = bytes.as_chunks::<8>();
        let mut line = Line([0; LINE_BYTES / 8]);
        for (word, bytes) in line.0.iter_mut().zip(words) {
            *word = u64::from_le_bytes(*bytes);
        }
        line
    }
}

/// The line of a key among `lines`.
fn line_of(hash: u64, lines: usize) -> usize {
    // Scales 0..2^64 to 0..lines.
    ((u128::from(hash) * lines as u128) >> 64) as usize
}

/// The bits of a key in its line.
fn probed(hash: u64, probes: u8) -> impl Iterator<Item = usize> {
    // The line follows from the upper bits; these depend on all.
    let places = fold(hash, MULTIPLIERS[1]);
    (0..u32::from(probes)).map(move |probe| (places >> (9 * probe)) as usize % (LINE_BYTES * 8))
}

/// 64 bits that depend on every bit of the key. Frozen: filters on disk were made with it.
fn hash(key: &[u8]) -> u64 {
    let mut state = fold(key.len() as u64 ^ MULTIPLIERS[1], MULTIPLIERS[0]);
    let mut words = key.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
        state = fold(state ^ word, MULTIPLIERS[0]);
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    state = fold(state ^ u64::from_le_bytes(last), MULTIPLIERS[1]);
    fold(state ^ MULTIPLIERS[0], MULTIPLIERS[1])
}

/// Both halves of the product, laid over each other: no bit of either factor is lost.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filter<'a>(keys: impl IntoIterator<Item = &'a [u8]>) -> Bloom {
        let mut builder = BloomBuilder::default();
        keys.into_iter().for_each(|key| builder.add(key));
        let mut payload = Vec::new();
        builder.finish(10, &mut payload);
        Bloom::decode(payload.into()).expect("a filter")
    }

    proptest! {
        #[test]
        fn every_key_that_was_added_is_found(keys: Vec<Vec<u8>>) {
            let bloom = filter(keys.iter().map(Vec::as_slice));
            prop_assert!(keys.iter().all(|key| bloom.may_contain(key)));
        }

        #[test]
        fn any_payload_is_read_or_refused(payload: Vec<u8>, key: Vec<u8>) {
            if let Ok(bloom) = Bloom::decode(payload.into()) {
                bloom.may_contain(&key);
            }
        }
    }

    #[test]
    fn at_ten_bits_a_key_about_one_in_a_hundred_absent_keys_passes() {
        // Several kinds of keys: hashes have their favourites.
        let kinds: [fn(u64) -> Vec<u8>; 4] = [
            |n| n.to_be_bytes().to_vec(),
            |n| n.to_le_bytes()[..3].to_vec(),
            |n| format!("user{n:012}/profile").into_bytes(),
            |n| {
                vec![b'x'; n as usize % 97]
                    .into_iter()
                    .chain(n.to_string().into_bytes())
                    .collect()
            },
        ];
        for (number, kind) in kinds.iter().enumerate() {
            for size in [100, 10_000, 100_000] {
                let keys: Vec<_> = (0..size).map(kind).collect();
                let bloom = filter(keys.iter().map(Vec::as_slice));
                let probes = 100_000;
                let passed = (size..size + probes)
                    .filter(|n| bloom.may_contain(&kind(*n)))
                    .count();
                let rate = passed as f64 / probes as f64;
                assert!(rate < 0.0115, "kind {number}, {size} keys: {rate}");
                assert!(
                    rate > 0.002 || size == 100,
                    "kind {number}, {size} keys: {rate}"
                );
            }
        }
    }

    #[test]
    fn the_hash_is_frozen() {
        let hashes = [&b""[..], b"a", b"12345678", b"123456789"].map(hash);
        let frozen = [
            0xbbe7_49cb_2d9d_1784,
            0x5b2f_54bb_2041_f460,
            0x26f6_6648_4c14_9b52,
            0x6c17_6e7c_6a60_9913,
        ];
        assert_eq!(hashes, frozen);
    }
}
