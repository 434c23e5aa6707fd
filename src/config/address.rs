//! Names and addresses: what may pass for one, and where to listen.

use super::ConfigError;

/// The longest name of a member, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// The longest address, in bytes: a domain name and a port.
pub const ADDRESS_BYTES_MAX: usize = 260;

/// `host` and `port` of an address; IPv6 hosts stand in brackets.
fn split_address(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = !host.is_empty() && !host.contains([':', '/', '[', ']', ' ']);
    (bracketed || plain).then_some(())?;
    Some((host, port.parse().ok()?))
}

/// Refuses a name that cannot be stored, naming the field.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), ConfigError> {
    if name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    let remedy = format!("write at most {NAME_BYTES_MAX} bytes");
    Err(ConfigError::new(
        field,
        format!("{name:?}"),
        "is too long",
        &remedy,
    ))
}

/// Refuses what is not `host:port`, naming the field.
pub(super) fn check_address(field: &str, address: &str) -> Result<(), ConfigError> {
    match split_address(address) {
        Some(_) if address.len() <= ADDRESS_BYTES_MAX => Ok(()),
        _ => Err(ConfigError::new(
            field,
            format!("{address:?}"),
            "is not an address",
            "write host:port, for example 127.0.0.1:9001",
        )),
    }
}

/// Where to listen: what was said, or what follows from the advertised address.
pub(super) fn listen_address(said: Option<&str>, advertised: &str) -> String {
    if let Some(address) = said {
        return address.to_owned();
    }
    match split_address(advertised) {
        Some((host, _)) if is_loopback(host) => advertised.to_owned(),
        Some((_, port)) => format!("0.0.0.0:{port}"),
        None => advertised.to_owned(),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}
