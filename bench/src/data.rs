//! The entries: the same for all engines, made from their numbers.

/// Bytes of a key.
pub const KEY_BYTES: usize = 16;
/// Bytes of a value.
pub const VALUE_BYTES: usize = 100;

/// A key.
pub type Key = [u8; KEY_BYTES];

/// In which order keys are filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Ascending.
    Sequential,
    /// Scattered over all keys.
    Random,
}

/// The key of an entry.
pub fn key(order: Order, number: u64) -> Key {
    let high = match order {
        Order::Sequential => number,
        Order::Random => scramble(number),
    };
    pair(high, number)
}

/// A key that lies among those of random order, and is none of them.
pub fn absent(number: u64) -> Key {
    pair(scramble(number), !number)
}

/// The value of an entry: one half is noise, the other is always the same.
pub fn value(number: u64) -> [u8; VALUE_BYTES] {
    let mut value = [b'.'; VALUE_BYTES];
    let noise = value[..VALUE_BYTES / 2].chunks_mut(8);
    for (part, chunk) in (0..).zip(noise) {
        let bytes = scramble(number.wrapping_mul(8) + part).to_le_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
    }
    value
}

/// Numbers below `below`, scattered, the same in every run.
pub fn draws(count: u64, below: u64, seed: u64) -> impl Iterator<Item = u64> + Clone {
    (0..count).map(move |at| scramble(at ^ seed << 32) % below)
}

fn pair(high: u64, low: u64) -> Key {
    let mut key = [0; KEY_BYTES];
    key[..8].copy_from_slice(&high.to_be_bytes());
    key[8..].copy_from_slice(&low.to_be_bytes());
    key
}

/// A permutation of all numbers that leaves no visible order (a multiply-and-shift mixer).
fn scramble(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
