//! Plans as JSON and as files.

use std::path::Path;

use super::{CLIENTS_MAX, Fault, NODES_MAX, Plan, VERSION, What, When};

/// The longest file that is taken for a plan, in bytes.
const FILE_BYTES_MAX: usize = 16 << 20;

impl Plan {
    /// Reads a plan from JSON. The error names the field, and says what is wrong with it.
    pub fn parse(json: &str) -> Result<Self, String> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let plan: Plan = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            match path.as_str() {
                "." => error.into_inner().to_string(),
                _ => format!("`{path}`: {}", error.into_inner()),
            }
        })?;
        reader.end().map_err(|error| error.to_string())?;
        plan.check()?;
        Ok(plan)
    }

    /// The plan as JSON, one field a line, for eyes and for files.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a plan is plain data") + "\n"
    }

    /// Reads the plan that was saved at `path`. The error says what is wrong with it.
    #[expect(
        clippy::disallowed_methods,
        reason = "plans are read from the real disk"
    )]
    pub fn load(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let told = |error: String| format!("{}: {error}", path.display());
        if bytes.len() > FILE_BYTES_MAX {
            return Err(told(format!("{} bytes are no plan", bytes.len())));
        }
        let text = String::from_utf8(bytes).map_err(|error| told(error.to_string()))?;
        Plan::parse(&text).map_err(told)
    }

    /// Saves the plan at `path`, with the directories above it.
    #[expect(clippy::disallowed_methods, reason = "plans go to the real disk")]
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above)?;
        }
        std::fs::write(path, self.to_json())
    }

    /// Refuses what no run can do, and what no run may be blamed for. The error names the field.
    pub fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!(
                "`version` is {}: this simulator reads version {VERSION}",
                self.version
            ));
        }
        if !(1..=NODES_MAX).contains(&self.nodes) {
            return Err(format!(
                "`nodes` is {}: it must be 1 to {NODES_MAX}",
                self.nodes
            ));
        }
        let mut scripted = self.script.iter().flat_map(|script| script.clients());
        if let Some(client) = scripted.find(|n| *n > CLIENTS_MAX) {
            return Err(format!(
                "`script` names client {client}: it must be at most {CLIENTS_MAX}"
            ));
        }
        self.workload.check()?;
        let (limits, drift_ppm) = (&self.limits, self.drift_ppm_max());
        if limits.lease_reads && drift_ppm > u64::from(limits.clock_drift_ppm_max) {
            return Err(format!(
                "`limits.lease_reads` trusts clocks to {} ppm, and there is one that is off by {drift_ppm}",
                limits.clock_drift_ppm_max
            ));
        }
        let leaps = |fault: &Fault| matches!(fault.what, What::Clock { leap_ms: 1.., .. });
        if limits.lease_reads && self.faults.iter().any(leaps) {
            return Err(
                "`limits.lease_reads` trusts clocks, and there is one that leaps".to_owned(),
            );
        }
        self.check_faults()
    }

    /// Faults wait for events that can be counted.
    fn check_faults(&self) -> Result<(), String> {
        let never = |when: &When| matches!(when, When::Event { nth: 0, .. });
        match self.faults.iter().position(|fault| never(&fault.when)) {
            Some(place) => Err(format!(
                "`faults[{place}].when.nth` is 0: events are counted from 1"
            )),
            None => Ok(()),
        }
    }
}
