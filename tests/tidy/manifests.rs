//! The two dependency lists.

use toml::{Table, Value};

use crate::{none, root};

/// Dependencies of the root package that its twin must not have: what exists in production alone.
const PRODUCTION_ONLY: [&str; 9] = [
    "axum",
    "clap",
    "hdrhistogram",
    "indicatif",
    "mimalloc",
    "prometheus-client",
    "tokio-stream",
    "tonic-health",
    "tracing-subscriber",
];

/// Dependencies that the twin has under the same name but from another package.
const RENAMED: [&str; 2] = ["tokio", "tonic"];

fn manifest(path: &str) -> Table {
    std::fs::read_to_string(root().join(path))
        .unwrap()
        .parse()
        .unwrap()
}

/// A dependency with its parts in one form: version, features.
fn parts(dependency: &Value) -> (Option<&str>, Vec<&str>) {
    let features = dependency.get("features").and_then(Value::as_array);
    let features = features
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let version = dependency
        .as_str()
        .or_else(|| dependency.get("version")?.as_str());
    (version, features)
}

/// What is wrong between the dependency lists of the product and its twin.
fn differences(product: &Table, twin: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for (name, dependency) in product {
        let only_here = PRODUCTION_ONLY.contains(&&name[..]);
        match twin.get(name) {
            None if only_here => {}
            None => found.push(format!("{name} is missing in the twin")),
            Some(_) if only_here => found.push(format!("{name} is for production alone")),
            Some(other) if RENAMED.contains(&&name[..]) => {
                // The simulated tonic has no features to choose.
                if name == "tokio" && parts(dependency).1 != parts(other).1 {
                    found.push(format!("{name} has other features in the twin"));
                }
            }
            Some(other) if dependency != other => {
                found.push(format!(
                    "{name} is {dependency} here and {other} in the twin"
                ));
            }
            Some(_) => {}
        }
    }
    let extra = twin
        .keys()
        .filter(|name| *name != "madsim" && !product.contains_key(*name));
    found.extend(extra.map(|name| format!("{name} is in the twin alone")));
    found
}

#[test]
fn the_product_and_its_twin_depend_on_the_same() {
    let (product, twin) = (manifest("Cargo.toml"), manifest("sim/product/Cargo.toml"));
    let list = |manifest: &Table, name: &str| manifest[name].as_table().unwrap().clone();
    let found = differences(
        &list(&product, "dependencies"),
        &list(&twin, "dependencies"),
    );
    none(
        &found,
        "sim/product/Cargo.toml repeats the list of Cargo.toml",
    );
    for name in PRODUCTION_ONLY {
        assert!(
            product["dependencies"].get(name).is_some(),
            "{name} is used no more"
        );
    }
    for name in RENAMED {
        assert!(
            twin["dependencies"][name].get("package").is_some(),
            "{name} is renamed"
        );
    }
    assert_eq!(product["build-dependencies"], twin["build-dependencies"]);
    assert_eq!(product["package"]["edition"], twin["package"]["edition"]);
}

#[test]
fn a_difference_between_the_twins_is_found() {
    let table = |text: &str| text.parse::<Table>().unwrap();
    let product =
        table("bytes = \"1\"\naxum = \"1\"\ntokio = { version = \"1\", features = [\"rt\"] }");
    let twin = "bytes = \"1\"\ntokio = { package = \"madsim-tokio\", features = [\"rt\"] }\nmadsim = \"1\"";
    assert_eq!(differences(&product, &table(twin)), Vec::<String>::new());
    for (from, to) in [
        ("bytes = \"1\"", "bytes = \"2\""),
        ("bytes = \"1\"", ""),
        ("[\"rt\"]", "[]"),
        ("madsim = \"1\"", "axum = \"1\""),
        ("madsim = \"1\"", "rand = \"1\""),
    ] {
        assert_eq!(
            differences(&product, &table(&twin.replacen(from, to, 1))).len(),
            1,
            "{from}"
        );
    }
}
