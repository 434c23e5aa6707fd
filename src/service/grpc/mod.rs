//! The gRPC face: the part of etcd's v3 protocol in `proto/etcd/rpc.proto`, so that etcdctl and
//! etcd's client libraries work unchanged.
//!
//! One struct per service, each over a [`Face`], which knows what all answers have in common.
//! Requests and answers are translated in [`rpc::etcd`](crate::rpc::etcd); errors become codes and
//! messages in `errors`. The same code runs under the simulation, where its clients call it
//! through madsim's gRPC.
//!
//! Beyond etcd, a request may carry two metadata keys, [`CLIENT_ID`](crate::rpc::etcd::CLIENT_ID) and
//! [`SEQUENCE`](crate::rpc::etcd::SEQUENCE), and is then done once; and errors carry a mark if the request was
//! certainly not done ([`is_not_done`](crate::rpc::etcd::is_not_done)).
//!
//! Left out: the services that etcd has and we do not serve yet (watch, lease, auth), whose
//! methods answer UNIMPLEMENTED.

mod cluster;
mod errors;
mod face;
mod kv;
mod maintenance;

pub use cluster::ClusterService;
pub use face::Face;
pub use kv::KvService;
pub use maintenance::MaintenanceService;
