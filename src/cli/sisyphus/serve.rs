//! `sisyphus serve`: one node.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    Ended,
    run::{log, until_told},
    settings::Settings,
};
use crate::{
    config::{Config, ConfigError},
    service::Server,
};

/// The file that is read if it is there and no other is named.
const USUAL_FILE: &str = "/etc/sisyphus/sisyphus.toml";

/// The arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    source: Source,
}

/// Where the configuration of a node comes from.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// The configuration; /etc/sisyphus/sisyphus.toml if there is one and no other is named
    #[arg(long, env = "SISYPHUS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Source {
    /// Reads it, and begins to log as it says.
    pub(super) fn load(self) -> Result<Config, Ended> {
        let text = match &self.config {
            Some(file) => read(file)?,
            None if Path::new(USUAL_FILE).exists() => read(Path::new(USUAL_FILE))?,
            None => String::new(),
        };
        let config = Config::load(&text, self.settings.into_paths(&hostname())?)?;
        log(&config.log)?;
        Ok(config)
    }
}

impl Serve {
    /// Serves until told to stop.
    pub(super) async fn run(self) -> Result<(), Ended> {
        let config = self.source.load()?;
        until_told(async {
            let server = Server::start(config).await?;
            let node = server.node().0;
            println!("node {node}: {}", server.addresses());
            Ok(vec![(node, server)])
        })
        .await
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the configuration is read once, here"
)]
fn read(file: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read(file).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| std::io::Error::other(error.to_string()))
    });
    text.map_err(|error| {
        let problem = format!("cannot be read: {error}");
        ConfigError::new(
            "--config",
            file.display(),
            &problem,
            "name a file that this user can read",
        )
    })
}

fn hostname() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
