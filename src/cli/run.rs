//! The commands themselves: read, compute, print.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::{Experiment, Failure, Figure, Format, Script, Theme};
use crate::export;
use crate::figure::{self, paper};
use crate::solve::{ExactSolver, Run, sweep as sweeps, verdict as verdicts};
use crate::spec::{LossSpec, Preset, Problem, Spec, SpecError, limit};
use crate::story;
use crate::trace::Trace;

pub fn minimise(e: &Experiment) -> Result<(), Failure> {
    let (_, problem) = load(&e.spec)?;
    let bar = progress(problem.losses.len() as u64);
    let found: Vec<_> = problem
        .losses
        .iter()
        .map(|l| {
            let minimisers = ExactSolver::new(&problem, *l).solve();
            bar.inc(1);
            (*l, minimisers)
        })
        .collect();
    bar.finish_and_clear();
    print(e, || export::minimisers(&problem, &found), || Some(export::minimisers_csv(&problem, &found)))
}

pub fn train(e: &Experiment) -> Result<(), Failure> {
    let (spec, problem) = load(&e.spec)?;
    allowed(spec.check_training())?;
    let problem = Arc::new(problem);
    let runs: Vec<Run> = (0..problem.losses.len()).map(|k| Run::new(Arc::clone(&problem), k)).collect();
    let bar = progress(runs.iter().map(Run::steps).sum());
    let traces: Vec<(LossSpec, Trace)> =
        runs.into_iter().zip(&problem.losses).map(|(run, loss)| (*loss, record(run, &problem, &bar))).collect();
    bar.finish_and_clear();
    print(e, || export::runs(&problem, &traces), || Some(export::runs_csv(&problem, std::slice::from_ref(&traces))))
}

/// Steps between two looks at the progress bar.
const CHUNK: u64 = 10_000;

fn record(mut run: Run, problem: &Problem, bar: &ProgressBar) -> Trace {
    let mut trace = Trace::new(problem.prompts.len() * problem.actions());
    while !run.is_done() {
        let before = run.step();
        if let Some(snapshot) = run.advance(CHUNK) {
            trace.push(&snapshot);
        }
        bar.inc(run.step() - before);
    }
    trace
}

pub fn sweep(e: &Experiment) -> Result<(), Failure> {
    let (spec, problem) = load(&e.spec)?;
    allowed(spec.check_sweep())?;
    let bar = progress((problem.losses.len() * spec.sweep.points) as u64);
    let series: Vec<_> =
        problem.losses.iter().map(|l| sweeps::series_told(&problem, *l, &spec.sweep, || bar.inc(1))).collect();
    bar.finish_and_clear();
    print(
        e,
        || export::sweep(&problem, &spec.sweep, &series),
        || Some(export::sweep_csv(&problem, &spec.sweep, &series)),
    )
}

pub fn verdict(e: &Experiment) -> Result<(), Failure> {
    if e.format == Format::Csv {
        return Err(Failure::input("verdict has no table form; leave out --format csv"));
    }
    let (spec, problem) = load(&e.spec)?;
    allowed(spec.check_sweep())?;
    let bar = progress(problem.losses.len() as u64);
    let list: Vec<_> = problem
        .losses
        .iter()
        .map(|l| {
            let verdict = verdicts::verdict(&problem, *l, &spec.sweep);
            bar.inc(1);
            verdict
        })
        .collect();
    bar.finish_and_clear();
    print(e, || export::verdicts(&list), || None)
}

pub fn figure(f: &Figure) -> Result<(), Failure> {
    let ending = f.out.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    if ending != "svg" && ending != "png" {
        let got = f.out.display();
        return Err(Failure::input(format!("--out {got}: must end in .svg or .png")));
    }
    let spec = match &f.spec {
        Some(path) => Some(load(path)?.0),
        None => None,
    };
    let theme = match f.theme {
        Theme::Light => figure::Theme::light(),
        Theme::Dark => figure::Theme::dark(),
    };
    let bar = turning(f.number.work());
    let svg = allowed(paper::svg(f.number, spec.as_ref(), &theme))?;
    bar.finish_and_clear();
    let bytes = if ending == "svg" { svg.into_bytes() } else { png(&svg, f.scale)? };
    write(Some(&f.out), &bytes)
}

/// Renders the drawing's own SVG, so that both files show the same.
fn png(svg: &str, scale: f32) -> Result<Vec<u8>, Failure> {
    use resvg::{tiny_skia, usvg};
    let mut options = usvg::Options::default();
    options.fontdb_mut().load_system_fonts();
    if options.fontdb.is_empty() {
        return Err(Failure::system(
            "no fonts are installed, so a PNG would lack its text; install some (Debian: fonts-dejavu-core) or write .svg",
        ));
    }
    figure::fonts(options.fontdb_mut());
    let failed = |e: &dyn std::fmt::Display| Failure::system(format!("the drawing could not be rendered: {e}"));
    let tree = usvg::Tree::from_str(svg, &options).map_err(|e| failed(&e))?;
    let size = tree.size();
    let (w, h) = ((size.width() * scale).round() as u32, (size.height() * scale).round() as u32);
    let mut pixels = tiny_skia::Pixmap::new(w, h).ok_or_else(|| failed(&"its size is zero"))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| failed(&e))
}

