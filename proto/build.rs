//! Compiles the .proto files without an installed protoc. The two packages that share `src/`
//! share this script too: paths are resolved from whichever manifest runs it.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script runs outside every simulation"
)]

use std::path::PathBuf;

/// Every .proto file with a message or service of its own, relative to `proto/`.
const FILES: [&str; 3] = ["etcd/kv.proto", "etcd/rpc.proto", "peer.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let manifest = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let proto = [manifest.join("proto"), manifest.join("../../proto")]
        .into_iter()
        .find(|dir| dir.join(FILES[0]).exists())
        .ok_or("no proto/ directory beside the manifest or two floors up")?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let descriptors = out.join("descriptors.bin");
    let set = protox::compile(FILES, [&proto])?;
    std::fs::write(&descriptors, protox::prost::Message::encode_to_vec(&set))?;
    println!("cargo:rerun-if-changed={}", proto.display());
    madsim_tonic_build::configure()
        .file_descriptor_set_path(&descriptors)
        .skip_protoc_run()
        // It would name the files relative to the manifest, where they are not, and cargo would
        // build everything anew every time. The directory is named above.
        .emit_rerun_if_changed(false)
        .bytes(["."])
        .compile_protos(&FILES, &[proto.to_string_lossy().as_ref()])?;
    // The real half once more: its buffers are ours.
    tonic_prost_build::configure()
        .file_descriptor_set_path(&descriptors)
        .skip_protoc_run()
        .emit_rerun_if_changed(false)
        .bytes(".")
        .codec_path("crate::rpc::Buffered")
        .compile_protos(&FILES, &[proto.to_string_lossy().as_ref()])?;
    Ok(())
}
