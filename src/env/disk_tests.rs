//! One contract, several disks.

use std::{io::ErrorKind, path::PathBuf};

use super::{Disk, DiskResult, MemDisk, OsDisk, task::block_on};

/// A directory of the operating system for one test, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let dir = format!("sisyphus-{test}-{}", std::process::id());
        Scratch(std::env::temp_dir().join(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn kind<T>(result: DiskResult<T>) -> ErrorKind {
    result.err().expect("an error").kind
}

/// What every disk promises while it runs.
async fn keeps_the_contract(disk: &dyn Disk) -> DiskResult<()> {
    names_come_and_go(disk).await?;
    files_hold_what_is_written(disk).await?;
    errors_have_their_kind(disk).await?;
    paths_stay_below_the_root(disk).await
}

async fn names_come_and_go(disk: &dyn Disk) -> DiskResult<()> {
    assert!(disk.list("").await?.is_empty());
    disk.create_dir("a/b").await?;
    disk.create_dir("a/b").await?;
    disk.create("a/two").await?.append(b"2").await?;
    disk.create("a/one").await?.append(b"1").await?;
    disk.create("a/b/three").await?;
    assert_eq!(disk.list("").await?, ["a/"]);
    assert_eq!(disk.list("a").await?, ["b/", "one", "two"]);
    disk.rename("a/one", "a/two").await?;
    assert_eq!(disk.list("a").await?, ["b/", "two"]);
    let file = disk.open("a/two").await?;
    assert_eq!(file.read_at(0, 9).await?, "1");
    disk.sync_dir("a").await?;
    disk.sync_dir("").await?;
    disk.remove("a/two").await?;
    assert_eq!(disk.list("a").await?, ["b/"]);
    file.append(b"+").await?;
    file.sync().await?;
    assert_eq!(file.read_at(0, 9).await?, "1+", "it outlives its name");
    disk.create("a/two").await?;
    assert_eq!(file.read_at(0, 9).await?, "1+", "another file took it");
    disk.link("a/two", "a/b/four").await?;
    disk.open("a/two").await?.append(b"both").await?;
    disk.remove("a/two").await?;
    assert_eq!(disk.list("a").await?, ["b/"]);
    assert_eq!(disk.open("a/b/four").await?.read_at(0, 9).await?, "both");
    disk.rename("a/b/four", "a/two").await?;
    Ok(())
}

async fn files_hold_what_is_written(disk: &dyn Disk) -> DiskResult<()> {
    let file = disk.create("file").await?;
    assert_eq!(file.append(b"hello").await?, 0);
    assert_eq!(file.append(b" world").await?, 5);
    assert_eq!(file.length().await?, 11);
    assert_eq!(file.read_at(4, 3).await?, "o w");
    assert_eq!(file.read_at(9, 100).await?, "ld");
    assert_eq!(file.read_at(0, usize::MAX).await?, "hello world");
    assert_eq!(file.read_at(11, 1).await?, "");
    assert_eq!(file.read_at(1 << 40, 1).await?, "");
    file.write_at(0, b"J").await?;
    file.truncate(4).await?;
    assert_eq!(disk.open("file").await?.read_at(0, 100).await?, "Jell");
    file.truncate(6).await?;
    file.write_at(8, b"!").await?;
    assert_eq!(file.append(b"?").await?, 9);
    file.sync().await?;
    assert_eq!(file.read_at(0, 100).await?, "Jell\0\0\0\0!?");
    Ok(())
}

async fn errors_have_their_kind(disk: &dyn Disk) -> DiskResult<()> {
    use ErrorKind::{AlreadyExists, NotFound};
    assert_eq!(kind(disk.create("file").await), AlreadyExists);
    assert_eq!(kind(disk.create("a").await), AlreadyExists);
    for path in ["none", "none/file"] {
        assert_eq!(kind(disk.open(path).await), NotFound, "{path}");
        assert_eq!(kind(disk.remove(path).await), NotFound, "{path}");
        assert_eq!(kind(disk.rename(path, "x").await), NotFound, "{path}");
        assert_eq!(kind(disk.list(path).await), NotFound, "{path}");
        assert_eq!(kind(disk.sync_dir(path).await), NotFound, "{path}");
    }
    assert_eq!(kind(disk.create("none/file").await), NotFound);
    assert_eq!(kind(disk.rename("file", "none/file").await), NotFound);
    assert_eq!(kind(disk.link("file", "none/file").await), NotFound);
    assert_eq!(kind(disk.link("none", "other").await), NotFound);
    assert_eq!(kind(disk.link("file", "file").await), AlreadyExists);
    assert!(disk.remove("a").await.is_err(), "a directory");
    assert!(disk.rename("file", "a").await.is_err(), "a directory");
    assert!(disk.create_dir("file").await.is_err());
    assert!(disk.create_dir("file/dir").await.is_err());
    Ok(())
}

async fn paths_stay_below_the_root(disk: &dyn Disk) -> DiskResult<()> {
    for path in [
        "..",
        "../x",
        "/etc/passwd",
        "a/../../x",
        "a//x",
        "./x",
        "a/",
        "a\0",
    ] {
        let results = [
            disk.open(path).await.err(),
            disk.create(path).await.err(),
            disk.create_dir(path).await.err(),
            disk.list(path).await.err(),
            disk.remove(path).await.err(),
            disk.rename(path, "x").await.err(),
            disk.rename("file", path).await.err(),
            disk.link(path, "x").await.err(),
            disk.link("file", path).await.err(),
            disk.sync_dir(path).await.err(),
        ];
        for error in results {
            let error = error.expect("a refusal");
            assert_eq!(error.kind, ErrorKind::InvalidInput, "{error}");
        }
    }
    Ok(())
}

#[test]
fn memory_keeps_the_contract() -> DiskResult<()> {
    block_on(keeps_the_contract(&MemDisk::new()))
}

#[test]
fn the_operating_system_keeps_the_contract() -> DiskResult<()> {
    let scratch = Scratch::new("contract");
    block_on(keeps_the_contract(&OsDisk::open(&scratch.0)?))
}

#[test]
fn a_directory_serves_one_process() -> DiskResult<()> {
    let scratch = Scratch::new("lock");
    let disk = OsDisk::open(&scratch.0)?;
    let error = OsDisk::open(&scratch.0).expect_err("it is taken");
    assert_eq!(error.kind, ErrorKind::ResourceBusy);
    let text = error.to_string();
    assert!(text.contains("another process") && text.contains("sisyphus-lock"));
    assert!(block_on(disk.list(""))?.is_empty(), "LOCK is hidden");
    let taken = block_on(disk.remove("LOCK"));
    assert_eq!(kind(taken), ErrorKind::InvalidInput);
    drop(disk);
    OsDisk::open(&scratch.0).map(drop)
}

#[test]
fn a_power_failure_takes_what_was_not_synced() -> DiskResult<()> {
    block_on(async {
        let disk = MemDisk::new();
        disk.create_dir("a").await?;
        disk.sync_dir("").await?;
        let file = disk.create("a/file").await?;
        file.append(b"synced").await?;
        file.sync().await?;
        assert!(
            disk.restart().list("a").await?.is_empty(),
            "the name was not"
        );
        disk.sync_dir("a").await?;
        file.append(b" not").await?;
        file.write_at(0, b"S").await?;
        assert_eq!(disk.restart().contents("a/file"), b"synced");
        let crashed = disk.restart_keeping_unsynced();
        assert_eq!(crashed.contents("a/file"), b"Synced not");
        assert_eq!(crashed.restart().contents("a/file"), b"synced");
        file.truncate(3).await?;
        file.sync().await?;
        file.append(b"x").await?;
        assert_eq!(disk.restart().contents("a/file"), b"Syn");
        Ok(())
    })
}

#[test]
fn a_power_failure_undoes_names_that_were_not_synced() -> DiskResult<()> {
    block_on(async {
        let disk = MemDisk::new();
        for name in ["old", "gone"] {
            disk.create(name).await?.append(name.as_bytes()).await?;
            disk.open(name).await?.sync().await?;
        }
        disk.sync_dir("").await?;
        disk.rename("old", "new").await?;
        disk.remove("gone").await?;
        disk.create_dir("dir/deep").await?;
        disk.create("dir/deep/file").await?;
        disk.sync_dir("dir/deep").await?;
        disk.sync_dir("dir").await?;
        let disk_after = disk.restart();
        assert_eq!(disk_after.list("").await?, ["gone", "old"]);
        assert_eq!(disk_after.contents("gone"), b"gone");
        disk.sync_dir("").await?;
        let disk_after = disk.restart();
        assert_eq!(disk_after.list("").await?, ["dir/", "new"]);
        assert_eq!(disk_after.contents("new"), b"old");
        assert_eq!(disk_after.list("dir/deep").await?, ["file"]);
        Ok(())
    })
}

#[test]
fn a_stopped_disk_fails_until_restarted() -> DiskResult<()> {
    block_on(async {
        let disk = MemDisk::new();
        disk.stop_after(2);
        let file = disk.create("file").await?;
        file.append(b"1").await?;
        assert_eq!(file.read_at(0, 1).await?, "1");
        assert_eq!(disk.operations(), 2);
        assert!(file.append(b"2").await.is_err());
        assert!(file.read_at(0, 1).await.is_err());
        assert!(disk.list("").await.is_err());
        let disk = disk.restart_keeping_unsynced();
        assert_eq!(disk.contents("file"), b"1");
        disk.flip_bit("file", 0);
        assert_eq!(disk.contents("file"), b"0");
        disk.truncate_file("file", 0);
        assert_eq!(disk.contents("file"), b"");
        Ok(())
    })
}

/// What a writer may do on its own thread.
async fn write_synced_now(disk: OsDisk) -> [bool; 2] {
    let file = disk.create("file").await.unwrap();
    let is_done = || {
        file.write_synced_now(0, b"now")
            .is_some_and(|done| done.is_ok())
    };
    let before = is_done();
    // On a loaded machine a sync may take long now and then.
    for _ in 0..100 {
        file.sync().await.unwrap();
        if is_done() {
            assert_eq!(file.read_at(0, 9).await.unwrap(), "now");
            disk.remove("file").await.unwrap();
            return [before, true];
        }
    }
    disk.remove("file").await.unwrap();
    [before, false]
}

#[test]
fn a_sync_is_made_on_this_thread_only_where_it_is_quick_and_others_go_on() {
    // A disk without a device is quick, if there is one.
    let memory = PathBuf::from("/dev/shm");
    if !memory.is_dir() {
        return;
    }
    let scratch = Scratch(memory.join(format!("sisyphus-sync-now-{}", std::process::id())));
    let open = || OsDisk::open(&scratch.0).unwrap();
    let alone = block_on(write_synced_now(open()));
    assert_eq!(alone, [false, false], "other tasks would wait");
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    let shared = runtime.block_on(write_synced_now(open()));
    assert_eq!(shared, [false, true], "at first nothing is known of it");
}
