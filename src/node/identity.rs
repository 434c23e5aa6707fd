//! Whose data directory this is. A directory that belongs to another node or cluster, or to
//! something else altogether, is refused rather than overwritten.
//!
//! It is written in two steps. Before anything else the directory is *claimed*, under a name that
//! says that it is still being made; once the node's log is there, durably, the claim is
//! *confirmed* by renaming. So a directory with a confirmed identity and without a log has lost
//! what this node promised, and must not pass for an empty one.
//!
//! ```text
//!  0        8         12          20        28        36
//!  +--------+---------+-----------+---------+---------+----------------+------+----------+
//!  | magic  | version | cluster   | node    | mark    | length, varint | name | checksum |
//!  +--------+---------+-----------+---------+---------+----------------+------+----------+
//!   numbers little-endian, CRC32C of all that stands before it
//! ```
//! Magic number, version, and the checksum at the end are the same in all versions.
//!
//! The name is what the operator gives, the number what the cluster gave: a node whose disk was lost
//! comes back under its name, but never under its number. So a directory knows the number, and whoever
//! opens it only has to know the name ([`look`]). The mark is drawn when the directory is claimed and
//! tells it from every other: the cluster remembers the mark of each member and does not listen to a
//! node that comes back with another, because that one has forgotten what it promised.

use std::io::ErrorKind;

use bytes::Bytes;
use thiserror::Error;

use crate::{
    codec::{DecodeError, Decoder, put_bytes},
    env::{Disk, DiskError},
    types::NodeId,
};

/// The file's name in the data directory.
const FILE: &str = "IDENTITY";
/// Its name until the directory is complete.
const PREPARED: &str = "IDENTITY.new";
/// What ext4 keeps in the root of every volume, and so in a data directory that is one.
const LOST_AND_FOUND: &str = "lost+found/";
const MAGIC: &[u8; 8] = b"SISYPHUS";
const VERSION: u32 = 1;
const BYTES_MAX: usize = 512;
const CHECKSUM_BYTES: usize = 4;

/// A cluster and a node in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster, as all its members know it.
    pub cluster: u64,
    /// The node.
    pub node: NodeId,
    /// What the node is called.
    pub name: String,
    /// What tells this directory from every other, drawn at random when it was claimed.
    pub mark: u64,
}

/// How long a data directory has been somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Since before: whatever a node keeps there must be there.
    Standing,
    /// Since now, or since a start that did not get far. To be [confirmed](confirm).
    Fresh,
}

/// Why a data directory is refused.
#[derive(Clone, Debug, Error)]
pub enum IdentityError {
    /// It belongs to somebody else.
    #[error(
        "the data directory belongs to node {} ({:?}) of cluster {:x}, this is node {} ({:?}) of \
         cluster {:x}: correct `data_dir`, `node`, `name` or `cluster`",
        found.node.0, found.name, found.cluster, wanted.node.0, wanted.name, wanted.cluster
    )]
    Other {
        /// Whose it is.
        found: Identity,
        /// Who asks.
        wanted: Identity,
    },
    /// It holds something that is not ours.
    #[error(
        "the data directory holds `{0}`, which is not a file of SisyphusDB: move it away or choose another `data_dir`"
    )]
    Foreign(String),
    /// It holds data but does not say whose.
    #[error(
        "the data directory holds `{0}` but no {FILE} file: restore the directory or replace this node"
    )]
    Nameless(String),
    /// A file that says whose it is cannot be understood.
    #[error("{file}: {error}")]
    Broken {
        /// The file: the confirmed one, or the one that is being made.
        file: &'static str,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// It was written by a version that we do not know.
    #[error(
        "{FILE} has format version {0}, this program knows {VERSION}: run the program that wrote it"
    )]
    Version(u32),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Whose the data directory is, if it is anybody's yet; one that is empty stays so from then on, whatever a loss of
/// power takes back. Refuses one that [`claim`] would refuse to
/// anybody, before anything is done in its name. `ours` are the names that a node keeps there.
pub async fn look(disk: &dyn Disk, ours: &[String]) -> Result<Option<Identity>, IdentityError> {
    let names = names(disk, ours).await?;
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if has(FILE) {
        return read(disk, FILE).await.map(Some);
    }
    let other = names.iter().find(|name| *name != PREPARED);
    if !has(PREPARED) {
        if let Some(name) = other {
            return Err(IdentityError::Nameless(name.clone()));
        }
        // Before it is anybody's: a claim that was removed a moment ago would be back after a loss of power, when
        // the cluster has given the place of whoever made it to another number.
        disk.sync_dir("").await?;
        return Ok(None);
    }
    match read(disk, PREPARED).await {
        // A crash while it was made: nothing else is there, and it is made anew.
        Err(IdentityError::Broken { .. }) if other.is_none() => Ok(None),
        identity => identity.map(Some),
    }
}

