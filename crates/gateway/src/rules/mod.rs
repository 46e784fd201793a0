//! What a route does with a request beyond sending it on, made ready for the data path.
//!
//! A route that has none of this holds no [`Rules`] at all, so that its requests pay one comparison with null.

pub mod head;
pub mod rate;

use crate::codec::field::elements;
use head::HeadChanges;
use httparse::Header;
use plimsoll_model::gateway::{RouteRules, SplitBy, StickySpec};
use plimsoll_model::route::{HashBy, HedgeSpec, RouteBalance};
use rate::{Bucket, Buckets};

/// The rules of one route, shared by all workers.
#[derive(Debug)]
pub struct Rules {
    /// What it was made from.
    spec: RouteRules,
    /// Changes of the request's head.
    pub request: Option<HeadChanges>,
    /// Changes of the response's head.
    pub response: Option<HeadChanges>,
    /// Bound on all requests.
    pub rate: Option<Bucket>,
    /// Bound on each client's requests.
    pub client_rate: Option<Buckets>,
    /// Indices into the plan's services, with the share of requests up to and including theirs, in thousandths.
    pub split: Vec<(u32, usize)>,
    /// What decides on the part.
    pub split_by: SplitBy,
    /// Keeps clients where they were.
    pub sticky: Option<Sticky>,
    /// Its own balancing.
    pub balance: RouteBalance,
    /// A second endpoint is asked when the first one is slow.
    pub hedge: Option<HedgeSpec>,
}

/// Stickiness made ready.
#[derive(Debug)]
pub struct Sticky {
    /// Name of the cookie.
    pub cookie: Box<str>,
    /// What stands behind its value in `Set-Cookie`.
    attributes: Box<str>,
}

impl Sticky {
    fn new(spec: &StickySpec) -> Self {
        let age = spec.age.map(|age| format!("; Max-Age={}", age.get() / 1_000)).unwrap_or_default();
        // A browser must not hand it to scripts, and sends it along when somebody follows a link.
        Self {
            cookie: spec.cookie.clone().into_boxed_str(),
            attributes: format!("; Path=/; HttpOnly; SameSite=Lax{age}").into_boxed_str(),
        }
    }

    /// The endpoint that a request's cookie names, by its token.
    #[must_use]
    pub fn wanted(&self, fields: &[Header<'_>]) -> Option<u64> {
        let value = cookie(fields, &self.cookie)?;
        u64::from_str_radix(std::str::from_utf8(value).ok().filter(|text| text.len() == 16)?, 16).ok()
    }

    /// Appends the line that sets the cookie.
    pub fn set(&self, out: &mut Vec<u8>, token: u64) {
        let mut value = Vec::new();
        head::line(&mut value, "Set-Cookie", &format!("{}={token:016x}{}", self.cookie, self.attributes));
        head::insert(out, &value);
    }
}

impl Rules {
    /// The rules of a route; none when it has none. `index` finds a pool.
    ///
    /// # Errors
    /// The name of a pool that there is not.
    pub fn new(
        spec: &RouteRules,
        mut index: impl FnMut(&plimsoll_model::ServiceName) -> Option<usize>,
    ) -> Result<Option<Self>, plimsoll_model::ServiceName> {
        let mut split = Vec::new();
        let mut below = 0;
        for part in spec.split.iter().filter(|part| part.share > 0) {
            below += part.share;
            split.push((below, index(&part.service).ok_or_else(|| part.service.clone())?));
        }
        let rules = Self {
            spec: spec.clone(),
            request: HeadChanges::new(&spec.request),
            response: HeadChanges::new(&spec.response),
            rate: spec.rate.as_ref().map(Bucket::new),
            client_rate: spec.client_rate.as_ref().map(Buckets::new),
            split,
            split_by: spec.split_by.clone(),
            sticky: spec.sticky.as_ref().map(Sticky::new),
            balance: spec.balance.clone(),
            hedge: spec.hedge,
        };
        Ok(rules.does_something().then_some(rules))
    }

    /// Whether the other one is made from the same and leads to the same pools: then its buckets go on as they are.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.spec == other.spec && self.split == other.split
    }

    fn does_something(&self) -> bool {
        self.request.is_some()
            || self.response.is_some()
            || self.rate.is_some()
            || self.client_rate.is_some()
            || !self.split.is_empty()
            || self.sticky.is_some()
            || self.balance != RouteBalance::default()
            || self.hedge.is_some()
    }

