//! An event as one line of JSON, both ways.

use std::io;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::{Call, Event, Outcome, Seen, What};
use crate::types::Revision;

/// What is wrong with a line: the field, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {problem}")]
pub(super) struct FieldError {
    pub field: &'static str,
    pub problem: String,
}

/// Draws `event` as a line, without the line feed.
pub(super) fn encode(out: &mut impl io::Write, event: &Event) -> io::Result<()> {
    Ok(serde_json::to_writer(out, &Line(event))?)
}

/// An event whose fields are written in a fixed order, the ones for the eye first.
struct Line<'a>(&'a Event);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("process", &self.0.process)?;
        line.serialize_entry("op", &self.0.op)?;
        line.serialize_entry("time_us", &self.0.time_us)?;
        match &self.0.what {
            What::Invoke(call) => {
                line.serialize_entry("kind", "invoke")?;
                put_call(&mut line, call)?;
            }
            What::Ok(outcome) => {
                line.serialize_entry("kind", "ok")?;
                put_outcome(&mut line, outcome)?;
            }
            What::Fail(reason) => {
                line.serialize_entry("kind", "fail")?;
                line.serialize_entry("reason", reason)?;
            }
            What::Unknown(reason) => {
                line.serialize_entry("kind", "unknown")?;
                line.serialize_entry("reason", reason)?;
            }
        }
        line.end()
    }
}

fn put_call<M: SerializeMap>(line: &mut M, call: &Call) -> Result<(), M::Error> {
    line.serialize_entry("call", call.name())?;
    line.serialize_entry("key", &Text(call.key()))?;
    match call {
        Call::Put { value, .. } => line.serialize_entry("value", &Text(value)),
        Call::CompareAndSet { expected, new, .. } => {
            line.serialize_entry("expected", &expected.as_ref().map(Text))?;
            line.serialize_entry("new", &Text(new))
        }
        Call::Get { .. } | Call::Delete { .. } => Ok(()),
    }
}

fn put_outcome<M: SerializeMap>(line: &mut M, outcome: &Outcome) -> Result<(), M::Error> {
    line.serialize_entry("call", outcome.name())?;
    match outcome {
        Outcome::Put { .. } => {}
        Outcome::Get { seen, .. } => {
            line.serialize_entry("value", &seen.as_ref().map(|seen| Text(&seen.value)))?;
            if let Some(revision) = seen.as_ref().and_then(|seen| seen.mod_revision) {
                line.serialize_entry("mod_revision", &revision)?;
            }
        }
        Outcome::Delete { deleted, .. } => line.serialize_entry("deleted", deleted)?,
        Outcome::CompareAndSet { succeeded, .. } => {
            line.serialize_entry("succeeded", succeeded)?;
        }
    }
    match outcome.revision() {
        Some(revision) => line.serialize_entry("revision", &revision),
        None => Ok(()),
    }
}

/// Bytes as a JSON string if they are UTF-8, else as `{"base64":"…"}`.
struct Text<'a>(&'a Bytes);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = std::str::from_utf8(self.0) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("base64", &STANDARD.encode(self.0))?;
        map.end()
    }
}

/// Reads the event that `line` draws.
pub(super) fn decode(line: &str) -> Result<Event, FieldError> {
    let fields = match serde_json::from_str(line) {
        Ok(Value::Object(map)) => Fields(map),
        Ok(_) => return Err(wrong("(line)", "is not a JSON object")),
        Err(error) => return Err(wrong("(line)", format!("is not JSON: {error}"))),
    };
    let what = match fields.text("kind")? {
        "invoke" => What::Invoke(fields.call()?),
        "ok" => What::Ok(fields.outcome()?),
        "fail" => What::Fail(fields.reason()),
        "unknown" => What::Unknown(fields.reason()),
        other => {
            let problem = format!("`{other}` is none of invoke, ok, fail, unknown");
            return Err(wrong("kind", problem));
        }
    };
    Ok(Event {
        process: fields.number("process")?,
        op: fields.number("op")?,
        time_us: fields.number("time_us")?,
        what,
    })
}

