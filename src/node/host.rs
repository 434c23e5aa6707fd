//! A node: its identity, its log, its shards and their tasks, from start to stop.

use std::{collections::BTreeMap, io::ErrorKind, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{
    Announced, Behind, Failure, Fate, Identity, LogStore, Observer, Order, RaftStatus,
    RequestError, Roster, ShardStatus, StartError, Status, fence,
    identity::{self, Claim},
    inbox::{Inbox, inbox},
    link::Link,
    recover,
    replica::{Completion, Inputs},
    requests::Request,
    start::{self, ReplicaParts},
    status::Board,
    writer::{Writer, WriterJob},
};
use crate::{
    config::Limits,
    env::{
        Clock, Disk, DiskError, Inbound, Transport,
        task::{Sender, Tasks, channel, oneshot, watch},
    },
    machine::{self, Members},
    rng::Rng,
    rpc::{self, Asked},
    types::{NodeId, ShardId, Term},
};

/// The directory of the Raft log.
pub(super) const LOG_DIR: &str = "log";

/// The shards there are, for now.
pub(super) const SHARDS: [ShardId; 1] = [ShardId(0)];

/// Requests that wait for a replica to take them in; beyond, callers wait, inside their deadline.
const REQUESTS: usize = 1_024;

/// What a node is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The cluster's id; peers of another cluster are not listened to.
    pub cluster: u64,
    /// The node's id.
    pub node: NodeId,
    /// What it is called; its data directory goes by this.
    pub name: String,
    /// What tells its data directory from every other, if that is still empty; one that is somebody's
    /// keeps its own.
    pub mark: u64,
    /// Who founds the cluster, this node among them; all of them vote. Nobody on a node that joins a
    /// cluster that is there, which will tell it. Only a node with an empty directory goes by this.
    pub founders: Members,
    /// Bounds and timings.
    pub limits: Limits,
}

/// Where a node lives.
#[derive(Clone)]
pub struct World {
    /// The data directory.
    pub disk: Arc<dyn Disk>,
    /// The way to the peers.
    pub transport: Arc<dyn Transport>,
    /// The node's clock.
    pub clock: Clock,
    /// The node's randomness. Must differ from one start of the node to the next.
    pub rng: Rng,
    /// Who watches, if anybody.
    pub observer: Option<Arc<dyn Observer>>,
}

/// A running node. Clones are handles of the same node; when the last one goes, or after
/// [`Host::stop`], its tasks end.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    clock: Clock,
    failure: Failure,
    shards: BTreeMap<ShardId, Shard>,
    tasks: Mutex<Option<Tasks>>,
}

/// A shard as seen from outside its tasks.
pub(super) struct Shard {
    pub(super) requests: Sender<Request>,
    pub(super) peers: Inbox,
    pub(super) board: Board,
    pub(super) reader: machine::Reader,
    pub(super) roster: watch::Receiver<Roster>,
    pub(super) announced: watch::Receiver<Announced>,
}

impl Host {
    /// Starts a node on its data directory, or makes one in an empty directory.
    pub async fn start(settings: Settings, world: World) -> Result<Host, StartError> {
        let disk = &world.disk;
        let identity = Identity {
            cluster: settings.cluster,
            node: settings.node,
            name: settings.name.clone(),
            mark: settings.mark,
        };
        let claim = identity::claim(disk.as_ref(), identity, &directories()).await?;
        match claim {
            Claim::Standing => check_log_is_there(disk.as_ref()).await?,
            Claim::Fresh => check_founders(&settings)?,
        }
        let machines: Vec<String> = SHARDS.map(start::directory).into();
        let kept = [&machines[..], &[LOG_DIR.to_owned()]].concat();
        let is_fenced = fence::keep_evidence(disk, &kept).await?;
        let segment_bytes = settings.limits.segment_bytes;
        let (mut store, mut restored) =
            LogStore::open(disk.clone(), LOG_DIR, segment_bytes).await?;
        if is_fenced {
            fence::begin_anew(disk, &mut store, &mut restored, &machines).await?;
        }
        if claim == Claim::Fresh {
            identity::confirm(disk.as_ref()).await?;
        }

        let (failure, mut tasks) = (Failure::default(), Tasks::default());
        let (writer, jobs) = channel::<WriterJob>(start::WRITER_JOBS * SHARDS.len());
        let (mut shards, mut links) = (BTreeMap::new(), BTreeMap::new());
        let mut replicas = Vec::new();
        for shard in SHARDS {
            let parts = ReplicaParts {
                link: link(&settings, &world, shard),
                settings: &settings,
                world: &world,
                writer: writer.clone(),
                failure: failure.clone(),
            };
            let restored = restored.remove(&shard).unwrap_or_default();
            let (replica, applier) = parts.open(restored, &mut store).await?;
            let (reader, roster) = (applier.machine.reader(), applier.roster.subscribe());
            let (completions, completed) = channel::<Completion>(start::COMPLETIONS);
            let (requests, requested) = channel(REQUESTS);
            let (peers, heard) = inbox();
            let inputs = Inputs {
                completions: completed,
                peers: heard,
                requests: requested,
            };
            links.insert(shard, (replica.link.clone(), completions.clone()));
            let board = replica.board.clone();
            let announced = replica.announced.subscribe();
            shards.insert(
                shard,
                Shard {
                    requests,
                    peers,
                    board,
                    reader,
                    roster,
                    announced,
                },
            );
            replicas.push((replica, inputs, applier, completions));
        }
        // What reconciling log and machine changed is on disk before anybody speaks.
        store.commit().await?;
        for (replica, inputs, applier, completions) in replicas {
            tasks.spawn(applier.run(completions));
            tasks.spawn(replica.run(inputs));
        }
        tasks.spawn(
            Writer {
                store,
                jobs,
                shards: links,
                failure: failure.clone(),
            }
            .run(),
        );
        let tasks = Mutex::new(Some(tasks));
        Ok(Host {
            inner: Arc::new(Inner {
                settings,
                clock: world.clock.clone(),
                failure,
                shards,
                tasks,
            }),
        })
    }

