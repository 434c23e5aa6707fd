//! Who the peers are, as both ends of every stream know it: it changes while they run.
//!
//! Whoever carries frames asks here: at the one end whom to call and what to say first ([`Directory::hello`]),
//! at the other whether to listen ([`Directory::greet`]), again whenever what it knows has changed. In
//! production that are the streams of `peers`; in the simulation it is its network.
//!
//! A node that was away while members came listens to them although it has heard of none: a server must take
//! entries and requests for votes from servers that are not in its latest list (Raft, dissertation §4.2.1), or a
//! majority that it belongs to could never elect. They must go by a list that was agreed on, and say where they are. A
//! founder that another founder does not have in its list is a mistake in a configuration, and refused.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use crate::{
    env::task::watch,
    machine::{Member, Members},
    rpc::proto::peer::Hello,
    types::NodeId,
};

/// Callers whose refusals are remembered, so that each is logged once.
const REFUSED_MAX: usize = 64;

/// Members that this node has not heard of and listens to.
const STRANGERS_MAX: usize = 16;

/// What a node knows of itself and its cluster, for both ends of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// The cluster's number.
    pub cluster: u64,
    /// This node.
    pub node: NodeId,
    /// What tells its data directory from every other.
    pub mark: u64,
    /// The digest of what the founders of a cluster must agree on, which is only compared as long as
    /// both sides know nothing newer; 0 of a node that does.
    pub agreement: u64,
    /// All members and where they listen for each other.
    pub members: Members,
    /// Members as a later list names them, which is in the log and not agreed on yet: they are
    /// called and listened to as well.
    pub expected: Members,
    /// Members as others named them. Of those whom the agreed list does not know yet, they are called and listened
    /// to as well: on the way through an old log a node meets old lists, and needs whoever sends it the rest.
    pub told: Members,
    /// Members that called and are in no list yet, as they say of themselves.
    pub strangers: Vec<Member>,
}

/// The addresses of a cluster's members. Clones are the same directory.
#[derive(Clone, Debug)]
pub struct Directory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    me: watch::Sender<Me>,
    /// Why peers will never listen to this node again, in their words.
    dismissed: watch::Sender<Option<String>>,
    /// By caller: why it was refused last.
    refused: Mutex<BTreeMap<u64, String>>,
}

/// Why a caller is not listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// In words, with both sides named.
    pub reason: String,
    /// Whether nothing will change that: the caller was removed, or has lost its disk.
    pub for_good: bool,
}

impl Directory {
    /// What a node knows when it starts.
    pub fn new(me: Me) -> Directory {
        Directory {
            shared: Arc::new(Shared {
                me: watch::channel(me).0,
                dismissed: watch::channel(None).0,
                refused: Mutex::default(),
            }),
        }
    }

    /// Replaces the members by those that the replicated state names: links to new ones are made,
    /// those to members that moved are made again, and those of removed ones end.
    pub fn learn(&self, members: &Members) {
        if self.shared.me.borrow().members == *members {
            return;
        }
        self.shared.me.send_modify(|me| {
            (me.members, me.agreement) = (members.clone(), 0);
            let is_news = |stranger: &Member| {
                members.get(stranger.id).is_none() && !members.was_removed(stranger.id)
            };
            me.strangers.retain(is_news);
        });
    }

    /// Calls and listens to these as well, beside those that are agreed on; nobody ends it.
    pub fn expect(&self, expected: Members) {
        if self.shared.me.borrow().expected != expected {
            self.shared.me.send_modify(|me| me.expected = expected);
        }
    }

    /// Calls and listens to these as well, as far as the list that is agreed on has not heard of them.
    pub fn hear(&self, told: Members) {
        if self.shared.me.borrow().told != told {
            self.shared.me.send_modify(|me| me.told = told);
        }
    }

    /// Where clients reach the members that are known, as far as those have said it.
    pub fn faces(&self) -> Vec<String> {
        let me = self.shared.me.borrow();
        me.known().map(|member| member.grpc.clone()).collect()
    }

    /// Waits until a peer says that this node cannot go on as a member; answers its words.
    pub async fn told_to_leave(&self) -> String {
        let mut dismissed = self.shared.dismissed.subscribe();
        match dismissed.wait_for(Option::is_some).await {
            Ok(said) => said.clone().unwrap_or_default(),
            Err(_) => unreachable!("this directory holds the other end"),
        }
    }

    /// Takes note that a peer said so.
    pub fn tell_to_leave(&self, said: &str) {
        self.shared.dismissed.send_replace(Some(said.to_owned()));
    }

    /// What this node says when it calls `to`.
    pub fn hello(&self, to: NodeId) -> Hello {
        self.shared.me.borrow().hello(to)
    }

    /// Whether this node calls `to`: it does if it knows where that is.
    pub fn calls(&self, to: NodeId) -> bool {
        let me = self.shared.me.borrow();
        to != me.node
            && me
                .known_as(to)
                .is_some_and(|member| !member.peer.is_empty())
    }

    /// What this node knows, to be watched.
    pub fn watch(&self) -> watch::Receiver<Me> {
        self.shared.me.subscribe()
    }

