//! Which environment variables look like secrets. A guess for warnings and masking, never a protection.

/// Words of variable names that hold secrets.
const WORDS: [&str; 9] =
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "PRIVATE_KEY", "API_KEY", "APIKEY", "ACCESS_KEY"];

/// Endings of names that only say where a secret is.
const POINTERS: [&str; 4] = ["_FILE", "_PATH", "_DIR", "_URL"];

/// Whether a variable of this name probably holds a secret.
#[must_use]
pub fn is_likely(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    !POINTERS.iter().any(|end| name.ends_with(end)) && WORDS.iter().any(|word| name.contains(word))
}
