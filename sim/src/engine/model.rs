//! What the store should hold.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use sisyphus::{lsm::WriteBatch, rng::Rng};

use crate::draw::{Stream, draw};

/// What a batch writes.
const BATCH: Stream = Stream::new("engine batch");

/// How many keys a writer has, besides the one with the number of its last batch.
const KEYS: u64 = 16;

/// The most writes in a batch.
const WRITES_MAX: u64 = 5;

/// The longest value, in bytes.
const VALUE_BYTES_MAX: u64 = 300;

/// Keys with their values.
pub(super) type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// What all writers did.
pub(super) struct Model {
    seed: u64,
    /// Whether what is acknowledged survives a loss of power.
    is_durable: bool,
    writers: Mutex<Vec<Writer>>,
}

/// How far one writer has come.
#[derive(Clone, Default)]
struct Writer {
    /// In which life each batch was begun, from number 1 on. A batch that was lost is written anew
    /// with another content, so that it is noticed if the old one comes back.
    lives: Vec<u64>,
    /// The last batch that was acknowledged.
    acknowledged: u64,
    /// The last batch that was found when the store was opened last.
    found: u64,
}

/// One write of a batch.
enum Write {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    /// From the first key up to, not including, the second.
    DeleteRange(Vec<u8>, Vec<u8>),
}

impl Model {
    /// Nothing is written yet by so many writers.
    pub fn new(seed: u64, writers: u64, is_durable: bool) -> Model {
        let writers = vec![Writer::default(); writers as usize];
        Model {
            seed,
            is_durable,
            writers: Mutex::new(writers),
        }
    }

    /// The number of writers.
    pub fn writers(&self) -> u64 {
        self.writers.lock().len() as u64
    }

    /// A writer begins its next batch: the number, and what to write.
    pub fn begin(&self, writer: u64, life: u64) -> (u64, WriteBatch) {
        let mut writers = self.writers.lock();
        let lives = &mut writers[writer as usize].lives;
        lives.push(life);
        let number = lives.len() as u64;
        let mut batch = WriteBatch::new();
        for write in writes(self.seed, writer, number, life) {
            match write {
                Write::Put(key, value) => batch.put(&key, &value),
                Write::Delete(key) => batch.delete(&key),
                Write::DeleteRange(start, end) => batch.delete_range(&start, &end),
            }
        }
        (number, batch)
    }

    /// A batch was acknowledged.
    pub fn acknowledge(&self, writer: u64, number: u64) {
        let mut writers = self.writers.lock();
        let writer = &mut writers[writer as usize];
        writer.acknowledged = writer.acknowledged.max(number);
    }

    /// The last batch of a writer that was acknowledged.
    pub fn acknowledged(&self, writer: u64) -> u64 {
        self.writers.lock()[writer as usize].acknowledged
    }

    /// How many batches there are.
    pub fn total(&self) -> u64 {
        let writers = self.writers.lock();
        writers.iter().map(|writer| writer.acknowledged).sum()
    }

    /// The power was lost, and with it what was acknowledged but not synced.
    pub fn lost_power(&self) {
        if !self.is_durable {
            for writer in self.writers.lock().iter_mut() {
                writer.acknowledged = writer.found;
            }
        }
    }

    /// Checks what a reader saw of a writer's keys, who began to read when batch `least` had been
    /// acknowledged. Answers the last batch that he saw.
    pub fn check(&self, writer: u64, least: u64, seen: &Contents) -> u64 {
        let lives = self.writers.lock()[writer as usize].lives.clone();
        let number = last_batch(writer, seen);
        let begun = lives.len() as u64;
        assert!(
            number >= least,
            "writer {writer}: batch {number} is seen, {least} was promised"
        );
        assert!(
            number <= begun,
            "writer {writer}: batch {number} is seen, {begun} was begun"
        );
        let expected = self.replay(writer, &lives[..number as usize]);
        if *seen != expected {
            panic!(
                "writer {writer} at batch {number}: {}",
                difference(&expected, seen)
            );
        }
        number
    }

    /// Checks what is found of a writer's keys when the store was opened, and goes on from there.
    pub fn reopen(&self, writer: u64, seen: &Contents) {
        let least = self.acknowledged(writer);
        let number = self.check(writer, least, seen);
        let mut writers = self.writers.lock();
        let writer = &mut writers[writer as usize];
        writer.lives.truncate(number as usize);
        (writer.acknowledged, writer.found) = (number, number);
    }

    fn replay(&self, writer: u64, lives: &[u64]) -> Contents {
        let mut contents = Contents::new();
        for (number, life) in (1..).zip(lives) {
            for write in writes(self.seed, writer, number, *life) {
                match write {
                    Write::Put(key, value) => drop(contents.insert(key, value)),
                    Write::Delete(key) => drop(contents.remove(&key)),
                    Write::DeleteRange(start, end) => {
                        contents.retain(|key, _| *key < start || *key >= end);
                    }
                }
            }
        }
        contents
    }
}

/// All keys of a writer begin with this.
pub(super) fn prefix(writer: u64) -> Vec<u8> {
    format!("w{writer}/").into_bytes()
}

/// What comes behind all keys of a writer.
pub(super) fn end(writer: u64) -> Vec<u8> {
    format!("w{writer}0").into_bytes()
}

/// The key under which a writer keeps the number of its last batch.
fn number_key(writer: u64) -> Vec<u8> {
    format!("w{writer}/number").into_bytes()
}

fn last_batch(writer: u64, seen: &Contents) -> u64 {
    let Some(value) = seen.get(&number_key(writer)) else {
        return 0;
    };
    let text = std::str::from_utf8(value).expect("a number in text");
    text.parse().expect("a number")
}

fn writes(seed: u64, writer: u64, number: u64, life: u64) -> Vec<Write> {
    let mut rng = draw(seed, BATCH.at(writer).at(life), number);
    let mut writes: Vec<Write> = (0..rng.between(1, WRITES_MAX))
        .map(|_| write(&mut rng, writer, number, life))
        .collect();
    let text = number.to_string().into_bytes();
    writes.push(Write::Put(number_key(writer), text));
    writes
}

fn write(rng: &mut Rng, writer: u64, number: u64, life: u64) -> Write {
    let place = rng.below(KEYS);
    let key = key(writer, place);
    match rng.below(10) {
        0 => {
            let end = self::key(writer, rng.between(place, KEYS));
            Write::DeleteRange(key, end)
        }
        1 | 2 => Write::Delete(key),
        _ => {
            let mut value = format!("{writer}.{number}.{life}.").into_bytes();
            value.resize(value.len() + rng.below(VALUE_BYTES_MAX) as usize, b'.');
            Write::Put(key, value)
        }
    }
}

/// One of a writer's keys. They stand before the one with the number.
fn key(writer: u64, place: u64) -> Vec<u8> {
    [prefix(writer), format!("{place:02}").into_bytes()].concat()
}

fn difference(expected: &Contents, seen: &Contents) -> String {
    let show = |value: Option<&Vec<u8>>| match value {
        Some(value) => format!(
            "{:?}",
            String::from_utf8_lossy(&value[..value.len().min(20)])
        ),
        None => "nothing".to_owned(),
    };
    let mut keys = expected.keys().chain(seen.keys());
    let key = keys.find(|key| expected.get(*key) != seen.get(*key));
    let key = key.expect("contents that differ");
    format!(
        "{} should be {} and is {}",
        String::from_utf8_lossy(key),
        show(expected.get(key)),
        show(seen.get(key))
    )
}
