//! The cores know no runtime, no store and no network.

use std::path::{Path, PathBuf};

const FORBIDDEN: [&str; 9] = [
    "tokio",
    "ractor",
    "axum",
    "rusqlite",
    "fred",
    "scylla",
    "getrandom",
    "SystemTime",
    "Instant",
];

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_file() {
        found.push(path.to_owned());
    }
    for entry in std::fs::read_dir(path).into_iter().flatten() {
        let path = entry.expect("a readable folder").path();
        let is_test = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("tests"));
        if !is_test {
            sources(&path, found);
        }
    }
}

#[test]
fn core_is_pure() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let cores = [
        "room/state",
        "room/mentions.rs",
        "session/state",
        "session/state.rs",
        "session/order.rs",
        "access.rs",
        "draft.rs",
        "relay/state",
        "relay/state.rs",
    ];
    let mut files = Vec::new();
    for core in cores {
        sources(&src.join(core), &mut files);
    }
    assert!(
        files.len() >= 10,
        "the cores are where they are looked for: {files:?}"
    );
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a readable source");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let used = FORBIDDEN.iter().find(|word| code.contains(**word));
            assert_eq!(used, None, "{}:{}", file.display(), number + 1);
        }
    }
}
