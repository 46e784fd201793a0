//! The comments at the head of a log: `; Key: value`, one each.
//!
//! Kept as they stand, in order; the size of the machine is the only thing that is read out of them, because a comment is
//! free text and may say anything.

/// Most comments kept; a log has a few dozen, and the partitions of a grid a few hundred.
const FIELDS_MAX: usize = 4_096;

/// What a log says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// Keys and values in the order of the file; a key may stand several times.
    pub fields: Vec<(String, String)>,
}

impl Header {
    /// Takes one comment without its semicolon; one without a key is no field.
    pub(super) fn take(&mut self, comment: &str) {
        let Some((key, value)) = comment.split_once(':') else { return };
        let key = key.trim();
        let is_key = !key.is_empty() && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if is_key && self.fields.len() < FIELDS_MAX {
            self.fields.push((key.to_owned(), value.trim().to_owned()));
        }
    }

    /// The first value of a key, compared without case.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }

    /// The first value of a key as a number above zero: -1 stands for not known.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.split_whitespace().next()?.parse().ok().filter(|number| *number > 0)
    }

    /// Processors of the machine: `MaxProcs`, or else `MaxNodes`.
    #[must_use]
    pub fn processors(&self) -> Option<u64> {
        let most = super::job::PROCESSORS_MAX;
        self.number("MaxProcs").or_else(|| self.number("MaxNodes")).filter(|count| *count <= most)
    }

    /// Start of the log in seconds since the Unix epoch.
    #[must_use]
    pub fn unix_start(&self) -> Option<u64> {
        self.number("UnixStartTime")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_and_minus_one_is_not_known() {
        let mut header = Header::default();
        for comment in
            [" Version: 2.2", " MaxNodes: -1", " MaxProcs: 1152 ", " Note: a: b", "", " free text", " http://x"]
        {
            header.take(comment);
        }
        assert_eq!(
            (header.processors(), header.number("MaxNodes"), header.get("note")),
            (Some(1_152), None, Some("a: b"))
        );
        assert_eq!(header.unix_start(), None);
        header.fields.retain(|(key, _)| key != "MaxProcs");
        assert_eq!(header.processors(), None);
    }
}
