//! Libraries that somebody else has compiled. A scratch tree has a target of its own, because cargo
//! would take its packages for those of the repository; but the libraries that both need are the same,
//! and to compile them again takes longer than all the rest.
//!
//! Files are linked and not copied where nobody writes into them: compilers and linkers put a new
//! file in the place of an old one. What cargo itself writes over is copied, with its time.

use std::path::Path;

use super::files;

/// What our own packages are called: they differ in the scratch tree.
const OURS: [&str; 2] = ["sisyphus", "libsisyphus"];

/// Compiled libraries; programs are not worth it.
const COMPILED: [&str; 3] = ["rlib", "rmeta", "so"];

/// Takes the libraries over from one folder of a target (such as `target/debug`) into another one that
/// is not there yet. Nothing is done if there is nothing to take, or something there already.
pub(super) fn borrow(from: &Path, to: &Path) -> Result<(), String> {
    if to.exists() || !from.join(".fingerprint").exists() {
        return Ok(());
    }
    for part in [".fingerprint", "build", "deps"] {
        for file in files::below(&from.join(part))? {
            let first = file.iter().next().unwrap_or_default().to_string_lossy();
            if OURS.iter().any(|name| first.starts_with(name)) {
                continue;
            }
            let (old, new) = (from.join(part).join(&file), to.join(part).join(&file));
            let ending = file.extension().unwrap_or_default().to_string_lossy();
            let is_compiled = COMPILED.contains(&&*ending);
            match part {
                "deps" if is_compiled => files::link(&old, &new)?,
                "deps" if ending != "d" => {}
                _ => files::copy_with_time(&old, &new)?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_taken_over_and_our_own_packages_are_not() {
        let place = std::env::temp_dir().join(format!("borrow-{}", std::process::id()));
        let (from, to) = (place.join("from"), place.join("to"));
        for name in [
            ".fingerprint/bytes-1/lib-bytes",
            ".fingerprint/sisyphus-2/lib-sisyphus",
            "deps/libbytes-1.rlib",
            "deps/bytes-1.d",
            "deps/libsisyphus-2.rlib",
            "deps/seeds-3",
        ] {
            files::write(&from.join(name), b"x").unwrap();
        }
        borrow(&from, &to).unwrap();
        let mut taken = files::below(&to).unwrap();
        taken.sort();
        let names = ["bytes-1/lib-bytes", "bytes-1.d", "libbytes-1.rlib"];
        assert_eq!(taken.len(), names.len(), "{taken:?}");
        assert!(
            taken
                .iter()
                .zip(names)
                .all(|(path, name)| path.ends_with(name))
        );
        // What is there stays.
        files::write(&from.join("deps/libnew-4.rlib"), b"x").unwrap();
        borrow(&from, &to).unwrap();
        assert_eq!(files::below(&to).unwrap().len(), names.len());
        files::remove_all(&place);
    }
}
