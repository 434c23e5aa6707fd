//! One connection to each endpoint, made when it is first needed.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tonic::transport::{Channel, Endpoint};

use super::error::root;
use crate::env::task::{spawn, timeout, watch};

/// A connection must stand within this time, or the next endpoint is tried.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// How often the far end is asked for a sign of life, and how long it may take to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// The endpoints of a cluster and the connections to them, shared by clones.
#[derive(Clone, Debug)]
pub struct Connections {
    places: Arc<Vec<Place>>,
}

#[derive(Debug)]
struct Place {
    address: String,
    slot: Mutex<Slot>,
}

/// Where the connection of an endpoint stands. The number tells connections apart, so that who
/// finds one broken does not throw away its successor.
#[derive(Debug, Default)]
struct Slot {
    number: u64,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Missing,
    /// Somebody makes one; whoever else needs it waits for the same, lest a thousand clients that
    /// begin together make a thousand.
    Making(watch::Receiver<Attempt>),
    Standing(Channel),
}

/// An attempt to connect: nothing as long as it lasts, then the connection and its number, or why
/// there is none.
type Attempt = Option<Result<(u64, Channel), String>>;

impl Connections {
    /// Connections to `endpoints`, each `host:port` or `http://host:port`. Nothing is connected yet.
    /// The error names the endpoint that is wrong.
    pub fn new(endpoints: &[String]) -> Result<Connections, String> {
        if endpoints.is_empty() {
            return Err("no endpoints: name at least one as host:port".to_owned());
        }
        let places = endpoints.iter().map(|text| {
            let address = text
                .trim()
                .trim_start_matches("http://")
                .trim_end_matches('/');
            let has_port = address.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
            });
            if !has_port || endpoint(address).is_err() {
                return Err(format!("endpoint {text:?}: write it as host:port"));
            }
            Ok(Place {
                address: address.to_owned(),
                slot: Mutex::default(),
            })
        });
        Ok(Connections {
            places: Arc::new(places.collect::<Result<_, _>>()?),
        })
    }

    /// How many endpoints there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The address of an endpoint, by its place in the list.
    pub fn address(&self, at: usize) -> &str {
        &self.places[at].address
    }

    /// The connection to an endpoint and its number, made within `within` if there is none. The
    /// error says why it cannot be made.
    pub(super) async fn connect(
        &self,
        at: usize,
        within: Duration,
    ) -> Result<(u64, Channel), String> {
        let mut making = match self.standing_or_begun(at) {
            Ok(standing) => return Ok(standing),
            Err(making) => making,
        };
        let made = timeout(within, making.wait_for(Option::is_some)).await;
        match made {
            Ok(Ok(made)) => made.clone().expect("it was waited for"),
            Ok(Err(closed)) => Err(closed.to_string()),
            Err(_) => Err(format!("no connection within {within:?}")),
        }
    }

    /// The connection that stands, or the attempt to make it.
    fn standing_or_begun(&self, at: usize) -> Result<(u64, Channel), watch::Receiver<Attempt>> {
        let mut slot = self.places[at].slot.lock();
        match &slot.state {
            State::Standing(channel) => Ok((slot.number, channel.clone())),
            // Closed, it has ended with the runtime that it began on.
            State::Making(making) if !making.is_closed() => Err(making.clone()),
            State::Missing | State::Making(_) => {
                let (made, making) = watch::channel(None);
                slot.state = State::Making(making.clone());
                // Not by the caller, who may give up while others wait.
                spawn(self.clone().make(at, made));
                Err(making)
            }
        }
    }

    /// Makes a connection, puts it in its place, and lets those know who wait.
    async fn make(self, at: usize, made: watch::Sender<Attempt>) {
        let place = &self.places[at];
        let result = dial(&place.address).await;
        let result = {
            let mut slot = place.slot.lock();
            slot.state = State::Missing;
            result.map(|channel| {
                slot.number += 1;
                slot.state = State::Standing(channel.clone());
                (slot.number, channel)
            })
        };
        made.send_replace(Some(result));
    }

    /// The connection of this number is of no use.
    pub(super) fn forget(&self, at: usize, number: u64) {
        let mut slot = self.places[at].slot.lock();
        if slot.number == number && matches!(slot.state, State::Standing(_)) {
            slot.state = State::Missing;
        }
    }
}

async fn dial(address: &str) -> Result<Channel, String> {
    let endpoint = endpoint(address).map_err(|error| root(&error))?;
    match timeout(CONNECT_WITHIN, endpoint.connect()).await {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(error)) => Err(root(&error)),
        Err(_) => Err(format!("no connection within {CONNECT_WITHIN:?}")),
    }
}

fn endpoint(address: &str) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    Ok(endpoint
        .connect_timeout(CONNECT_WITHIN)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE))
}

#[cfg(test)]
mod tests;
