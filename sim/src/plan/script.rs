//! Which operations clients do, and when.
//!
//! What a client asks in its 17th operation is drawn under the name (seed, client, 17), so any of
//! its operations can be left out without changing another one. A script names those that are left,
//! each with the time at which it begins: if they followed one another as they do without a script,
//! whatever is left out would move all that comes after it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The operations that are done, by client. As JSON: `{"1": "17@1234 20@1301"}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Script(BTreeMap<u64, Part>);

/// One client's part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part(Vec<Step>);

/// One operation. It begins at its time, or when the one before is done if that is later. In text
/// it is `17@1234`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Its number, counted from 1.
    pub operation: u64,
    /// When it begins, in milliseconds since the clients began.
    pub ms: u64,
}

impl Script {
    /// What `client` does, in order; nothing if it is not named.
    pub fn of(&self, client: u64) -> &[Step] {
        self.0.get(&client).map_or(&[], |part| &part.0)
    }

    /// All steps with their clients, client by client.
    pub fn steps(&self) -> impl Iterator<Item = (u64, Step)> + '_ {
        let parts = self.0.iter();
        parts.flat_map(|(client, part)| part.0.iter().map(|step| (*client, *step)))
    }

    /// The clients that do something.
    pub fn clients(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.keys().copied()
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.0.values().map(|part| part.0.len()).sum()
    }

    /// Whether nobody does anything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<(u64, Step)> for Script {
    /// The script of these steps, each with its client, in any order.
    fn from_iter<I: IntoIterator<Item = (u64, Step)>>(steps: I) -> Self {
        let mut script = Script::default();
        for (client, step) in steps {
            script.0.entry(client).or_default().0.push(step);
        }
        for part in script.0.values_mut() {
            part.0.sort_unstable();
        }
        script
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.operation, self.ms)
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not an operation's number and time in ms, such as 17@1234");
        let (operation, ms) = text.split_once('@').ok_or_else(wrong)?;
        Ok(Step {
            operation: operation.parse().map_err(|_| wrong())?,
            ms: ms.parse().map_err(|_| wrong())?,
        })
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let steps: Vec<String> = self.0.iter().map(Step::to_string).collect();
        serializer.serialize_str(&steps.join(" "))
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let steps: Result<Vec<Step>, String> = text.split_whitespace().map(str::parse).collect();
        let steps = steps.map_err(D::Error::custom)?;
        let ascends = steps.windows(2).all(|w| w[0].operation < w[1].operation);
        match ascends {
            true => Ok(Part(steps)),
            false => Err(D::Error::custom("the operations do not ascend")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_survives_json_and_nonsense_is_refused() {
        let step = |operation, ms| Step { operation, ms };
        let script: Script = [(2, step(9, 70)), (1, step(3, 40)), (2, step(4, 60))]
            .into_iter()
            .collect();
        let json = serde_json::to_string(&script).unwrap();
        assert_eq!(json, r#"{"1":"3@40","2":"4@60 9@70"}"#);
        assert_eq!(serde_json::from_str::<Script>(&json).unwrap(), script);
        assert_eq!((script.len(), script.of(3)), (3, &[][..]));
        for wrong in [r#"{"1":"3"}"#, r#"{"1":"3@x"}"#, r#"{"1":"5@1 3@2"}"#] {
            assert!(serde_json::from_str::<Script>(wrong).is_err(), "{wrong}");
        }
    }
}
