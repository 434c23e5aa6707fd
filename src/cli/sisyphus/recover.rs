//! `sisyphus recover`: going on with one survivor when the majority is lost for good.

use std::sync::Arc;

use clap::Args;

use super::{Ended, serve::Source};
use crate::{
    env::{Clock, OsDisk},
    node::{Recovery, recover},
    service::StartError,
};

/// The arguments of `recover`.
#[derive(Debug, Args)]
pub(super) struct Recover {
    #[command(flatten)]
    source: Source,
    /// Do it. Without this only what it would mean is printed.
    #[arg(long)]
    discard_the_others: bool,
}

impl Recover {
    /// Makes this node the only voter, or says what that would mean.
    pub(super) async fn run(self) -> Result<(), Ended> {
        let confirmed = self.discard_the_others;
        let config = self.source.load()?;
        let dir = config.data_dir.display().to_string();
        let failed = |error| StartError::Node {
            dir: dir.clone(),
            error,
        };
        let opened = OsDisk::open(&config.data_dir);
        let disk = Arc::new(opened.map_err(|error| failed(error.into()))?);
        let done = recover(disk, &config.limits, &Clock::system(), confirmed).await;
        for recovery in done.map_err(failed)? {
            println!("{}", told(&recovery, confirmed));
        }
        Ok(())
    }
}

fn told(recovery: &Recovery, confirmed: bool) -> String {
    let Recovery {
        shard,
        node,
        last,
        applied,
        others,
    } = recovery;
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    let what = match confirmed {
        true => format!("{shard}: {node} is the only voter now. Start it, and let new nodes join."),
        false => format!(
            "{shard}: nothing was changed. With --discard-the-others {node} becomes the only voter."
        ),
    };
    format!(
        "{what}\n\
         No longer voting: {}. They must never start again on the data they have: empty their directories.\n\
         Lost: whatever they acknowledged after entry {last}, the last that {node} received.\n\
         Done from now on, though perhaps no majority ever had it: entries {} to {}.\n\
         A record stays in the file RECOVERED of the data directory.",
        others.join(", "),
        applied + 1,
        last.index,
    )
}
