//! Developer commands of the workspace: `cargo xtask tidy | test | bench | prove | ci`.

fn main() {
    eprintln!("usage: cargo xtask tidy|test|bench|prove|ci");
    std::process::exit(2);
}
