//! One piece of work for one engine. What is measured goes to the standard output, a line each:
//! the row's name, a tab, a number.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use crate::{
    Options,
    data::{KEY_BYTES, Order, VALUE_BYTES, absent, draws, key},
    engines::{self, Engine, Failure},
    machine,
};

/// The cache, except where it should be too small.
const CACHE_BYTES: usize = 256 << 20;
/// A cache that holds a small part of the data.
const COLD_CACHE_BYTES: usize = 8 << 20;
/// The most reads that are measured; scans are a tenth of them.
const READS_MAX: u64 = 500_000;
/// How many overwrites a second go on beside reads, for every engine alike: one that may write as
/// fast as it can does more work meanwhile, and needs more memory for it.
const OVERWRITES_PER_SECOND: u64 = 100_000;
/// Synced writes that are measured, with one writer and with many.
const SYNCED: [(u64, u64); 2] = [(1, 1_500), (64, 400)];

/// Does it.
pub fn run(engine: &str, work: &str, options: &Options) -> Result<(), Failure> {
    let child = Child {
        engine: engine.to_owned(),
        dir: options.dir.join(engine),
        entries: *options.entries.first().ok_or("no number of entries")?,
    };
    match work {
        "sequential" => child.sequential(),
        "random" => child.random(),
        "synced" => child.synced(),
        "fill and die" => child.fill_and_die(),
        "cold" => child.cold(),
        _ => Err(format!("no work {work}").into()),
    }
}

struct Child {
    engine: String,
    dir: PathBuf,
    entries: u64,
}

impl Child {
    fn open(&self, cache_bytes: usize, synced: bool) -> Result<Box<dyn Engine>, Failure> {
        engines::open(&self.engine, &self.dir, cache_bytes, synced)
    }

    fn sequential(&self) -> Result<(), Failure> {
        let engine = self.open(CACHE_BYTES, false)?;
        let (time, _) = timed(|| engine.fill(Order::Sequential, 0..self.entries))?;
        tell_rate("fill sequential", self.entries, time);
        Ok(())
    }

    /// Fills, lets the engine come to rest, and reads what then lies in its cache.
    fn random(&self) -> Result<(), Failure> {
        let engine = self.open(CACHE_BYTES, false)?;
        let before = machine::bytes_written();
        let (time, worst) = timed(|| engine.fill(Order::Random, 0..self.entries))?;
        tell_rate("fill random", self.entries, time);
        tell("fill random, longest write", worst.as_secs_f64() * 1e3);
        engine.settle()?;
        let user_bytes = self.entries * (KEY_BYTES + VALUE_BYTES) as u64;
        let written = machine::bytes_written() - before;
        tell(
            "bytes on disk",
            machine::disk_bytes(&self.dir)? as f64 / (1 << 20) as f64,
        );
        tell("write amplification", written as f64 / user_bytes as f64);
        self.reads(&*engine)?;
        tell(
            "peak memory",
            machine::memory_peak() as f64 / (1 << 20) as f64,
        );
        Ok(())
    }

    fn reads(&self, engine: &dyn Engine) -> Result<(), Failure> {
        let reads = READS_MAX.min(self.entries);
        let hits = |seed| draws(reads, self.entries, seed).map(|number| key(Order::Random, number));
        // Once to warm up, with the same keys.
        expect(engine.read(&mut hits(1))?, reads)?;
        let (time, found) = timed(|| engine.read(&mut hits(1)))?;
        expect(found, reads)?;
        tell_rate("read random, warm", reads, time);
        let mut keys = draws(reads, self.entries, 2).map(absent);
        let (time, found) = timed(|| engine.read(&mut keys))?;
        expect(found, 0)?;
        tell_rate("read absent", reads, time);
        let scans = reads / 10;
        let (time, _) = timed(|| engine.scan(&mut hits(3).take(scans as usize)))?;
        tell_rate("scan of 100", scans, time);
        let is_over = AtomicBool::new(false);
        let time = std::thread::scope(|scope| {
            let writer = scope.spawn(|| self.write_until(engine, &is_over));
            let done = timed(|| engine.read(&mut hits(4)));
            is_over.store(true, Ordering::Relaxed);
            writer.join().expect("a writer that does not panic")?;
            let (time, found) = done?;
            expect(found, reads).map(|()| time)
        })?;
        tell_rate("read while writing", reads, time);
        Ok(())
    }

    /// Overwrites until it is over, no faster than agreed.
    fn write_until(&self, engine: &dyn Engine, is_over: &AtomicBool) -> Result<(), Failure> {
        let begin = Instant::now();
        let (mut from, mut written) = (0, 0);
        while !is_over.load(Ordering::Relaxed) {
            let to = (from + 100).min(self.entries);
            engine.fill(Order::Random, from..to)?;
            written += to - from;
            from = if to == self.entries { 0 } else { to };
            let due = Duration::from_micros(written * 1_000_000 / OVERWRITES_PER_SECOND);
            std::thread::sleep(due.saturating_sub(begin.elapsed()));
        }
        Ok(())
    }

    fn synced(&self) -> Result<(), Failure> {
        let engine = self.open(CACHE_BYTES, true)?;
        for (writers, each) in SYNCED {
            let (time, ()) = timed(|| engine.fill_synced(writers, each))?;
            let name = match writers {
                1 => "fill synced, 1 writer",
                _ => "fill synced, 64 writers",
            };
            tell_rate(name, writers * each, time);
        }
        Ok(())
    }

    /// Fills, and waits to be killed.
    fn fill_and_die(&self) -> Result<(), Failure> {
        let engine = self.open(CACHE_BYTES, false)?;
        engine.fill(Order::Random, 0..self.entries)?;
        tell("filled", 1.0);
        loop {
            std::thread::park();
        }
    }

    /// Opens what a killed process has left, and reads it.
    fn cold(&self) -> Result<(), Failure> {
        let (time, engine) = timed(|| self.open(COLD_CACHE_BYTES, false))?;
        tell("open after kill -9", time.as_secs_f64() * 1e3);
        engine.settle()?;
        drop(engine);
        machine::drop_caches();
        let engine = self.open(COLD_CACHE_BYTES, false)?;
        let reads = READS_MAX.min(self.entries) / 5;
        let mut keys = draws(reads, self.entries, 5).map(|number| key(Order::Random, number));
        let (time, found) = timed(|| engine.read(&mut keys))?;
        expect(found, reads)?;
        tell_rate("read random, cold", reads, time);
        Ok(())
    }
}

fn timed<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<(Duration, T), Failure> {
    let begin = Instant::now();
    let result = work()?;
    Ok((begin.elapsed(), result))
}

fn expect(found: u64, expected: u64) -> Result<(), Failure> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("found {found} entries, not {expected}").into()),
    }
}

fn tell_rate(name: &str, count: u64, time: Duration) {
    tell(name, count as f64 / time.as_secs_f64());
}

fn tell(name: &str, number: f64) {
    println!("{name}\t{number}");
}
