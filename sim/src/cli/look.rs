//! `cargo sim show` and `cargo sim diff`: plans for the eye.

use std::process::ExitCode;

use crate::plan;

/// What to show.
#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// A seed, or the path of a plan.
    plan: String,
    /// As JSON, to be saved and edited.
    #[arg(long)]
    json: bool,
}

/// What to compare.
#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// A seed, or the path of a plan.
    old: String,
    /// Another one.
    new: String,
}

pub(super) fn show(args: &Show) -> Result<ExitCode, String> {
    let plan = super::plan(&args.plan)?;
    match args.json {
        true => print!("{}", plan.to_json()),
        false => print!("{}", plan::show(&plan)),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn diff(args: &Diff) -> Result<ExitCode, String> {
    let (old, new) = (super::plan(&args.old)?, super::plan(&args.new)?);
    print!("{}", plan::difference(&old, &new));
    Ok(ExitCode::SUCCESS)
}
