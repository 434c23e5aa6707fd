//! Bloom filters: a few bits per key that tell for most absent keys that they are absent (Bloom,
//! "Space/time trade-offs in hash coding with allowable errors", 1970).
//!
//! Every key sets `probes` bits. A key of which one bit is not set was never added; the others are
//! there, or look so by chance. With ten bits a key and seven probes that is one in 120.

use bytes::Bytes;

use crate::codec::DecodeError;

/// Odd multipliers with well-spread bits (the fractional parts of the golden ratio and of the
/// square root of two).
const MULTIPLIERS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0x6a09_e667_f3bc_c909];

/// More probes than this would gain nothing at any sensible size.
const PROBES_MAX: usize = 30;

/// Collects the keys of a table and, once their number is known, makes the filter.
#[derive(Debug, Default)]
pub(super) struct BloomBuilder {
    hashes: Vec<u64>,
}

/// A filter that was read.
#[derive(Clone, Debug)]
pub(super) struct Bloom {
    probes: u8,
    bits: Bytes,
}

impl BloomBuilder {
    /// Adds a key. Each is to be added once: the filter is sized by their number.
    pub(super) fn add(&mut self, key: &[u8]) {
        self.hashes.push(hash(key));
    }

    /// The filter block's payload, with so many bits per key.
    pub(super) fn finish(&self, bits_per_key: usize, out: &mut Vec<u8>) {
        let bytes = (self.hashes.len() * bits_per_key).div_ceil(8);
        if bytes == 0 {
            out.push(0);
            return;
        }
        // ln 2 = 0.69 probes per bit make the filter half full, which is best.
        let probes = (bits_per_key * 69 / 100).clamp(1, PROBES_MAX);
        out.push(probes as u8);
        let start = out.len();
        out.resize(start + bytes, 0);
        let bits = &mut out[start..];
        for hash in &self.hashes {
            for bit in probed(*hash, probes as u8, bytes) {
                bits[bit / 8] |= 1 << (bit % 8);
            }
        }
    }
}

impl Bloom {
    /// Reads the payload of a filter block.
    pub(super) fn decode(mut payload: Bytes) -> Result<Bloom, DecodeError> {
        let error = |what| DecodeError { what, offset: 0 };
        let probes = *payload.first().ok_or(error("the number of probes"))?;
        let bits = payload.split_off(1);
        if usize::from(probes) > PROBES_MAX || (probes > 0 && bits.is_empty()) {
            return Err(error("a filter with as many probes as it can have"));
        }
        Ok(Bloom { probes, bits })
    }

    /// Whether the key may have been added. Never false for one that was.
    pub(super) fn may_contain(&self, key: &[u8]) -> bool {
        let mut probed = probed(hash(key), self.probes, self.bits.len());
        probed.all(|bit| self.bits[bit / 8] & 1 << (bit % 8) != 0)
    }
}

/// The bits of a key in a filter of `bytes` bytes: steps of one width from one start, both from
/// the hash (Kirsch and Mitzenmacher, "Less hashing, same performance", 2006).
fn probed(hash: u64, probes: u8, bytes: usize) -> impl Iterator<Item = usize> {
    let bits = bytes as u128 * 8;
    let width = hash.rotate_left(32).wrapping_mul(MULTIPLIERS[1]) | 1;
    (0..u64::from(probes)).map(move |step| {
        let point = hash.wrapping_add(step.wrapping_mul(width));
        // Scales 0..2^64 to 0..bits.
        ((u128::from(point) * bits) >> 64) as usize
    })
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
    fn at_ten_bits_a_key_fewer_than_one_in_a_hundred_absent_keys_pass() {
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
                assert!(rate < 0.0125, "kind {number}, {size} keys: {rate}");
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
