//! Results: one JSON line per run, and a table per workload.

use crate::machine;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// One measured run of one case.
#[derive(Clone, Debug)]
pub struct Run {
    pub workload: &'static str,
    pub case: String,
    pub repeat: usize,
    /// Name and value, in the order of the table's columns.
    pub figures: Vec<(&'static str, f64)>,
    /// Everything else that a reader may want.
    pub details: Value,
    /// Empty if the run counts; else why it does not.
    pub reasons: Vec<String>,
}

/// All runs of one call.
pub struct Report {
    machine: Value,
    runs: Vec<Run>,
    parameters: Value,
}

impl Report {
    pub fn new(parameters: Value) -> Self {
        Self {
            machine: machine::describe(),
            runs: Vec::new(),
            parameters,
        }
    }

    pub fn add(&mut self, run: Run) {
        eprintln!(
            "{} {} #{}: {:?} {:?}",
            run.workload, run.case, run.repeat, run.figures, run.reasons
        );
        self.runs.push(run);
    }

    pub fn len(&self) -> usize {
        self.runs.len()
    }

    pub fn invalid(&self) -> usize {
        self.runs
            .iter()
            .filter(|run| !run.reasons.is_empty())
            .count()
    }

    /// Appends the runs to `runs.jsonl` and writes `summary.md`.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut lines = String::new();
        for run in &self.runs {
            let figures: serde_json::Map<String, Value> = run
                .figures
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect();
            let line = json!({
                "schema": 1, "workload": run.workload, "case": run.case, "repeat": run.repeat,
                "params": self.parameters, "machine": self.machine, "figures": figures,
                "details": run.details, "valid": run.reasons.is_empty(), "reason": run.reasons,
            });
            // Writing to a string cannot fail.
            writeln!(lines, "{line}").ok();
        }
        std::fs::write(folder.join("runs.jsonl"), lines)?;
        std::fs::write(folder.join("summary.md"), self.summary())
    }

    /// Medians with [min–max], a table per workload.
    pub fn summary(&self) -> String {
        let mut text = format!("# Figures of {}\n\n", jiff::Zoned::now().date());
        for (name, value) in self.machine.as_object().into_iter().flatten() {
            writeln!(
                text,
                "- {name}: {}",
                value.as_str().map_or(value.to_string(), str::to_owned)
            )
            .ok();
        }
        let mut workloads: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
        for run in &self.runs {
            workloads.entry(run.workload).or_default().push(run);
        }
        for (workload, runs) in workloads {
            writeln!(text, "\n## {workload}\n").ok();
            table(&mut text, &runs);
        }
        text
    }
}

fn table(text: &mut String, runs: &[&Run]) {
    let mut cases: Vec<&str> = Vec::new();
    for run in runs {
        if !cases.contains(&run.case.as_str()) {
            cases.push(&run.case);
        }
    }
    for case in cases {
        let of_case: Vec<&&Run> = runs.iter().filter(|run| run.case == case).collect();
        let sound: Vec<&&&Run> = of_case
            .iter()
            .filter(|run| run.reasons.is_empty())
            .collect();
        writeln!(
            text,
            "### {case} ({} of {} runs count)\n",
            sound.len(),
            of_case.len()
        )
        .ok();
        for run in of_case.iter().filter(|run| !run.reasons.is_empty()) {
            writeln!(
                text,
                "- run {} does not count: {}",
                run.repeat,
                run.reasons.join("; ")
            )
            .ok();
        }
        if let Some(first) = sound.first() {
            text.push_str("| figure | median | min | max |\n|---|---|---|---|\n");
            for (at, (name, _)) in first.figures.iter().enumerate() {
                let mut values: Vec<f64> = sound.iter().map(|run| run.figures[at].1).collect();
                values.sort_by(f64::total_cmp);
                let median = values[values.len() / 2];
                let (min, max) = (values[0], values[values.len() - 1]);
                writeln!(text, "| {name} | {median:.3} | {min:.3} | {max:.3} |").ok();
            }
            text.push('\n');
        }
    }
}

/// The value below which `part` (0..1) of the values lie, in milliseconds, of microseconds.
pub fn percentile(values: &mut [u32], part: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_unstable();
    let at = ((values.len() - 1) as f64 * part).round() as usize;
    f64::from(values[at]) / 1e3
}