/// What is in the data directory, all of it ours.
async fn names(disk: &dyn Disk, ours: &[String]) -> Result<Vec<String>, IdentityError> {
    let mut names = disk.list("").await?;
    names.retain(|name| name != LOST_AND_FOUND);
    let known = |name: &String| name == FILE || name == PREPARED || ours.contains(name);
    match names.iter().find(|name| !known(name)) {
        Some(name) => Err(IdentityError::Foreign(name.clone())),
        None => Ok(names),
    }
}

/// Checks that the data directory is `identity`'s, whatever its mark, or makes it so, durably, if it
/// is empty. `ours` are the names that a node keeps there.
pub async fn claim(
    disk: &dyn Disk,
    identity: Identity,
    ours: &[String],
) -> Result<Claim, IdentityError> {
    let names = names(disk, ours).await?;
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if has(FILE) {
        check(read(disk, FILE).await?, identity)?;
        return Ok(Claim::Standing);
    }
    match names.iter().find(|name| *name != PREPARED) {
        // Nothing else is made before the prepared name is durable, with all of its bytes.
        None => write(disk, &identity).await?,
        Some(_) if has(PREPARED) => check(read(disk, PREPARED).await?, identity)?,
        Some(name) => return Err(IdentityError::Nameless(name.clone())),
    }
    Ok(Claim::Fresh)
}

/// Says, durably, that all is there that a node keeps in its data directory, which is claimed.
pub async fn confirm(disk: &dyn Disk) -> Result<(), DiskError> {
    disk.rename(PREPARED, FILE).await?;
    disk.sync_dir("").await
}

fn check(found: Identity, wanted: Identity) -> Result<(), IdentityError> {
    let whose = |identity: &Identity| (identity.cluster, identity.node, identity.name.clone());
    match whose(&found) == whose(&wanted) {
        true => Ok(()),
        false => Err(IdentityError::Other { found, wanted }),
    }
}

async fn read(disk: &dyn Disk, name: &'static str) -> Result<Identity, IdentityError> {
    let file = disk.open(name).await?;
    let (version, identity) = decode(file.read_at(0, BYTES_MAX).await?)
        .map_err(|error| IdentityError::Broken { file: name, error })?;
    identity.ok_or(IdentityError::Version(version))
}

async fn write(disk: &dyn Disk, identity: &Identity) -> Result<(), IdentityError> {
    match disk.remove(PREPARED).await {
        Err(error) if error.kind != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let file = disk.create(PREPARED).await?;
    file.append(&encode(identity)).await?;
    file.sync().await?;
    Ok(disk.sync_dir("").await?)
}

fn encode(identity: &Identity) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&identity.cluster.to_le_bytes());
    out.extend_from_slice(&identity.node.0.to_le_bytes());
    out.extend_from_slice(&identity.mark.to_le_bytes());
    put_bytes(&mut out, identity.name.as_bytes());
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out
}

