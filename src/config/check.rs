//! The check of a whole configuration: every refusal names the field, its value and the remedy.

use std::collections::BTreeSet;

use super::{
    Config, ConfigError,
    address::{check_address, check_name},
    server::nobody,
};

/// The most members a cluster may have. Every write waits for a majority of them; beyond seven,
/// more members make a cluster slower and hardly safer.
const MEMBERS_MAX: usize = 7;

impl Config {
    /// Refuses what cannot work, naming the field, its value and the remedy.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.cluster.is_empty() {
            return Err(ConfigError::new(
                "cluster",
                "\"\"",
                "is empty",
                "give the cluster a name",
            ));
        }
        if self.data_dir.as_os_str().is_empty() {
            return Err(ConfigError::new(
                "data_dir",
                "\"\"",
                "is empty",
                "name a directory",
            ));
        }
        self.check_members()?;
        self.check_own()?;
        self.check_listen()?;
        self.limits.check()
    }

    fn check_members(&self) -> Result<(), ConfigError> {
        let count = self.members.len();
        let least = usize::from(self.join.is_empty());
        if !(least..=MEMBERS_MAX).contains(&count) {
            let remedy = format!("list 1 to {MEMBERS_MAX} members, this node among them");
            return Err(ConfigError::new(
                "members",
                count,
                "is not a number of members",
                &remedy,
            ));
        }
        let (mut seen, mut names) = (BTreeSet::new(), BTreeSet::new());
        for (at, member) in self.members.iter().enumerate() {
            let field = format!("members[{at}].id");
            if member.id.0 == 0 {
                return Err(ConfigError::new(&field, 0, "means nobody", "count from 1"));
            }
            if !seen.insert(member.id) {
                let remedy = "give every member a number of its own";
                return Err(ConfigError::new(
                    &field,
                    member.id.0,
                    "is taken twice",
                    remedy,
                ));
            }
            let field = format!("members[{at}].name");
            check_name(&field, &member.name)?;
            if !names.insert(&member.name) {
                let remedy = "give every member a name of its own";
                return Err(ConfigError::new(
                    &field,
                    format!("{:?}", member.name),
                    "is taken twice",
                    remedy,
                ));
            }
            check_address(&format!("members[{at}].peer"), &member.peer)?;
            check_address(&format!("members[{at}].grpc"), &member.grpc)?;
            check_address(&format!("members[{at}].http"), &member.http)?;
        }
        let is_told = !self.join.is_empty() && self.node == nobody();
        if !seen.contains(&self.node) && !is_told {
            let ids: Vec<u64> = seen.iter().map(|id| id.0).collect();
            let remedy = format!("choose one of {ids:?}, or add this node to members");
            return Err(ConfigError::new(
                "node",
                self.node.0,
                "is not a member",
                &remedy,
            ));
        }
        Ok(())
    }

    /// Whether this node knows what it is called and where it is reached.
    fn check_own(&self) -> Result<(), ConfigError> {
        for (at, address) in self.join.iter().enumerate() {
            check_address(&format!("join[{at}]"), address)?;
        }
        let own = self.member();
        if own.name.is_empty() {
            let remedy = "say what this node is called: --name NAME";
            return Err(ConfigError::new("name", "(nothing)", "is missing", remedy));
        }
        if own.peer.is_empty() {
            let remedy = "say where others reach this node: --advertise PEER,GRPC,HTTP";
            return Err(ConfigError::new(
                "advertise",
                "(nothing)",
                "is missing",
                remedy,
            ));
        }
        check_name("name", &own.name)?;
        check_address("advertise.peer", &own.peer)?;
        check_address("advertise.grpc", &own.grpc)?;
        check_address("advertise.http", &own.http)
    }

    fn check_listen(&self) -> Result<(), ConfigError> {
        for (field, address) in [
            ("listen.peer", &self.listen.peer),
            ("listen.grpc", &self.listen.grpc),
            ("listen.http", &self.listen.http),
        ] {
            if let Some(address) = address {
                check_address(field, address)?;
            }
        }
        Ok(())
    }
}
