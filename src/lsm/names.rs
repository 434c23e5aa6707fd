//! The names of the engine's files. Whatever has another name in its directory is not its own.

/// The list of what belongs to the database.
pub(super) const MANIFEST: &str = "manifest";

/// A manifest that is being written and will be renamed.
pub(super) const MANIFEST_NEW: &str = "manifest.new";

const TABLE_SUFFIX: &str = ".table";

/// What a name in the directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// The manifest.
    Manifest,
    /// A manifest that did not get its name.
    ManifestNew,
    /// The table of this id.
    Table(u64),
}

impl Name {
    /// The id, if it is the name of a table.
    pub(super) fn table(self) -> Option<u64> {
        match self {
            Name::Table(id) => Some(id),
            Name::Manifest | Name::ManifestNew => None,
        }
    }
}

/// The file of a table.
pub(super) fn table(id: u64) -> String {
    format!("{id:012}{TABLE_SUFFIX}")
}

/// What a name stands for; none for a name that the engine does not give.
pub(super) fn parse(name: &str) -> Option<Name> {
    match name {
        MANIFEST => Some(Name::Manifest),
        MANIFEST_NEW => Some(Name::ManifestNew),
        _ => {
            let id = name.strip_suffix(TABLE_SUFFIX)?.parse().ok()?;
            (table(id) == name).then_some(Name::Table(id))
        }
    }
}

/// A file in a directory; the empty directory is the disk's root.
pub(super) fn path(dir: &str, name: &str) -> String {
    match dir {
        "" => name.to_owned(),
        _ => format!("{dir}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_the_engine_gives_are_its_own() {
        assert_eq!(parse("000000000042.table"), Some(Name::Table(42)));
        assert_eq!(
            parse("9999999999999.table"),
            Some(Name::Table(9_999_999_999_999))
        );
        assert_eq!(parse("manifest"), Some(Name::Manifest));
        for foreign in [
            "42.table",
            "+00000000042.table",
            "00000000042.table.bak",
            "manifest/",
            "",
        ] {
            assert_eq!(parse(foreign), None, "{foreign}");
        }
    }
}