/// The version of the format, and what the file says if the version is ours.
fn decode(input: Bytes) -> Result<(u32, Option<Identity>), DecodeError> {
    let mut decoder = Decoder::new(input.clone());
    if decoder.take(MAGIC.len(), "a magic number of 8 bytes")? != MAGIC[..] {
        return Err(decoder.error("not the magic number of an identity file"));
    }
    let version = decoder.u32("a version")?;
    // Before the version is looked at: a flipped bit in it is damage, not another program's work.
    let body = input.len().saturating_sub(CHECKSUM_BYTES);
    let mut end = Decoder::new(input.slice(body..));
    if end.u32("a checksum")? != crc32c::crc32c(&input[..body]) {
        return Err(decoder.error("the checksum does not fit"));
    }
    if version != VERSION {
        return Ok((version, None));
    }
    let cluster = decoder.u64("a cluster")?;
    let node = NodeId(decoder.u64("a node")?);
    let mark = decoder.u64("a mark")?;
    let name = String::from_utf8_lossy(&decoder.bytes("a name")?).into_owned();
    decoder.u32("a checksum")?;
    decoder.finish()?;
    let identity = Identity {
        cluster,
        node,
        name,
        mark,
    };
    Ok((version, Some(identity)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::MemDisk;

    const OURS: [&str; 2] = ["log/", "shard-0/"];
    fn me() -> Identity {
        Identity {
            cluster: 0xc1,
            node: NodeId(1),
            name: "one".to_owned(),
            mark: 0x3a4b,
        }
    }

    async fn claim_as(disk: &MemDisk, identity: Identity) -> Result<Claim, IdentityError> {
        claim(disk, identity, &OURS.map(str::to_owned)).await
    }

    /// A start: the claim, then the log, then the confirmation.
    async fn start(disk: &MemDisk) -> Result<Claim, IdentityError> {
        let claim = claim_as(disk, me()).await?;
        if claim == Claim::Fresh {
            disk.create_dir("log").await?;
            disk.sync_dir("").await?;
            confirm(disk).await?;
        }
        Ok(claim)
    }

    #[tokio::test]
    async fn an_empty_directory_is_claimed_once_and_survives_power_loss() {
        let disk = MemDisk::new();
        assert_eq!(start(&disk).await.unwrap(), Claim::Fresh);
        let disk = disk.restart();
        assert_eq!(start(&disk).await.unwrap(), Claim::Standing);
        assert_eq!(
            look(&disk, &OURS.map(str::to_owned)).await.unwrap(),
            Some(me())
        );
        let other = Identity {
            node: NodeId(2),
            ..me()
        };
        let error = claim_as(&disk, other).await.unwrap_err().to_string();
        assert!(
            error.contains("belongs to node 1") && error.contains("`data_dir`"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_directory_that_was_found_empty_is_so_after_a_loss_of_power() {
        let disk = MemDisk::new();
        claim_as(&disk, me()).await.unwrap();
        disk.remove(PREPARED).await.unwrap();
        assert_eq!(disk.restart().list("").await.unwrap(), [PREPARED]);
        let ours = OURS.map(str::to_owned);
        assert_eq!(look(&disk, &ours).await.unwrap(), None);
        assert_eq!(look(&disk.restart(), &ours).await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_mark_of_a_directory_is_the_first_that_it_was_given() {
        let disk = MemDisk::new();
        start(&disk).await.unwrap();
        let again = Identity { mark: 7, ..me() };
        assert_eq!(claim_as(&disk, again).await.unwrap(), Claim::Standing);
        let found = look(&disk, &OURS.map(str::to_owned)).await.unwrap();
        assert_eq!(found.unwrap().mark, me().mark);
    }

    #[tokio::test]
    async fn a_foreign_file_is_named_and_left_alone() {
        let disk = MemDisk::new();
        disk.create("holiday.jpg").await.unwrap();
        let error = claim_as(&disk, me()).await.unwrap_err().to_string();
        assert!(error.contains("`holiday.jpg`"), "{error}");
        assert_eq!(disk.list("").await.unwrap(), ["holiday.jpg"]);
    }

    #[tokio::test]
    async fn a_volume_of_its_own_is_as_good_as_an_empty_directory() {
        let disk = MemDisk::new();
        disk.create_dir("lost+found").await.unwrap();
        claim_as(&disk, me()).await.unwrap();
        claim_as(&disk, me()).await.unwrap();
    }

    #[tokio::test]
    async fn data_without_a_name_is_not_adopted() {
        let disk = MemDisk::new();
        disk.create_dir("log").await.unwrap();
        assert!(
            matches!(claim_as(&disk, me()).await, Err(IdentityError::Nameless(name)) if name == "log/")
        );
    }

    #[tokio::test]
    async fn a_crash_at_any_step_leaves_a_directory_that_can_be_claimed() {
        for steps in 0..10 {
            let disk = MemDisk::new();
            disk.stop_after(steps);
            let _ = start(&disk).await;
            for disk in [disk.restart(), disk.restart_keeping_unsynced()] {
                let known = look(&disk, &OURS.map(str::to_owned)).await.unwrap();
                assert!(
                    known.is_none_or(|known| known == me()),
                    "after {steps} steps"
                );
                let claim = start(&disk).await.unwrap();
                let has_log = disk.list("").await.unwrap().contains(&"log/".to_owned());
                assert!(has_log, "{claim:?} without a log after {steps} steps");
            }
        }
    }

    #[tokio::test]
    async fn a_damaged_claim_is_called_by_its_name() {
        let disk = MemDisk::new();
        claim_as(&disk, me()).await.unwrap();
        disk.create_dir("log").await.unwrap();
        let file = disk.open(PREPARED).await.unwrap();
        file.write_at(0, b"?").await.unwrap();
        let error = claim_as(&disk, me()).await.unwrap_err().to_string();
        assert!(error.starts_with("IDENTITY.new: not the magic"), "{error}");
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = encode(&me());
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let decoded = decode(bad.into());
            assert!(!matches!(decoded, Ok((_, Some(_)))), "bit {bit}");
        }
    }
}
