//! How disks, links and clients behave while nothing strikes.

use serde::{Deserialize, Serialize};

use super::CLIENTS_MAX;

/// The speed of a disk. Madsim's timers have a grain of one millisecond; less is a yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskModel {
    /// The quickest sync, in microseconds.
    pub sync_us_min: u64,
    /// The slowest sync, in microseconds.
    pub sync_us_max: u64,
    /// How many of a million reads and writes have to wait, although the page cache takes them.
    pub stall_ppm: u32,
    /// The longest such wait, in microseconds.
    pub stall_us_max: u64,
}

impl DiskModel {
    /// A disk that answers at once.
    pub const IDEAL: DiskModel = DiskModel {
        sync_us_min: 0,
        sync_us_max: 0,
        stall_ppm: 0,
        stall_us_max: 0,
    };
}

/// How the link from one node to another treats frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkModel {
    /// The quickest delivery, in microseconds.
    pub delay_us_min: u64,
    /// The slowest usual delivery, in microseconds.
    pub delay_us_max: u64,
    /// How many of a million frames are lost.
    pub loss_ppm: u32,
    /// How many of a million frames arrive twice.
    pub duplicate_ppm: u32,
    /// How many of a million frames make a detour and are overtaken by later ones.
    pub detour_ppm: u32,
    /// The longest detour, in microseconds.
    pub detour_us_max: u64,
    /// Of how many of a million frames some bits arrive changed.
    #[serde(default)]
    pub corrupt_ppm: u32,
}

/// What clients do. Each sends one request at a time to a node of its choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The number of clients.
    pub clients: u64,
    /// How many operations each begins, if time allows.
    pub operations: u64,
    /// The number of keys that they fight for.
    pub keys: u64,
    /// The share of puts among operations, as a weight.
    pub puts: u64,
    /// The weight of reads.
    pub gets: u64,
    /// The weight of deletions.
    pub deletes: u64,
    /// The weight of writes that replace the value that the client has last seen.
    pub swaps: u64,
    /// The longest value in bytes; values are unique, and padded to a drawn length.
    pub value_bytes_max: u64,
    /// The longest pause between two operations of a client, in milliseconds.
    pub think_ms_max: u64,
    /// How long a client waits for an answer, in milliseconds.
    pub timeout_ms: u64,
    /// How many of a hundred clients only read.
    pub readers_percent: u64,
    /// How many of a million answers get lost on their way to the client.
    pub lost_answer_ppm: u32,
    /// How often a request whose outcome is unknown is sent again under the same identity.
    pub retries: u64,
    /// The weight of scans of the registers among all operations.
    #[serde(default)]
    pub scans: u64,
    /// How many of a hundred reads may be old.
    #[serde(default)]
    pub stale_percent: u64,
    /// The weight of operations on append lists.
    #[serde(default)]
    pub appends: u64,
    /// The number of append lists.
    #[serde(default)]
    pub lists: u64,
    /// The weight of operations on the ring.
    #[serde(default)]
    pub rotations: u64,
    /// The keys of the ring, at least 3.
    #[serde(default)]
    pub ring: u64,
    /// The weight of operations on the bank.
    #[serde(default)]
    pub transfers: u64,
    /// The accounts of the bank, at least 2.
    #[serde(default)]
    pub accounts: u64,
    /// The weight of transactions of several operations of all kinds.
    #[serde(default)]
    pub bundles: u64,
    /// The keys of those transactions, at least 2.
    #[serde(default)]
    pub bundled: u64,
    /// Whether requests go to the services themselves, after a time for the way, and not by gRPC over
    /// madsim's network.
    #[serde(default)]
    pub direct: bool,
}

impl Workload {
    /// The weight of operations on registers.
    pub fn registers(&self) -> u64 {
        self.puts + self.gets + self.deletes + self.swaps
    }

    /// Says what is wrong with one that cannot be played.
    pub(super) fn check(&self) -> Result<(), String> {
        let clients = self.clients;
        if clients > CLIENTS_MAX {
            return Err(format!(
                "`clients` is {clients}: it must be at most {CLIENTS_MAX}"
            ));
        }
        let parts = [
            self.scans,
            self.appends,
            self.rotations,
            self.transfers,
            self.bundles,
        ];
        let weight = self.registers() + parts.iter().sum::<u64>();
        if weight == 0 || self.keys == 0 {
            return Err("the workload needs a key and an operation of some weight".to_owned());
        }
        for (weight, name, size, least) in [
            (self.appends, "lists", self.lists, 1),
            (self.rotations, "ring", self.ring, 3),
            (self.transfers, "accounts", self.accounts, 2),
            (self.bundles, "bundled", self.bundled, 2),
        ] {
            // Names have two digits.
            if weight > 0 && !(least..=100).contains(&size) {
                return Err(format!("`{name}` is {size}: it must be {least} to 100"));
            }
        }
        Ok(())
    }
}
