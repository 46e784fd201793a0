//! The requests of a plan's mix, built once so that sending one parses nothing.

use crate::plan::{Choice, LoadPlan, PlanError};
use crate::target::Target;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};

/// The requests of a mix, made ready so that sending one parses nothing.
pub(crate) struct Requests {
    host: HeaderValue,
    paths: Vec<(String, Uri)>,
    body: Bytes,
}

impl Requests {
    pub(crate) fn try_new(plan: &LoadPlan, target: &Target) -> Result<Self, PlanError> {
        let paths = plan.mix.paths.iter().map(|path| {
            let path = format!("{}{path}", target.prefix);
            let uri = path.parse().map_err(|_| PlanError::Path(path.clone()))?;
            Ok((path, uri))
        });
        Ok(Self {
            host: HeaderValue::try_from(target.authority()).map_err(|_| PlanError::Path(target.to_string()))?,
            paths: paths.collect::<Result<_, PlanError>>()?,
            body: Bytes::from(vec![b'x'; plan.mix.post_body_bytes]),
        })
    }

    pub(crate) fn build(&self, choice: Choice) -> Request<Full<Bytes>> {
        let body = if choice.post { self.body.clone() } else { Bytes::new() };
        let mut request = Request::new(Full::new(body));
        *request.uri_mut() = self.paths[choice.path].1.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static("plimsoll-load"));
        if choice.post {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            *request.method_mut() = Method::POST;
        }
        request
    }

    pub(crate) fn method(&self, choice: Choice) -> &'static str {
        if choice.post { "POST" } else { "GET" }
    }

    pub(crate) fn path(&self, choice: Choice) -> &str {
        &self.paths[choice.path].0
    }
}
