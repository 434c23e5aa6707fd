//! Links, the frames on their way, and the one task that delivers them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use sisyphus::{
    env::{Inbound, Transport},
    rng::Rng,
    types::NodeId,
};
use tokio::{sync::Notify, time::Instant};

use super::port::Port;
use crate::{
    draw::{Seed, Stream, draw},
    plan::LinkModel,
};

/// What happens to frames.
const FRAME: Stream = Stream::new("frame");

/// Madsim's timers are not finer: frames are due at whole milliseconds, so that one wake-up serves many.
const GRAIN_US: u64 = 1_000;

/// The network between the nodes. Clones are the same network.
#[derive(Clone)]
pub struct SimNet {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    seed: Seed,
    started: Instant,
    state: Mutex<State>,
    /// Rung when a frame becomes due earlier than the pump expects.
    earlier: Notify,
}

struct State {
    base: LinkModel,
    links: BTreeMap<(NodeId, NodeId), Link>,
    /// Who is up, with the number of its incarnation.
    up: BTreeMap<NodeId, (u64, Option<Arc<dyn Inbound>>)>,
    incarnations: u64,
    /// The frames on their way, by when they are due and in which order they were sent.
    under_way: BTreeMap<(u64, u64), Frame>,
    serial: u64,
}

#[derive(Clone, Debug, Default)]
struct Link {
    frames: u64,
    /// How many partitions cut it.
    cuts: u32,
    /// Behaviours that faults have put on it; the latest counts.
    models: Vec<(u64, LinkModel)>,
}

struct Frame {
    from: NodeId,
    to: NodeId,
    bytes: Bytes,
}

impl SimNet {
    /// A network whose links behave like `base` until told otherwise.
    #[expect(
        clippy::disallowed_methods,
        reason = "the world's clock is virtual here"
    )]
    pub fn new(seed: impl Into<Seed>, base: LinkModel) -> Self {
        let state = State {
            base,
            links: BTreeMap::new(),
            up: BTreeMap::new(),
            incarnations: 0,
            under_way: BTreeMap::new(),
            serial: 0,
        };
        SimNet {
            inner: Arc::new(Inner {
                seed: seed.into(),
                started: Instant::now(),
                state: Mutex::new(state),
                earlier: Notify::new(),
            }),
        }
    }

    /// A process of `node` starts: its way out. What older processes of the node send is lost.
    pub fn boot(&self, node: NodeId) -> Arc<dyn Transport> {
        let mut state = self.inner.state.lock();
        state.incarnations += 1;
        let incarnation = state.incarnations;
        state.up.insert(node, (incarnation, None));
        drop(state);
        Arc::new(Port::new(self.inner.clone(), node, incarnation))
    }

    /// The way in of the running process of `node`.
    pub fn attach(&self, node: NodeId, inbound: Arc<dyn Inbound>) {
        if let Some((_, place)) = self.inner.state.lock().up.get_mut(&node) {
            *place = Some(inbound);
        }
    }

    /// The process of `node` ends. Answers its way in, for the caller to drop where that is safe.
    pub fn stop(&self, node: NodeId) -> Option<Arc<dyn Inbound>> {
        self.inner.state.lock().up.remove(&node)?.1
    }

    /// Cuts the link for frames `from` one node `to` another. Cuts add up.
    pub fn cut(&self, from: NodeId, to: NodeId) {
        self.inner.state.lock().link(from, to).cuts += 1;
    }

    /// Takes one cut back.
    pub fn mend(&self, from: NodeId, to: NodeId) {
        let mut state = self.inner.state.lock();
        let link = state.link(from, to);
        link.cuts = link.cuts.saturating_sub(1);
    }

    /// Whether a partition lies between two nodes, in one direction at least.
    pub fn is_cut(&self, a: NodeId, b: NodeId) -> bool {
        let mut state = self.inner.state.lock();
        [(a, b), (b, a)]
            .iter()
            .any(|(from, to)| state.link(*from, *to).cuts > 0)
    }

    /// Lets a link behave like `model`, on behalf of `owner`, until [`SimNet::restore`].
    pub fn degrade(&self, from: NodeId, to: NodeId, owner: u64, model: LinkModel) {
        let mut state = self.inner.state.lock();
        state.link(from, to).models.push((owner, model));
    }

    /// Takes back what `owner` did to a link.
    pub fn restore(&self, from: NodeId, to: NodeId, owner: u64) {
        let mut state = self.inner.state.lock();
        state.link(from, to).models.retain(|(who, _)| *who != owner);
    }

    /// Delivers frames when they are due. Runs for ever, on a node that never fails.
    pub async fn pump(self) {
        loop {
            let now = self.inner.now_us();
            while let Some((frame, inbound)) = self.inner.take_due(now) {
                inbound.deliver(frame.from, frame.bytes);
            }
            match self.inner.next_due() {
                None => self.inner.earlier.notified().await,
                Some(due) => {
                    let due = self.inner.started + Duration::from_micros(due);
                    tokio::select! {
                        biased;
                        () = self.inner.earlier.notified() => {}
                        () = tokio::time::sleep_until(due) => {}
                    }
                }
            }
        }
    }
}

