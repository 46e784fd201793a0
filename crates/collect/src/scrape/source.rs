//! One source of a spec: asks, chooses, and makes the figure.

use super::figure::{Figure, Reader};
use super::promql::Server;
use super::select::Select;
use super::{ScrapeError, Series, text, with_auth};
use plimsoll_http_client::{Ask, Budget, Trust, Url, exchange};
use plimsoll_model::metric::{MetricAsk, MetricSpec};
use std::time::Duration;

/// A source that is asked again and again.
#[derive(Debug)]
pub struct Source {
    spec: MetricSpec,
    kind: Kind,
    reader: Reader,
}

#[derive(Debug)]
enum Kind {
    Page { url: Url, select: Select },
    Server { server: Server, query: String },
}

impl Source {
    /// Makes ready what `spec` says; nothing is asked yet.
    ///
    /// # Errors
    /// [`ScrapeError::Url`], [`ScrapeError::Select`].
    pub fn try_new(spec: MetricSpec) -> Result<Self, ScrapeError> {
        let kind = match &spec.ask {
            MetricAsk::Select(select) => Kind::Page { url: spec.url.parse()?, select: Select::read(select)? },
            MetricAsk::Query(query) => {
                let _: Url = spec.url.parse()?;
                let server = Server {
                    url: spec.url.clone(),
                    auth: spec.auth.clone(),
                    trust: trust(&spec),
                    budget: budget(&spec),
                };
                Kind::Server { server, query: query.clone() }
            }
        };
        Ok(Self { spec, kind, reader: Reader::default() })
    }

    /// What it was made from.
    #[must_use]
    pub fn spec(&self) -> &MetricSpec {
        &self.spec
    }

    /// Asks once. `now_ms` is the caller's clock, which only goes forward; growth is measured on it where the source says
    /// no times of its own.
    ///
    /// # Errors
    /// [`ScrapeError`].
    pub async fn ask(&mut self, now_ms: i64) -> Result<Figure, ScrapeError> {
        let (series, asked) = match &self.kind {
            Kind::Page { url, select } => {
                let mut series = page(url, &self.spec).await?;
                series.retain(|one| select.matches(one));
                (series, &self.spec.ask)
            }
            Kind::Server { server, query } => (server.now(query).await?, &self.spec.ask),
        };
        let (MetricAsk::Select(asked) | MetricAsk::Query(asked)) = asked;
        self.reader.figure(&series, (self.spec.read, self.spec.combine), now_ms, asked)
    }
}

async fn page(url: &Url, spec: &MetricSpec) -> Result<Vec<Series>, ScrapeError> {
    let ask = with_auth(Ask::get(url.clone()), spec.auth.as_ref())?.trusting(trust(spec));
    let answer = exchange(ask, budget(spec)).await?;
    if !answer.status.is_success() {
        return Err(ScrapeError::Status { status: answer.status.as_u16() });
    }
    let no_text = |_| text::TextError { line: 0, problem: "the page is not UTF-8" };
    Ok(text::read(std::str::from_utf8(&answer.body).map_err(no_text)?)?)
}

fn trust(spec: &MetricSpec) -> Trust {
    spec.ca_file.as_ref().map_or(Trust::System, |path| Trust::File(path.into()))
}

fn budget(spec: &MetricSpec) -> Budget {
    Budget {
        deadline: Duration::from_millis(spec.timeout.get()),
        body_bytes_max: usize::try_from(spec.size_max.get()).unwrap_or(usize::MAX),
    }
}