    /// Stops the node's tasks at their next await, as a crash would; what was acknowledged is on
    /// disk. Requests under way end as unknown.
    pub fn stop(&self) {
        self.inner.tasks.lock().take();
    }

    /// Commits and applies an encoded command, on whichever node leads. While there is no leader it
    /// waits until `expires_us` by this node's clock, and then is certainly not done.
    pub async fn write(
        &self,
        shard: ShardId,
        command: Bytes,
        expires_us: u64,
    ) -> Result<Fate, RequestError> {
        self.ask(shard, Asked::Command(command), expires_us).await
    }

    /// Has an order about members or leadership carried out by whichever node leads. Waits for a
    /// leader as [`write`](Host::write) does.
    pub async fn order(
        &self,
        shard: ShardId,
        order: &Order,
        expires_us: u64,
    ) -> Result<Fate, RequestError> {
        self.ask(shard, Asked::Order(order.encode()), expires_us)
            .await
    }

    async fn ask(
        &self,
        shard: ShardId,
        asked: Asked,
        expires_us: u64,
    ) -> Result<Fate, RequestError> {
        let (waiter, fate) = oneshot::channel();
        let request = Request::Write {
            asked,
            waiter,
            expires_us,
        };
        self.request(shard, request).await?;
        match fate.await {
            Ok(fate) => Ok(fate),
            Err(_) => Err(self.gone(RequestError::Unknown("this node is stopping".into()))),
        }
    }

    /// Has another node lead the shards that this one leads, as far as there is one that can, and
    /// waits until it does. Who waits no longer than it likes loses nothing.
    pub async fn resign(&self) {
        for shard in self.inner.shards.keys() {
            let (waiter, done) = oneshot::channel();
            if self
                .request(*shard, Request::Resign { waiter })
                .await
                .is_ok()
            {
                // An error means that the node is stopping by itself.
                let _ = done.await;
            }
        }
    }

    /// Waits until this node's state machine holds every write that was acknowledged, anywhere,
    /// before the call; then answers who reads it.
    pub async fn fresh(&self, shard: ShardId) -> Result<machine::Reader, RequestError> {
        let (waiter, fresh) = oneshot::channel();
        self.request(shard, Request::Read { waiter }).await?;
        match fresh.await {
            Ok(()) => self.stale(shard),
            Err(_) => Err(self.gone(RequestError::Unavailable("too many reads".into()))),
        }
    }

    /// Who reads this node's state machine as it is, however old.
    pub fn stale(&self, shard: ShardId) -> Result<machine::Reader, RequestError> {
        Ok(self.shard(shard)?.reader.clone())
    }

    /// How old what [`Self::stale`] reads may be.
    pub fn behind(&self, shard: ShardId) -> Result<Behind, RequestError> {
        let now_us = self.inner.clock.now_us();
        Ok(self.shard(shard)?.board.behind(now_us))
    }

    /// The shard's term as this node knows it; 0 of a shard that it does not have.
    pub fn term(&self, shard: ShardId) -> Term {
        let shard = self.inner.shards.get(&shard);
        shard.map_or(0, |shard| shard.board.read().term)
    }

    /// Who leads the shard, as far as this node knows.
    pub fn leader(&self, shard: ShardId) -> Option<NodeId> {
        let shard = self.inner.shards.get(&shard)?;
        shard.board.read().leader
    }

    /// How things stand.
    pub fn status(&self) -> Status {
        let Settings { cluster, node, .. } = &self.inner.settings;
        let shards = self.inner.shards.iter().map(|(id, shard)| ShardStatus {
            shard: *id,
            roster: shard.roster.borrow().clone(),
            raft: shard.board.read(),
            revision: shard.reader.revision(),
            lsm: shard.reader.stats(),
        });
        Status {
            cluster: *cluster,
            node: *node,
            failure: self.inner.failure.reason(),
            shards: shards.collect(),
        }
    }