    /// The key of a request for a hashing algorithm, where it is not the client's address.
    #[must_use]
    pub fn hash_key(&self, fields: &[Header<'_>], target: &str) -> Option<u64> {
        let bytes = match &self.balance.hash_by {
            HashBy::Source => None,
            HashBy::Path => Some(target.split('?').next().unwrap_or_default().as_bytes()),
            HashBy::Header(name) => {
                fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
            }
            HashBy::Cookie(name) => cookie(fields, name),
        };
        bytes.map(plimsoll_balance::bytes_key)
    }

    /// Seconds until the request may come, if it may not come now.
    #[must_use]
    pub fn wait_s(&self, client: u64, now_us: u64) -> Option<u64> {
        let now_ns = now_us.saturating_mul(1_000);
        // The client's own bound first: what it may not send must not use up what others may.
        let client = self.client_rate.as_ref().and_then(|buckets| buckets.take(client, now_ns).err());
        let wait_ns = client.or_else(|| self.rate.as_ref()?.take(now_ns).err())?;
        Some(wait_ns.div_ceil(1_000_000_000).max(1))
    }

    /// Which part a request belongs to: a position in `split`, or none for the route's own pool.
    #[must_use]
    pub fn part(&self, fields: &[Header<'_>], source: u64, chance: impl FnOnce() -> u64) -> Option<usize> {
        let key = match &self.split_by {
            SplitBy::Chance => None,
            SplitBy::Source => Some(source),
            SplitBy::Header(name) => {
                let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
                field.map(|field| plimsoll_balance::bytes_key(field.value))
            }
            SplitBy::Cookie(name) => cookie(fields, name).map(plimsoll_balance::bytes_key),
        };
        // The high bits: a bucket of a hash table uses the low ones of the same key.
        let at = (key.unwrap_or_else(chance) >> 32) % 1_000;
        self.split.iter().position(|(below, _)| at < u64::from(*below))
    }
}

/// The value of a cookie (RFC 6265 section 4.2).
#[must_use]
pub fn cookie<'h>(fields: &[Header<'h>], name: &str) -> Option<&'h [u8]> {
    let cookies = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("cookie"));
    cookies.flat_map(|field| field.value.split(|byte| *byte == b';')).find_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        (pair[..at].trim_ascii() == name.as_bytes()).then(|| pair[at + 1..].trim_ascii())
    })
}

/// Whether a field of the request lists a `traceparent` that can be passed on (W3C Trace Context, section 3.2).
#[must_use]
pub fn has_trace(fields: &[Header<'_>]) -> bool {
    let mut found = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("traceparent"));
    found.next().is_some_and(|field| elements(field.value).count() == 1 && field.value.len() >= 55)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::ServiceName;
    use plimsoll_model::gateway::SplitSpec;

    fn field<'a>(name: &'a str, value: &'a str) -> Header<'a> {
        Header { name, value: value.as_bytes() }
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let fields = [field("Cookie", "ab=1; a=2;b = 3"), field("cookie", "c=a=4")];
        for (name, value) in [("a", Some("2")), ("ab", Some("1")), ("b", Some("3")), ("c", Some("a=4")), ("d", None)] {
            assert_eq!(cookie(&fields, name), value.map(str::as_bytes), "{name}");
        }
    }

    #[test]
    fn a_split_by_cookie_is_steady_and_meets_its_share() {
        let canary = ServiceName::try_new("canary").unwrap();
        let spec = RouteRules {
            split: vec![SplitSpec { service: canary, share: 100 }],
            split_by: SplitBy::Cookie("id".to_owned()),
            ..RouteRules::default()
        };
        let rules = Rules::new(&spec, |_| Some(7)).unwrap().unwrap();
        let part = |id: u32| {
            let text = format!("id={id}");
            rules.part(&[field("Cookie", &text)], 0, || unreachable!("invariant: the cookie decides"))
        };
        let taken = (0..10_000).filter(|id| part(*id) == Some(0)).count();
        assert!((900..1_100).contains(&taken), "{taken} of 10,000");
        assert!((0..100).all(|id| part(id) == part(id)));
    }

    #[test]
    fn a_route_without_rules_has_none() {
        assert!(Rules::new(&RouteRules::default(), |_| None).unwrap().is_none());
    }
}