pub fn preset(name: Option<&str>, out: Option<&Path>) -> Result<(), Failure> {
    let Some(name) = name else {
        let list: String = Preset::ALL.iter().map(|p| format!("{:<24}{}\n", p.key(), p.title())).collect();
        return write(out, list.as_bytes());
    };
    write(out, export::spec(&named(name)?.spec()).as_bytes())
}

fn named(preset: &str) -> Result<Preset, Failure> {
    Preset::from_key(preset).ok_or_else(|| {
        let names = Preset::ALL.map(Preset::key).join(", ");
        Failure::input(format!("preset {preset} is not known, the presets are {names}"))
    })
}

pub fn script(s: &Script) -> Result<(), Failure> {
    let (spec, problem) = match (&s.spec, &s.preset) {
        (Some(path), _) => load(path)?,
        (None, Some(name)) => resolved(named(name)?.spec())?,
        (None, None) => return Err(Failure::input("script needs an experiment: give a file, -, or --preset NAME")),
    };
    allowed(spec.check_training())?;
    write(s.out.as_deref(), export::script(&spec, &problem).as_bytes())
}

/// Checks every step of the tour, and tells all that is wrong, a line a file.
pub fn story(folder: &Path) -> Result<(), Failure> {
    let unread = |e: std::io::Error| {
        Failure::input(format!("{} could not be read: {e}; give the folder that holds the tour", folder.display()))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.extension().is_some_and(|e| e == "md") && path.file_stem().is_some_and(|s| s != "README") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::input(format!("{} holds no step; give the folder that holds the tour", folder.display())));
    }
    let (mut lines, mut faults) = (String::new(), Vec::new());
    for path in &files {
        let name = path.display().to_string();
        match story::parse(&name, &read(path)?) {
            Ok(step) => lines.push_str(&format!("{name}: {}\n", story::plain(&step.title))),
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    if faults.is_empty() { write(None, lines.as_bytes()) } else { Err(Failure::input(faults.join("\n"))) }
}

fn load(path: &Path) -> Result<(Spec, Problem), Failure> {
    let text = read(path)?;
    resolved(allowed(Spec::from_text(&text))?)
}

fn resolved(spec: Spec) -> Result<(Spec, Problem), Failure> {
    let problem = allowed(Problem::new(&spec))?;
    Ok((spec, problem))
}

fn allowed<T>(read: Result<T, SpecError>) -> Result<T, Failure> {
    read.map_err(|e| Failure::input(e.to_string()))
}

/// Reads one byte more than is allowed, so that the limit is noticed without reading a whole device.
fn read(path: &Path) -> Result<String, Failure> {
    let most = limit::INPUT_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|f| f.take(most).read_to_end(&mut bytes))
    };
    read.map_err(|e| Failure::input(format!("{name} could not be read: {e}; give a file that exists, or -")))?;
    if bytes.len() > limit::INPUT_BYTES {
        let allowed = limit::INPUT_BYTES >> 20;
        return Err(Failure::input(format!(
            "{name} is larger than the {allowed} MiB that an experiment file may have; give fewer prompts, actions or counts"
        )));
    }
    String::from_utf8(bytes).map_err(|_| Failure::input(format!("{name} is not UTF-8 text; save it as UTF-8")))
}

fn print(e: &Experiment, json: impl Fn() -> Value, csv: impl Fn() -> Option<String>) -> Result<(), Failure> {
    let table = if e.format == Format::Csv { csv() } else { None };
    let out = table.unwrap_or_else(|| text(&json()));
    write(e.out.as_deref(), out.as_bytes())
}

/// One line: results are for programs, and a run holds thousands of numbers.
fn text(value: &Value) -> String {
    format!("{value}\n")
}

/// Writes to a file, or to standard output. A reader that closed the pipe had enough.
pub fn write(path: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
    match path {
        Some(path) => std::fs::write(path, bytes)
            .map_err(|e| Failure::system(format!("{} could not be written: {e}", path.display()))),
        None => match std::io::stdout().lock().write_all(bytes) {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Failure::system(format!("standard output could not be written: {e}")))
            }
            _ => Ok(()),
        },
    }
}

/// A bar on standard error where that is a terminal, hidden elsewhere.
pub fn progress(length: u64) -> ProgressBar {
    shown(ProgressBar::new(length), "{spinner} {wide_bar} {percent}% after {elapsed}")
}

/// What is under way, where its share is not known.
fn turning(work: &'static str) -> ProgressBar {
    shown(ProgressBar::new_spinner().with_message(work), "{spinner} {msg}, {elapsed}")
}

fn shown(bar: ProgressBar, template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = bar.with_style(style);
    // It turns while one step of the work takes long, too.
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}