    /// Who says hello, or why it is not listened to. A refusal is logged if it is not the last one
    /// of this caller again. A member that this node has not heard of is called as well from now on.
    pub fn greet(&self, hello: &Hello) -> Result<NodeId, Refused> {
        let mut result = self.shared.me.borrow().check(hello);
        if result.is_err() && self.shared.me.borrow().stranger(hello).is_some() {
            // Looked at again under the lock: another stream of the same caller may be quicker.
            self.shared.me.send_modify(|me| {
                let stranger = me.stranger(hello);
                me.strangers.extend(stranger);
            });
            result = self.shared.me.borrow().check(hello);
        }
        let mut refused = self.shared.refused.lock();
        match &result {
            Ok(_) => drop(refused.remove(&hello.from)),
            Err(Refused { reason, .. }) => {
                if refused.get(&hello.from) != Some(reason) {
                    tracing::warn!("a stream was refused: {reason}");
                }
                if refused.len() < REFUSED_MAX || refused.contains_key(&hello.from) {
                    refused.insert(hello.from, reason.clone());
                }
            }
        }
        result
    }
}

impl Me {
    pub(super) fn hello(&self, to: NodeId) -> Hello {
        Hello {
            cluster: self.cluster,
            from: self.node.0,
            to: to.0,
            agreement: self.agreement,
            mark: self.mark,
            address: self
                .known_as(self.node)
                .map_or_else(String::new, |own| own.peer.clone()),
        }
    }

    /// Everybody who is called and listened to, from the list that counts least to the one that counts most: some
    /// are in several.
    fn known(&self) -> impl Iterator<Item = &Member> {
        let is_news = |member: &&Member| !self.members.was_removed(member.id);
        let told = self.told.iter().filter(is_news);
        let news = self.strangers.iter().chain(told);
        news.chain(self.members.iter()).chain(self.expected.iter())
    }

    /// A member as the list has it that counts most.
    fn known_as(&self, id: NodeId) -> Option<&Member> {
        let told = || self.told.get(id).filter(|_| !self.members.was_removed(id));
        let listed = self.expected.get(id).or_else(|| self.members.get(id));
        listed.or_else(told).or_else(|| self.stranger_as(id))
    }

    fn stranger_as(&self, id: NodeId) -> Option<&Member> {
        self.strangers.iter().find(|stranger| stranger.id == id)
    }

    /// The caller, if it may be a member that this node has not heard of yet.
    fn stranger(&self, hello: &Hello) -> Option<Member> {
        let id = NodeId(hello.from);
        let means_this = hello.cluster == self.cluster && hello.to == self.node.0;
        let is_news =
            id != self.node && self.known_as(id).is_none() && !self.members.was_removed(id);
        let goes_by_agreed_list = hello.agreement == 0 && !hello.address.is_empty();
        let has_room = self.strangers.len() < STRANGERS_MAX;
        (means_this && is_news && goes_by_agreed_list && has_room).then(|| Member {
            id,
            name: String::new(),
            peer: hello.address.clone(),
            grpc: String::new(),
            http: String::new(),
            started: true,
            mark: hello.mark,
        })
    }

    /// Where the others are reached; a member that has no address, or has given it up to the one
    /// that replaces it, is not.
    pub fn addresses(&self) -> BTreeMap<NodeId, String> {
        let others = self.known().filter(|member| member.id != self.node);
        let reachable = others.filter(|member| !member.peer.is_empty());
        reachable
            .map(|member| (member.id, member.peer.clone()))
            .collect()
    }

    /// Who says hello, or why it is not listened to.
    pub(super) fn check(&self, hello: &Hello) -> Result<NodeId, Refused> {
        let from = NodeId(hello.from);
        // Put into words only for a refusal: a simulated network asks for every frame.
        let me = || format!("node {} of cluster {:x}", self.node.0, self.cluster);
        let you = || format!("node {} of cluster {:x}", hello.from, hello.cluster);
        let refusal = |reason, for_good| Err(Refused { reason, for_good });
        let refused = |reason| refusal(reason, false);
        if hello.cluster != self.cluster {
            return refused(format!(
                "this is {}, but {} calls: correct `cluster` or the addresses",
                me(),
                you()
            ));
        }
        if hello.to != self.node.0 {
            return refused(format!(
                "this is {}, but {} looks for node {}: correct the addresses in `members`",
                me(),
                you(),
                hello.to
            ));
        }
        // A list that was configured may lack somebody by mistake; one that was agreed on does not.
        if self.agreement == 0 && self.members.was_removed(from) {
            let remedy =
                "to bring this machine back, empty its data directory and start it with --join";
            return refusal(
                format!("{} was removed from the cluster: {remedy}", you()),
                true,
            );
        }
        // Also from a list that is not agreed on yet: nobody but the member itself ever says its mark.
        let said = [&self.members, &self.expected].map(|members| members.get(from));
        let said = said.into_iter().chain([self.stranger_as(from)]);
        let mut marks = said.flatten().map(|member| member.mark);
        if marks.any(|mark| mark != 0 && mark != hello.mark) {
            let remedy =
                "empty its data directory and start it again, and it joins as a new member";
            let reason = format!(
                "{} has lost its disk, and with it what it promised: {remedy}",
                you()
            );
            return refusal(reason, true);
        }
        if from == self.node || self.known_as(from).is_none() {
            return refused(format!(
                "{} is not one of the peers of {}: add it with `sicli cluster add`, or correct `members`",
                you(),
                me()
            ));
        }
        let both = hello.agreement != 0 && self.agreement != 0;
        if both && hello.agreement != self.agreement {
            return refused(format!(
                "{} and {} disagree on who founds the cluster: make `members` the same",
                you(),
                me()
            ));
        }
        Ok(from)
    }
}
