//! What is installed: `cargo xtask dist` on the program under test, unpacked, looked at and run.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn text(output: Output) -> String {
    String::from_utf8(output.stdout).unwrap()
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        assert!(std::env::var_os("PLIMSOLL_REQUIRE_ALL").is_none() || program == "lintian", "{program} is missing");
        println!(
            "did not run: a_package_installs_what_is_needed_and_nothing_else (its part with {program}): needs {program}"
        );
    }
    found
}

#[test]
fn a_package_installs_what_is_needed_and_nothing_else() {
    if !has("dpkg-deb") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    run(Command::new(env!("CARGO"))
        .current_dir(&root)
        .args([
            "run",
            "--quiet",
            "-p",
            "xtask",
            "--",
            "dist",
            "--fast",
            "--binary",
            env!("CARGO_BIN_EXE_plimsoll"),
            "--out",
        ])
        .arg(dir.path()));
    run(Command::new("sha256sum").args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(dir.path()));
    let package = fs::read_dir(dir.path())
        .unwrap()
        .map(|it| it.unwrap().path())
        .find(|it| it.extension().is_some_and(|it| it == "deb"));
    let package = package.unwrap();
    let field =
        |name: &str| text(run(Command::new("dpkg-deb").arg("--field").arg(&package).arg(name))).trim().to_owned();
    assert_eq!((field("Package").as_str(), field("Version").as_str()), ("plimsoll", env!("CARGO_PKG_VERSION")));
    assert!(field("Depends").starts_with("libc6 (>= 2."), "{}", field("Depends"));
    let listed = text(run(Command::new("dpkg-deb").arg("--contents").arg(&package)));
    for line in listed.lines() {
        let (mode, name) = (line.split(' ').next().unwrap(), line.rsplit(' ').next().unwrap());
        assert!(line.contains(" root/root "), "{line}");
        let wanted = if name.ends_with('/') {
            "drwxr-xr-x"
        } else if name == "./usr/bin/plimsoll" {
            "-rwxr-xr-x"
        } else {
            "-rw-r--r--"
        };
        assert_eq!(mode, wanted, "{line}");
    }
    let (tree, control) = (dir.path().join("root"), dir.path().join("control"));
    run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&tree));
    run(Command::new("dpkg-deb").arg("-e").arg(&package).arg(&control));
    run(Command::new("md5sum")
        .args(["--check", "--strict", "--quiet"])
        .arg(control.join("md5sums"))
        .current_dir(&tree));
    for script in ["postinst", "prerm", "postrm"] {
        assert_eq!(fs::metadata(control.join(script)).unwrap().permissions().mode() & 0o777, 0o755);
        run(Command::new("sh").arg("-n").arg(control.join(script)));
    }
    what_is_installed_runs(&tree);
    the_bill_is_whole(&tree.join("usr/share/doc/plimsoll/sbom.cdx.json"));
    the_unit_is_hardened(&tree);
}

fn what_is_installed_runs(tree: &Path) {
    let program = tree.join("usr/bin/plimsoll");
    assert!(text(run(Command::new(&program).arg("--version"))).starts_with("plimsoll "));
    run(Command::new(&program).arg("check").arg(tree.join("etc/plimsoll/plimsoll.toml.example")));
    let man = tree.join("usr/share/man/man1");
    let pages = fs::read_dir(&man).unwrap().count();
    assert!(pages > 40, "{pages} man pages");
    assert!(text(run(Command::new("gzip").arg("-dc").arg(man.join("plimsoll-plan.1.gz")))).contains(".SH OPTIONS"));
    run(Command::new("bash").arg("-n").arg(tree.join("usr/share/bash-completion/completions/plimsoll")));
    for (file, part) in [
        ("zsh/vendor-completions/_plimsoll", "#compdef plimsoll"),
        ("fish/vendor_completions.d/plimsoll.fish", "complete -c plimsoll"),
    ] {
        assert!(fs::read_to_string(tree.join("usr/share").join(file)).unwrap().contains(part));
    }
    for page in ["copyright", "changelog.gz", "README.md", "spec.md.gz"] {
        assert!(tree.join("usr/share/doc/plimsoll").join(page).is_file(), "{page}");
    }
}

fn the_bill_is_whole(path: &Path) {
    let bill: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let components: BTreeMap<&str, &Value> =
        bill["components"].as_array().unwrap().iter().map(|it| (it["name"].as_str().unwrap(), it)).collect();
    assert!(components.len() > 100, "{} components", components.len());
    for (name, component) in &components {
        assert!(component["licenses"][0]["expression"].is_string(), "{name} has no license");
        assert!(component["purl"].as_str().unwrap().starts_with("pkg:cargo/"), "{name}");
        // What is of this workspace has no checksum of a registry.
        assert!(
            name.starts_with("plimsoll-")
                || component["hashes"][0]["content"].as_str().is_some_and(|sum| sum.len() == 64),
            "{name}"
        );
    }
    assert!(components.contains_key("tokio") && components.contains_key("plimsoll-daemon"));
    for absent in ["proptest", "expect-test", "tempfile", "xtask"] {
        assert!(!components.contains_key(absent), "{absent} is no part of the program");
    }
}

fn the_unit_is_hardened(tree: &Path) {
    let unit = fs::read_to_string(tree.join("usr/lib/systemd/system/plimsoll.service")).unwrap();
    for line in ["NoNewPrivileges=yes", "ProtectSystem=strict", "Delegate=cpu memory pids", "KillMode=process"] {
        assert!(unit.lines().any(|it| it == line), "{line}");
    }
    if !has("systemd-analyze") {
        return;
    }
    // A unit is verified with its programs where it names them: those of the unpacked tree.
    let copy = tree.join("plimsoll.service");
    fs::write(&copy, unit.replace("/usr/bin/plimsoll", tree.join("usr/bin/plimsoll").to_str().unwrap())).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&copy).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(!said.contains("plimsoll.service:"), "{said}");
    // The exposure that systemd sees, in tenths of 10; a service without any of these lines has 96.
    run(Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=40", "--no-pager"])
        .arg(&copy));
}
