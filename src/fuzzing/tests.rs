use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::TARGETS;

fn fuzz(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(path)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
    fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).map(name).collect()
}

#[test]
fn every_seed_and_all_that_was_found_passes_its_target() {
    for (name, target) in TARGETS {
        let mut seeds: Vec<_> =
            fs::read_dir(fuzz("seeds").join(name)).unwrap().map(|seed| seed.unwrap().path()).collect();
        seeds.sort();
        let mut accepted = 0;
        for seed in &seeds {
            // A panic says nothing of the file otherwise.
            eprintln!("{}", seed.display());
            accepted += usize::from(target(&fs::read(seed).unwrap()));
        }
        assert!((1..seeds.len()).contains(&accepted), "{name}: some get through and some don't: {accepted}");
    }
}

#[test]
fn every_target_takes_what_makes_no_sense() {
    let long = "a.".repeat(40_000);
    for (_, target) in TARGETS {
        for text in ["", "\0", "{", "{}\n{}\n", "\n", "....", "\u{fffd}", "&=&%", "[[[[", &long] {
            target(text.as_bytes());
        }
        target(&[0xff; 64]);
    }
}

#[test]
fn the_targets_that_cargo_fuzz_sees_are_these() {
    let known: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz("fuzz_targets")), known);
    assert_eq!(names(&fuzz("seeds")), known);
    let manifest = fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    for name in &known {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n")), "{name}");
        let source = fs::read_to_string(fuzz("fuzz_targets").join(format!("{name}.rs"))).unwrap();
        assert!(source.contains(&format!("run(\"{name}\", data)")), "{name} runs another");
    }
}