    /// Where a shard's replica stands: the part of the status that costs nothing. None if there is no
    /// such shard.
    pub fn standing(&self, shard: ShardId) -> Option<RaftStatus> {
        let shard = self.inner.shards.get(&shard)?;
        Some(shard.board.read())
    }

    /// Who belongs to the cluster, as of what this node has applied of a shard; to be watched.
    pub fn roster(&self, shard: ShardId) -> Result<watch::Receiver<Roster>, RequestError> {
        Ok(self.shard(shard)?.roster.clone())
    }

    /// The last list of members in a shard's log, applied or not; to be watched.
    pub fn announced(&self, shard: ShardId) -> Result<watch::Receiver<Announced>, RequestError> {
        Ok(self.shard(shard)?.announced.clone())
    }

    /// Ends the node's service, because a peer says that it is no member, or not the one it was.
    pub fn told_to_leave(&self, said: &str) {
        let error = StartError::Dismissed(said.to_owned());
        self.inner.failure.report(error.to_string());
    }

    /// Where the node's failure shows, if it comes to that.
    pub fn failure(&self) -> Failure {
        self.inner.failure.clone()
    }

    async fn request(&self, shard: ShardId, request: Request) -> Result<(), RequestError> {
        if let Some(reason) = self.inner.failure.reason() {
            return Err(RequestError::Failed(reason));
        }
        let sent = self.shard(shard)?.requests.send(request).await;
        sent.map_err(|_| self.gone(RequestError::Unavailable("this node is stopping".into())))
    }

    /// The error of a request whose replica went away: the failure, if that is why.
    fn gone(&self, otherwise: RequestError) -> RequestError {
        self.inner
            .failure
            .reason()
            .map_or(otherwise, RequestError::Failed)
    }

    fn shard(&self, shard: ShardId) -> Result<&Shard, RequestError> {
        let unknown = || RequestError::Invalid(format!("there is no shard {shard}"));
        self.inner.shards.get(&shard).ok_or_else(unknown)
    }
}

impl Inbound for Host {
    fn deliver(&self, from: NodeId, frame: Bytes) {
        let Settings { cluster, node, .. } = self.inner.settings;
        let frame_bytes = frame.len();
        let envelope = match rpc::decode(frame) {
            Ok(envelope) => envelope,
            Err(error) => return tracing::warn!("a frame of {from} is not an envelope: {error}"),
        };
        // Addressed to somebody else, or from somebody who is not who the transport says.
        if (envelope.cluster, envelope.to, envelope.from) != (cluster, node, from) {
            return tracing::warn!("a frame of {from} has a wrong address; dropped");
        }
        if let Some(shard) = self.inner.shards.get(&envelope.shard) {
            shard.peers.put(from, envelope.body, frame_bytes);
        }
    }
}

/// Whose a data directory is, if it is anybody's yet. Refuses one that no node could start on.
pub async fn look(disk: &dyn Disk) -> Result<Option<Identity>, StartError> {
    Ok(identity::look(disk, &directories()).await?)
}

/// A node that founds a cluster is one of its founders.
fn check_founders(settings: &Settings) -> Result<(), StartError> {
    let Settings { node, founders, .. } = settings;
    if founders.is_empty() || founders.get(*node).is_some() {
        return Ok(());
    }
    let ids: Vec<u64> = founders.iter().map(|member| member.id.0).collect();
    Err(StartError::NotMember(node.0, format!("{ids:?}")))
}

/// A node that was here before has a log, however short. Without it the node would forget its vote
/// and what it acknowledged, and might then be one of a majority that forgot.
async fn check_log_is_there(disk: &dyn Disk) -> Result<(), StartError> {
    let is_absent = |error: &DiskError| error.kind == ErrorKind::NotFound;
    match disk.list(LOG_DIR).await {
        Ok(names) if !names.is_empty() => Ok(()),
        Err(error) if !is_absent(&error) => Err(error.into()),
        _ => Err(StartError::LogIsGone(LOG_DIR)),
    }
}

/// The directories of a node, by their names in the data directory.
fn directories() -> Vec<String> {
    let shards = SHARDS
        .iter()
        .map(|shard| format!("{}/", start::directory(*shard)));
    shards
        .chain([format!("{LOG_DIR}/"), format!("{}/", fence::EVIDENCE)])
        .chain([fence::FILE, recover::RECORD].map(str::to_owned))
        .collect()
}

fn link(settings: &Settings, world: &World, shard: ShardId) -> Link {
    Link {
        cluster: settings.cluster,
        node: settings.node,
        shard,
        transport: world.transport.clone(),
        observer: world.observer.clone(),
    }
}
