//! House rules that a compiler cannot hold.

use std::fs;
use std::path::{Path, PathBuf};

/// A newcomer reads a file in one go, tests like everything else.
const LINES_MAX: usize = 400;

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    files(folder, &["rs"])
}

fn files(folder: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(&folder).expect("a folder of the repository") {
            let path = item.expect("an item").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|end| ends.iter().any(|wanted| end == *wanted))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lines of the program itself: not the comments, not the tests inside the file.
fn program_lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a source file");
    let whole = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    whole.lines().map(str::to_owned).collect()
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part.contains("test") || part == "conformance" || part == "fuzz"
    })
}

#[test]
fn the_cores_import_nothing_that_waits_or_stores() {
    let mut cores = vec![root().join("src/access.rs")];
    for folder in [
        "src/room/state",
        "src/session/state",
        "src/cluster/state",
        "src/shelf/state",
    ] {
        let folder = root().join(folder);
        if folder.is_dir() {
            cores.extend(rust_files(&folder));
        } else {
            cores.push(folder.with_extension("rs"));
        }
    }
    assert!(cores.len() > 3, "the cores moved: {cores:?}");
    for core in cores.iter().filter(|path| !is_test(path)) {
        for line in program_lines(core) {
            let code = line.split("//").next().unwrap_or_default();
            for outside in [
                "tokio",
                "ractor",
                "axum",
                "rusqlite",
                "std::thread",
                "SystemTime",
            ] {
                assert!(!code.contains(outside), "{}: {line}", core.display());
            }
        }
    }
}

#[test]
fn every_source_file_can_be_read_in_one_go() {
    let mut all = Vec::new();
    for (folder, ends) in [
        ("src", ["rs"].as_slice()),
        ("bench/src", &["rs"]),
        ("tests", &["rs"]),
        ("templates", &["html", "txt"]),
        ("static/js", &["js", "ts"]),
    ] {
        let found = files(&root().join(folder), ends);
        assert!(!found.is_empty(), "{folder} moved");
        all.extend(found);
    }
    let text = |path: &PathBuf| fs::read_to_string(path).expect("a source file");
    let long = |path: &&PathBuf| text(path).lines().count() > LINES_MAX;
    let long: Vec<&PathBuf> = all.iter().filter(long).collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines: {long:?}");
}

/// Who waits for something looks again and again (`src/testing/poll.rs`), or lets a clock that
/// stands still move on.
#[test]
fn nothing_waits_by_sleeping_in_a_test() {
    let mut files = rust_files(&root().join("tests"));
    files.extend(
        rust_files(&root().join("src"))
            .into_iter()
            .filter(|path| is_test(path)),
    );
    // The faults of a chaos run last as long as its plan says; who was not answered asks again; whose
    // connection is measured comes back after the pause that a browser makes; a measured writer has a pace, and a
    // measured outage its length.
    let may = [
        "src/testing/poll.rs",
        "tests/chaos/crowd.rs",
        "tests/chaos/main.rs",
        "tests/chaos/outage.rs",
        "tests/chaos/recovery.rs",
        "tests/chaos/revoke.rs",
        "tests/kill9/conductor.rs",
        "tests/tidy.rs",
    ];
    for path in files {
        let text = fs::read_to_string(&path).expect("a source file");
        assert!(
            !text.contains(concat!("thread::", "sleep")),
            "{} sleeps",
            path.display()
        );
        let waits = text.lines().any(|line| {
            let mut calls = line.match_indices("sleep(");
            calls.any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        });
        let stands_still = text.contains("start_paused = true") && !text.contains("#[tokio::test]");
        assert!(
            !waits || stands_still || may.iter().any(|may| path.ends_with(may)),
            "{} lets real time pass",
            path.display()
        );
    }
}

/// What went wrong in other chat servers (RELIABILITY.md §5.9): tried by tests whose names begin with
/// the id, or by a story of the browser that names it, or waiting for the feature that it needs.
const THREATS: [(&str, Option<&str>); 37] = [
    ("t01", None),
    ("t02", Some("guests")),
    ("t03", None),
    ("t04", None),
    ("t05", None),
    ("t06", Some("archived rooms")),
    ("t07", Some("files")),
    ("t08", None),
    ("t09", None),
    ("t10", None),
    ("t11", None),
    ("t12", None),
    ("t13", Some("search and guests")),
    ("t14", None),
    ("t15", None),
    ("t16", None),
    ("t17", None),
    ("t18", None),
    ("t19", None),
    ("t20", Some("sign-in with another provider")),
    ("t21", None),
    ("t22", None),
    ("t23", None),
    ("t24", None),
    ("t25", None),
    ("t26", None),
    ("t27", Some("link previews")),
    ("t28", Some("link previews")),
    ("t29", Some("files")),
    ("t30", Some("files")),
    ("t31", Some("files")),
    ("t32", None),
    ("t33", None),
    ("t34", None),
    ("t35", None),
    ("t36", None),
    ("t37", None),
];

#[test]
fn every_threat_is_tried_or_waits_for_its_feature() {
    let mut names = String::new();
    for path in rust_files(&root().join("src")) {
        names += &fs::read_to_string(&path).expect("a source file");
    }
    let mut stories = String::new();
    for file in fs::read_dir(root().join("browser/stories")).expect("the stories") {
        let path = file.expect("an entry").path();
        stories += &fs::read_to_string(path).expect("a story");
    }
    for (number, (id, waits_for)) in THREATS.iter().enumerate() {
        assert_eq!(*id, format!("t{:02}", number + 1));
        let is_tried = names.contains(&format!("fn {id}_"))
            || stories.contains(&format!("({})", id.to_uppercase()));
        match waits_for {
            None => assert!(is_tried, "{id} has no test"),
            Some(feature) => assert!(!is_tried, "{id} waits for {feature} no more: say so here"),
        }
    }
}