fn wrong(field: &'static str, problem: impl Into<String>) -> FieldError {
    let problem = problem.into();
    FieldError { field, problem }
}

/// The fields of one line, taken out by name so that every complaint names one.
struct Fields(Map<String, Value>);

impl Fields {
    fn call(&self) -> Result<Call, FieldError> {
        let name = self.text("call")?;
        let key = self.bytes("key")?;
        Ok(match name {
            "put" => Call::Put {
                key,
                value: self.bytes("value")?,
            },
            "get" => Call::Get { key },
            "delete" => Call::Delete { key },
            "compare_and_set" => Call::CompareAndSet {
                key,
                expected: self.bytes_or_null("expected")?,
                new: self.bytes("new")?,
            },
            other => return Err(unknown_call(other)),
        })
    }

    fn outcome(&self) -> Result<Outcome, FieldError> {
        let revision = self.revision("revision")?;
        Ok(match self.text("call")? {
            "put" => Outcome::Put { revision },
            "get" => Outcome::Get {
                seen: self.seen()?,
                revision,
            },
            "delete" => Outcome::Delete {
                deleted: self.flag("deleted")?,
                revision,
            },
            "compare_and_set" => Outcome::CompareAndSet {
                succeeded: self.flag("succeeded")?,
                revision,
            },
            other => return Err(unknown_call(other)),
        })
    }

    fn seen(&self) -> Result<Option<Seen>, FieldError> {
        let mod_revision = self.revision("mod_revision")?;
        let value = self.bytes_or_null("value")?;
        Ok(value.map(|value| Seen {
            value,
            mod_revision,
        }))
    }

    fn field(&self, name: &'static str) -> Result<&Value, FieldError> {
        self.0.get(name).ok_or_else(|| wrong(name, "is missing"))
    }

    fn number(&self, name: &'static str) -> Result<u64, FieldError> {
        let value = self.field(name)?;
        value
            .as_u64()
            .ok_or_else(|| wrong(name, format!("{value} is not a whole number from 0")))
    }

    fn flag(&self, name: &'static str) -> Result<bool, FieldError> {
        let value = self.field(name)?;
        value
            .as_bool()
            .ok_or_else(|| wrong(name, format!("{value} is neither true nor false")))
    }

    fn text(&self, name: &'static str) -> Result<&str, FieldError> {
        let value = self.field(name)?;
        value
            .as_str()
            .ok_or_else(|| wrong(name, format!("{value} is not a string")))
    }

    fn bytes(&self, name: &'static str) -> Result<Bytes, FieldError> {
        self.bytes_or_null(name)?
            .ok_or_else(|| wrong(name, "is null, which is no value"))
    }

    fn bytes_or_null(&self, name: &'static str) -> Result<Option<Bytes>, FieldError> {
        match self.field(name)? {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
            Value::Object(map) => of_base64(name, map).map(Some),
            other => Err(wrong(
                name,
                format!("{other} is neither a string, nor {{\"base64\":…}}, nor null"),
            )),
        }
    }

    /// A revision may be left out, or null: not every recorder knows it.
    fn revision(&self, name: &'static str) -> Result<Option<Revision>, FieldError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.number(name).map(Some),
        }
    }

    fn reason(&self) -> String {
        let reason = self.0.get("reason").and_then(Value::as_str);
        reason.unwrap_or_default().to_owned()
    }
}

fn unknown_call(name: &str) -> FieldError {
    let known = "put, get, delete, compare_and_set";
    wrong("call", format!("`{name}` is none of {known}"))
}

fn of_base64(name: &'static str, map: &Map<String, Value>) -> Result<Bytes, FieldError> {
    let text = map
        .get("base64")
        .and_then(Value::as_str)
        .ok_or_else(|| wrong(name, "is an object without a string `base64`"))?;
    match STANDARD.decode(text) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(wrong(name, format!("is not base64: {error}"))),
    }
}
