//! From a file to a spec, or to everything that is wrong with it.

use crate::build;
use crate::check;
use crate::problem::Problem;
use crate::read::Reader;
use crate::report::{Diagnostic, Report};
use crate::table::ROOT;
use plimsoll_model::Spec;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Largest file that is read, in bytes. A thousand services in full take a quarter of it.
pub const FILE_SIZE_MAX: u64 = 1 << 20;

/// Syntax errors that are kept: those after the first few mostly follow from them.
const SYNTAX_ERRORS_MAX: usize = 20;

/// A spec that holds, and what is doubtful about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The spec; its paths are absolute where the directory was.
    pub spec: Spec,
    /// Warnings; empty where there is nothing to say.
    pub warnings: Report,
    /// The directory that relative paths of the file are relative to.
    pub source_dir: PathBuf,
}

/// Reads and checks a spec file. Files that it names (recorded demand) must exist.
///
/// # Errors
/// A [`Report`] of all that is wrong: the file cannot be read, is larger than [`FILE_SIZE_MAX`], is no UTF-8 or TOML, or
/// says something that does not hold.
pub fn load(path: &Path) -> Result<Loaded, Report> {
    let file = path.display().to_string();
    // A spec holds its paths as text; a lossy one would name another file.
    if folder(path).to_str().is_none() {
        let reason = "the path of its folder is not UTF-8".to_owned();
        return Err(Report::new(&file, "", vec![whole_file(Problem::Unreadable { reason })]));
    }
    let text = read(path, &file)?;
    check_text(&file, &text, &folder(path), true)
}

/// Checks the text of a spec as if it stood in the file `path`, without looking at any file. `path` is what the report
/// calls it, and its folder is what relative paths are relative to.
///
/// # Errors
/// A [`Report`] of all that is wrong with it.
pub fn parse(text: &str, path: &Path) -> Result<Loaded, Report> {
    let file = path.display().to_string();
    if let Some(report) = too_large(&file, text) {
        return Err(report);
    }
    check_text(&file, text, &folder(path), false)
}

/// What is wrong with a text that is too large.
pub(crate) fn too_large(file: &str, text: &str) -> Option<Report> {
    let is_over = u64::try_from(text.len()).is_ok_and(|size| size > FILE_SIZE_MAX);
    is_over.then(|| Report::new(file, "", vec![whole_file(Problem::TooLarge { max: FILE_SIZE_MAX })]))
}

/// The folder of a file, absolute, so that it still means the same when the working directory changes.
pub(crate) fn folder(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    whole.parent().unwrap_or(Path::new("/")).to_path_buf()
}

fn whole_file(problem: Problem) -> Diagnostic {
    Diagnostic { problem, field: String::new(), span: None, related: None }
}

pub(crate) fn read(path: &Path, file: &str) -> Result<String, Report> {
    let refused = |problem| Report::new(file, "", vec![whole_file(problem)]);
    let unreadable = |error: std::io::Error| refused(Problem::Unreadable { reason: error.to_string() });
    let mut content = Vec::new();
    // One byte more than allowed tells a full file from a larger one, and bounds what a device or pipe can send.
    File::open(path).map_err(unreadable)?.take(FILE_SIZE_MAX + 1).read_to_end(&mut content).map_err(unreadable)?;
    if u64::try_from(content.len()).is_ok_and(|size| size > FILE_SIZE_MAX) {
        return Err(refused(Problem::TooLarge { max: FILE_SIZE_MAX }));
    }
    String::from_utf8(content).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(offset).copied().unwrap_or_default();
        let span = Some(offset..offset + 1);
        let diagnostic = Diagnostic { span, ..whole_file(Problem::NotUtf8 { byte, offset }) };
        // Up to the offset the lossy text is the same, byte for byte.
        Report::new(file, &String::from_utf8_lossy(error.as_bytes()), vec![diagnostic])
    })
}

fn check_text(file: &str, text: &str, directory: &Path, files: bool) -> Result<Loaded, Report> {
    // A byte-order mark is no part of the text; spans would be off by its three bytes if the parser skipped it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (parsed, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return Err(syntax_errors(file, text, &syntax));
    }
    check_table(file, text, directory, files, parsed.get_ref())
}

/// The first syntax errors.
pub(crate) fn syntax_errors(file: &str, text: &str, errors: &[toml::de::Error]) -> Report {
    let kept = errors.iter().take(SYNTAX_ERRORS_MAX).map(|error| syntax_error(error, text)).collect();
    Report::new(file, text, kept).with_omitted(errors.len().saturating_sub(SYNTAX_ERRORS_MAX))
}

/// Checks a parsed text.
pub(crate) fn check_table(
    file: &str,
    text: &str,
    directory: &Path,
    files: bool,
    parsed: &DeTable<'_>,
) -> Result<Loaded, Report> {
    let mut reader = Reader::new(text);
    // What is missing at the top is missing before the first byte.
    let mut root = reader.table(parsed, 0..0, &ROOT, "");
    check::formula::inline(&mut reader, &mut root, directory, files);
    check::all(&mut reader, &root, directory, files);
    let report = Report::new(file, &masked(text, &reader.secrets), reader.diagnostics).with_omitted(reader.omitted);
    if report.has_errors() {
        return Err(report);
    }
    let spec = build::spec(&root, directory).expect("invariant: a table that was read without errors makes a spec");
    Ok(Loaded { spec, warnings: report, source_dir: directory.to_path_buf() })
}

/// The text with these spans starred out, every other byte where it was.
pub(crate) fn masked(text: &str, spans: &[Range<usize>]) -> String {
    let mut text = text.to_owned();
    for span in spans {
        if !text.is_char_boundary(span.start) || !text.is_char_boundary(span.end) {
            continue;
        }
        // A span over several lines keeps its line feeds, or the lines after it would be misnumbered.
        let stars: String = text[span.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }).collect();
        text.replace_range(span.clone(), &stars);
    }
    text
}

fn syntax_error(error: &toml::de::Error, text: &str) -> Diagnostic {
    let span: Range<usize> = error.span().unwrap_or(0..0);
    let span = span.start.min(text.len())..span.end.min(text.len());
    let mut reason = error.message().trim().replace('\n', "; ");
    if let ("duplicate key", Some(key)) = (reason.as_str(), text.get(span.clone())) {
        reason = format!("`{key}` is set twice in the same table");
    }
    let problem = Problem::Syntax { reason };
    Diagnostic { problem, field: String::new(), span: Some(span), related: None }
}
