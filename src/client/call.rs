//! One call: attempts at one endpoint after another, until an answer or the deadline.

use std::{collections::BTreeMap, time::Duration};

use tonic::{Request, Response, Status, metadata::AsciiMetadataValue, transport::Channel};

use super::{
    Client, ClientError,
    error::{Fate, fate, reason},
    session::Used,
};
use crate::{
    env::task::timeout,
    rpc::etcd::{CLIENT_ID, SEQUENCE},
    types::RequestId,
};

/// The pause after all endpoints failed once; it doubles with every further round.
const BACKOFF_MIN: Duration = Duration::from_millis(10);

/// The longest pause between two rounds: a cluster that is back is found within this time.
const BACKOFF_MAX: Duration = Duration::from_millis(200);

/// What stands on every request of one attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    within: Duration,
    identity: Option<RequestId>,
}

impl Stamp {
    /// Puts deadline and identity on a message.
    pub fn on<T>(self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.within);
        if let Some(RequestId { client, sequence }) = self.identity {
            let metadata = request.metadata_mut();
            metadata.insert(CLIENT_ID, unlike_any(client));
            metadata.insert(SEQUENCE, unlike_any(sequence));
        }
        request
    }
}

/// A number that hardly comes twice: the two ends of a connection are not to remember it for the
/// next call, instead of what does come again.
fn unlike_any(number: u64) -> AsciiMetadataValue {
    let mut value = AsciiMetadataValue::from(number);
    value.set_sensitive(true);
    value
}

/// How a call failed.
struct Failure {
    fate: Fate,
    reason: String,
}

/// What is known of a call while it lasts.
struct Progress {
    /// The last failure of each endpoint.
    failures: BTreeMap<usize, String>,
    /// Whether some attempt may have had an effect.
    doubt: bool,
    backoff: Duration,
}

impl Client {
    /// Has a read answered by `send`.
    pub(super) async fn read<T, F, Fut>(&mut self, send: F) -> Result<T, ClientError>
    where
        F: Fn(Channel, Stamp) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        match self.call(None, true, send).await {
            // A read that was perhaps done is as good as one that was not.
            Err(ClientError::Unknown { failures }) => Err(ClientError::Unavailable { failures }),
            other => other,
        }
    }

    /// Has a write done by `send`, under the session's identity.
    pub(super) async fn write<T, F, Fut>(&mut self, send: F) -> Result<T, ClientError>
    where
        F: Fn(Channel, Stamp) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let identity = self.session.identity();
        let result = self.call(identity, identity.is_some(), send).await;
        self.session.ended(match result {
            Ok(_) => Used::Done,
            Err(ClientError::Unavailable { .. }) => Used::No,
            Err(ClientError::Refused { .. } | ClientError::Unknown { .. }) => Used::Perhaps,
        });
        result
    }

    /// Has an order carried out by `send`, at most once.
    pub(super) async fn order<T, F, Fut>(&mut self, send: F) -> Result<T, ClientError>
    where
        F: Fn(Channel, Stamp) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        self.call(None, false, send).await
    }

    async fn call<T, F, Fut>(
        &mut self,
        identity: Option<RequestId>,
        repeatable: bool,
        send: F,
    ) -> Result<T, ClientError>
    where
        F: Fn(Channel, Stamp) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let deadline_us = self.clock.now_us() + self.timeout.as_micros() as u64;
        let mut progress = Progress {
            failures: BTreeMap::new(),
            doubt: false,
            backoff: BACKOFF_MIN,
        };
        for attempt in 1.. {
            let left = self.left(deadline_us);
            if left.is_zero() {
                break;
            }
            let failure = match self.attempt(self.share(left), identity, &send).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if let Some(error) = self.note(&mut progress, failure, repeatable) {
                return Err(error);
            }
            self.at = (self.at + 1) % self.connections.len();
            if attempt % self.connections.len() == 0 {
                let pause = progress.backoff.min(self.left(deadline_us));
                self.clock.sleep(pause).await;
                progress.backoff = (progress.backoff * 2).min(BACKOFF_MAX);
            }
        }
        Err(self.conclude(&progress))
    }

    fn left(&self, deadline_us: u64) -> Duration {
        Duration::from_micros(deadline_us.saturating_sub(self.clock.now_us()))
    }

    /// How much of the time that is left one attempt may take: half of it, so that another endpoint
    /// has its chance, or all if there is no other.
    fn share(&self, left: Duration) -> Duration {
        match self.connections.len() {
            1 => left,
            _ => left / 2 + Duration::from_millis(1),
        }
    }

    async fn attempt<T, F, Fut>(
        &self,
        within: Duration,
        identity: Option<RequestId>,
        send: &F,
    ) -> Result<T, Failure>
    where
        F: Fn(Channel, Stamp) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let began_us = self.clock.now_us();
        let connected = self.connections.connect(self.at, within).await;
        let (number, channel) = connected.map_err(|reason| Failure {
            fate: Fate::NotDone,
            reason,
        })?;
        let spent = Duration::from_micros(self.clock.now_us() - began_us);
        let within = within.saturating_sub(spent).max(Duration::from_millis(1));
        let answer = timeout(within, send(channel, Stamp { within, identity })).await;
        let failure = match answer {
            Ok(Ok(answer)) => return Ok(answer.into_inner()),
            Ok(Err(status)) => Failure {
                fate: fate(&status),
                reason: reason(&status),
            },
            Err(_) => Failure {
                fate: Fate::Unknown,
                reason: format!("no answer within {within:?}"),
            },
        };
        if matches!(failure.fate, Fate::Unknown) {
            self.connections.forget(self.at, number);
        }
        Err(failure)
    }

    /// Takes a failed attempt into account. Answers the call's error if it ends here.
    fn note(
        &self,
        progress: &mut Progress,
        failure: Failure,
        repeatable: bool,
    ) -> Option<ClientError> {
        let endpoint = self.connections.address(self.at).to_owned();
        let Failure { fate, reason } = failure;
        progress.failures.insert(self.at, reason.clone());
        match fate {
            Fate::NotDone => None,
            Fate::Refused if progress.doubt => Some(self.conclude(progress)),
            Fate::Refused => Some(ClientError::Refused { endpoint, reason }),
            Fate::Unknown => {
                progress.doubt = true;
                (!repeatable).then(|| self.conclude(progress))
            }
        }
    }

    fn conclude(&self, progress: &Progress) -> ClientError {
        let failures = progress.failures.iter();
        let failures =
            failures.map(|(at, reason)| format!("{}: {reason}", self.connections.address(*at)));
        let failures = failures.collect::<Vec<_>>().join("; ");
        match progress.doubt {
            true => ClientError::Unknown { failures },
            false => ClientError::Unavailable { failures },
        }
    }
}