impl Inner {
    #[expect(
        clippy::disallowed_methods,
        reason = "the world's clock is virtual here"
    )]
    fn now_us(&self) -> u64 {
        Instant::now().duration_since(self.started).as_micros() as u64
    }

    /// Takes a frame from a process and decides its fate.
    pub fn send(&self, from: NodeId, incarnation: u64, to: NodeId, bytes: Bytes) {
        let now = self.now_us();
        let mut state = self.state.lock();
        if !state.is_alive(from, incarnation) {
            return;
        }
        let first = state.under_way.keys().next().map(|(due, _)| *due);
        let mut earliest: Option<u64> = None;
        for (due, noise) in state.fates(self.seed.get(), from, to, now) {
            earliest = Some(earliest.map_or(due, |earliest| earliest.min(due)));
            state.serial += 1;
            let place = (due, state.serial);
            let bytes = match noise {
                None => bytes.clone(),
                Some(mut rng) => flip(&bytes, &mut rng),
            };
            state.under_way.insert(place, Frame { from, to, bytes });
        }
        drop(state);
        if earliest.is_some_and(|due| first.is_none_or(|first| due < first)) {
            self.earlier.notify_one();
        }
    }

    /// The next frame that is due and whose receiver is there; those without one vanish.
    fn take_due(&self, now: u64) -> Option<(Frame, Arc<dyn Inbound>)> {
        let mut state = self.state.lock();
        loop {
            let entry = state.under_way.first_entry()?;
            if entry.key().0 > now {
                return None;
            }
            let frame = entry.remove();
            if let Some((_, Some(inbound))) = state.up.get(&frame.to) {
                return Some((frame, inbound.clone()));
            }
        }
    }

    fn next_due(&self) -> Option<u64> {
        let state = self.state.lock();
        state.under_way.keys().next().map(|(due, _)| *due)
    }
}

impl State {
    fn is_alive(&self, node: NodeId, incarnation: u64) -> bool {
        (self.up.get(&node)).is_some_and(|(current, _)| *current == incarnation)
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        self.links.entry((from, to)).or_default()
    }

    /// When the next frame of a link arrives: never, once or twice; and what changes it on its way, if
    /// something does.
    fn fates(
        &mut self,
        seed: u64,
        from: NodeId,
        to: NodeId,
        now: u64,
    ) -> impl Iterator<Item = (u64, Option<Rng>)> + use<> {
        let base = self.base;
        let link = self.link(from, to);
        link.frames += 1;
        let mut rng = draw(seed, FRAME.of(from).of(to), link.frames);
        let model = link.models.last().map_or(base, |(_, model)| *model);
        let happens = |rng: &mut Rng, ppm: u32| rng.below(1_000_000) < u64::from(ppm);
        // Each frame has draws of its own, so that a cut does not shift those of others.
        let lost = happens(&mut rng, model.loss_ppm);
        let copies = 1 + usize::from(happens(&mut rng, model.duplicate_ppm));
        let mut arrivals = [0; 2];
        for due in &mut arrivals[..copies] {
            let mut delay = rng.between(model.delay_us_min, model.delay_us_max);
            if happens(&mut rng, model.detour_ppm) {
                delay += rng.between(0, model.detour_us_max);
            }
            *due = (now + delay).next_multiple_of(GRAIN_US);
        }
        let arrive = match lost || link.cuts > 0 {
            true => 0,
            false => copies,
        };
        arrivals.into_iter().take(arrive).map(move |due| {
            let noise = happens(&mut rng, model.corrupt_ppm).then(|| rng.fork("noise"));
            (due, noise)
        })
    }
}

/// `bytes` with some bits changed, mostly few.
fn flip(bytes: &Bytes, rng: &mut Rng) -> Bytes {
    let mut bytes = bytes.to_vec();
    let bits = 8 * bytes.len() as u64;
    for _ in 0..*rng.pick(&[1, 1, 2, 20]) {
        let bit = rng.below(bits.max(1)) as usize;
        if let Some(byte) = bytes.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
    }
    bytes.into()
}
