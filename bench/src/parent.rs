//! Has each engine do each piece of work, in turns, and prints what came of it.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::{
    Options, engines,
    engines::Failure,
    machine,
    table::{Results, WORK},
};

/// Measures everything that was asked for.
pub fn run(options: &Options) -> Result<(), Failure> {
    fs::create_dir_all(&options.dir)?;
    println!("{}", machine::describe(&options.dir)?);
    println!("{}", machine::peers());
    options
        .entries
        .iter()
        .try_for_each(|entries| table(options, *entries))
}

/// A table of what so many entries take.
fn table(options: &Options, entries: u64) -> Result<(), Failure> {
    println!(
        "{entries} entries of 16 + 100 bytes, median of {}; LZ4, 10 bits of filter a key, cache 256 MiB, memtable 64 MiB\n",
        options.rounds
    );
    let options = &Options {
        entries: vec![entries],
        ..options.clone()
    };
    let mut results = Results::default();
    let is_wanted = |rows: &[&str]| {
        let only = options.only.as_deref().unwrap_or_default();
        rows.iter().any(|row| row.contains(only))
    };
    let mut turns = engines::names();
    for _ in 0..options.rounds {
        for (work, _) in WORK.iter().filter(|(_, rows)| is_wanted(rows)) {
            for engine in &turns {
                measure(options, engine, work, &mut results)?;
            }
        }
        // Another one is the first to find the disk rested.
        turns.rotate_left(1);
    }
    println!("{}", results.table(&engines::names(), is_wanted));
    Ok(())
}

/// One piece of work for one engine, in directories of its own.
fn measure(
    options: &Options,
    engine: &str,
    work: &str,
    results: &mut Results,
) -> Result<(), Failure> {
    let dir = options.dir.join(engine);
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    if work == "cold" {
        let mut victim = start(options, engine, "fill and die")?;
        let filled = lines(&mut victim)?.next().is_some();
        victim.kill()?;
        victim.wait()?;
        if !filled {
            return Err(format!("{engine} did not fill").into());
        }
    }
    let mut child = start(options, engine, work)?;
    for line in lines(&mut child)? {
        let (row, number) = line.split_once('\t').ok_or("a line of a child")?;
        results.add(engine, row, number.parse()?);
    }
    if !child.wait()?.success() {
        return Err(format!("{engine} failed at {work}").into());
    }
    fs::remove_dir_all(&dir)?;
    Ok(())
}

fn start(options: &Options, engine: &str, work: &str) -> Result<Child, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    let entries: Vec<String> = options.entries.iter().map(u64::to_string).collect();
    command.args(["--entries", &entries.join(","), "--dir"]);
    command.arg(&options.dir).args(["--child", engine, work]);
    Ok(command.stdout(Stdio::piped()).spawn()?)
}

/// What a child says, line by line, until it ends.
fn lines(child: &mut Child) -> Result<impl Iterator<Item = String> + use<>, Failure> {
    let out = child.stdout.take().ok_or("a child that was heard before")?;
    Ok(BufReader::new(out).lines().map_while(Result::ok))
}
