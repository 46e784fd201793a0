//! The bill of materials: every crate that is linked into the program, with version, license, checksum and what it needs.
//!
//! CycloneDX 1.5 as JSON, from `cargo metadata` (what the program's target really uses) and `Cargo.lock` (checksums). Crates
//! that only build scripts and tests use are not in the program and are not listed.
//!
//! # Source
//! CycloneDX 1.5, Package-URL for `cargo`.

use super::{About, said};
use crate::step::cargo;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The document.
///
/// # Errors
/// When cargo cannot say what is used.
pub fn of(workspace: &Workspace, about: &About) -> Result<String> {
    let host = said(std::process::Command::new("rustc").arg("-vV"))?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?.to_owned();
    let args = ["metadata", "--format-version", "1", "--locked", "--filter-platform", &host];
    let metadata: Value = serde_json::from_str(&said(&mut cargo(&workspace.root, args))?)?;
    let lock: toml::Table = std::fs::read_to_string(workspace.root.join("Cargo.lock"))?.parse()?;
    let text = serde_json::to_string_pretty(&document(&metadata, &lock, about)?)?;
    Ok(text + "\n")
}

fn document(metadata: &Value, lock: &toml::Table, about: &About) -> Result<Value> {
    let packages: BTreeMap<&str, &Value> =
        list(metadata, "packages").iter().filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let needs: BTreeMap<&str, Vec<&str>> = list(&metadata["resolve"], "nodes")
        .iter()
        .filter_map(|node| Some((node["id"].as_str()?, linked(node))))
        .collect();
    let root = packages.iter().find(|(_, package)| package["name"] == "plimsoll").map(|(id, _)| *id);
    let root = root.context("the workspace has no package plimsoll")?;
    let mut used = BTreeSet::new();
    let mut todo = vec![root];
    while let Some(id) = todo.pop() {
        if used.insert(id) {
            todo.extend(needs.get(id).into_iter().flatten());
        }
    }
    let checksums = checksums(lock);
    let mut components: Vec<Value> = used
        .iter()
        .filter(|id| **id != root)
        .filter_map(|id| packages.get(id))
        .map(|package| component(package, &checksums, "library"))
        .collect();
    components.sort_by_key(|component| component["bom-ref"].to_string());
    let reference = |id: &str| packages.get(id).map(|package| json!(purl(package)));
    let mut dependencies: Vec<Value> = used
        .iter()
        .filter_map(|id| {
            let mut on: Vec<Value> = needs.get(id)?.iter().filter_map(|id| reference(id)).collect();
            on.sort_by_key(Value::to_string);
            Some(json!({ "ref": reference(id)?, "dependsOn": on }))
        })
        .collect();
    dependencies.sort_by_key(|it| it["ref"].to_string());
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": moment(about.epoch),
            "tools": { "components": [{ "type": "application", "name": "cargo xtask dist", "version": about.version }] },
            "component": component(packages[root], &checksums, "application"),
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What is linked with a package: neither what its build script nor what its tests use.
fn linked(node: &Value) -> Vec<&str> {
    let normal = |dependency: &&Value| list(dependency, "dep_kinds").iter().any(|kind| kind["kind"].is_null());
    list(node, "deps").iter().filter(normal).filter_map(|dependency| dependency["pkg"].as_str()).collect()
}

fn text<'a>(package: &'a Value, name: &str) -> &'a str {
    package[name].as_str().unwrap_or_default()
}

fn purl(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", text(package, "name"), text(package, "version"))
}

fn component(package: &Value, checksums: &BTreeMap<(String, String), String>, kind: &str) -> Value {
    let (name, version) = (text(package, "name"), text(package, "version"));
    let mut component = json!({
        "type": kind, "bom-ref": purl(package), "name": name, "version": version, "purl": purl(package),
    });
    if let Some(license) = package["license"].as_str() {
        // The form with a slash is older than SPDX expressions and means the same.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    if let Some(sum) = checksums.get(&(name.to_owned(), version.to_owned())) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}

fn checksums(lock: &toml::Table) -> BTreeMap<(String, String), String> {
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let entry = |package: &toml::Value| {
        let text = |name: &str| Some(package.get(name)?.as_str()?.to_owned());
        Some(((text("name")?, text("version")?), text("checksum")?))
    };
    packages.into_iter().flatten().filter_map(entry).collect()
}

/// Seconds since the epoch as RFC 3339 (civil from days, Howard Hinnant's algorithm).
fn moment(epoch: u64) -> String {
    let (days, second) = (epoch / 86_400 + 719_468, epoch % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_lists_what_is_linked_and_not_what_only_builds() {
        let package = |name: &str| json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0" });
        let needs = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [package("plimsoll"), package("used"), package("inner"), package("tests"), package("build")],
            "resolve": { "nodes": [
                { "id": "plimsoll", "deps": [needs("used", Value::Null), needs("tests", json!("dev"))] },
                { "id": "used", "deps": [needs("inner", Value::Null), needs("build", json!("build"))] },
                { "id": "inner", "deps": [] }, { "id": "tests", "deps": [] }, { "id": "build", "deps": [] }
            ] }
        });
        let lock = "[[package]]\nname = \"used\"\nversion = \"1.0.0\"\nchecksum = \"abc\"\n".parse().unwrap();
        let bill = document(&metadata, &lock, &About { version: "0.1.0".to_owned(), epoch: 1_795_314_958 }).unwrap();
        let names: Vec<&str> = list(&bill, "components").iter().filter_map(|it| it["name"].as_str()).collect();
        assert_eq!(names, ["inner", "used"]);
        assert_eq!(bill["components"][1]["hashes"][0]["content"], "abc");
        assert_eq!(bill["components"][1]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(
            bill["dependencies"][1],
            json!({ "ref": "pkg:cargo/plimsoll@1.0.0", "dependsOn": ["pkg:cargo/used@1.0.0"] })
        );
        assert_eq!(bill["metadata"]["timestamp"], "2026-11-22T02:35:58Z");
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(951_827_696), "2000-02-29T12:34:56Z");
    }
}
