//! What the numbers depend on, and what the operating system counts.

use std::{fs, io, os::unix::fs::FileExt, path::Path, time::Instant};

/// Syncs that are measured for the median.
const SYNCS: usize = 101;

/// The machine, the kernel and the disk, in a line each.
pub fn describe(dir: &Path) -> io::Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("an unknown processor", |line| {
        line.trim_start_matches([' ', '\t', ':'])
    });
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let sync = sync_us(dir)?;
    Ok(format!(
        "{model}, {cores} cores, Linux {}\none write of 4 KiB with its sync: {sync} µs (median of {SYNCS}) in {}",
        kernel.trim(),
        dir.display(),
    ))
}

/// The time of an appended write with its sync.
fn sync_us(dir: &Path) -> io::Result<u128> {
    let path = dir.join("sync-time");
    let file = fs::File::create(&path)?;
    let mut times = Vec::with_capacity(SYNCS);
    for at in 0..SYNCS as u64 {
        let begin = Instant::now();
        file.write_all_at(&[7; 4096], at * 4096)?;
        file.sync_data()?;
        times.push(begin.elapsed().as_micros());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times[SYNCS / 2])
}

/// Bytes that this process has handed to the operating system to be written.
pub fn bytes_written() -> u64 {
    number_in("/proc/self/io", "wchar:")
}

/// The most memory that this process ever had, in bytes.
pub fn memory_peak() -> u64 {
    number_in("/proc/self/status", "VmHWM:") * 1024
}

fn number_in(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// The bytes of all files below a directory.
pub fn disk_bytes(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += match metadata.is_dir() {
            true => disk_bytes(&entry.path())?,
            false => metadata.len(),
        };
    }
    Ok(bytes)
}

/// Empties the operating system's cache of files, if this process may.
pub fn drop_caches() -> bool {
    write_back();
    fs::write("/proc/sys/vm/drop_caches", "1").is_ok()
}

/// Has everything written: what is dirty cannot be dropped.
fn write_back() {
    // Without the program the cache keeps what is dirty, which harms all engines alike.
    let _ = std::process::Command::new("sync").status();
}

/// The versions of the peers, as the lock file and the linked library tell.
pub fn peers() -> String {
    let lock = include_str!("../../Cargo.lock");
    let version = |name: &str| {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let rest = lock.split_once(&entry).map_or("?", |(_, rest)| rest);
        rest.split('"').next().unwrap_or("?")
    };
    let linked = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let linked = linked.lines().find_map(|line| {
        line.split('/')
            .next_back()
            .filter(|name| name.starts_with("librocksdb"))
    });
    let rocks = linked.unwrap_or(version("librocksdb-sys"));
    format!(
        "RocksDB {rocks} · fjall {} with lsm-tree {}",
        version("fjall"),
        version("lsm-tree")
    )
}
