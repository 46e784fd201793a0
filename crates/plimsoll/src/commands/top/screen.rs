//! What is looked at: a state machine of keys, without a terminal.

use super::keys::Key;
use super::picture::Picture;
use crate::args::TopView;
use plimsoll_daemon::view::ServiceView;

/// How services are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// By name.
    #[default]
    Name,
    /// The highest load first.
    Load,
    /// The slowest first.
    P99,
    /// The most CPU first.
    Cpu,
    /// The most failures first.
    Failed,
}

impl Sort {
    const fn next(self) -> Self {
        match self {
            Self::Name => Self::Load,
            Self::Load => Self::P99,
            Self::P99 => Self::Cpu,
            Self::Cpu => Self::Failed,
            Self::Failed => Self::Name,
        }
    }

    /// As it is shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Load => "load",
            Self::P99 => "p99",
            Self::Cpu => "cpu",
            Self::Failed => "failed",
        }
    }
}

/// What is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Screen {
    /// Which picture.
    pub view: TopView,
    /// The service that is chosen or looked into.
    pub service: Option<String>,
    /// Order of the services.
    pub sort: Sort,
    /// Only services whose name has this.
    pub filter: String,
    /// What is typed goes into the filter.
    pub is_filtering: bool,
    /// The keys are listed.
    pub is_help: bool,
    /// The picture is held.
    pub is_held: bool,
    /// First line of a list that is shown.
    pub scroll: usize,
}

/// What a key asks for beside another picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Stay,
    /// Another service is looked at: its decisions are needed.
    Ask,
    /// The end.
    Quit,
}

/// CPU that a service uses.
pub fn cpu_millicores(service: &ServiceView) -> u64 {
    service.replicas.iter().filter_map(|replica| replica.cpu_millicores).sum()
}

impl Screen {
    /// The services as they are listed.
    pub fn listed<'a>(&self, picture: &'a Picture) -> Vec<&'a ServiceView> {
        let wanted = |service: &&ServiceView| service.name.contains(&self.filter);
        let mut all: Vec<&ServiceView> = picture.state.services.iter().filter(wanted).collect();
        let figure = |service: &ServiceView| match (self.sort, service.traffic) {
            (Sort::Cpu, _) => cpu_millicores(service),
            (Sort::Name, _) | (_, None) => 0,
            (Sort::Load, Some(traffic)) => traffic.rate_milli_rps,
            (Sort::P99, Some(traffic)) => traffic.latency_p99_us,
            (Sort::Failed, Some(traffic)) => traffic.failed,
        };
        all.sort_by(|one, other| figure(other).cmp(&figure(one)).then_with(|| one.name.cmp(&other.name)));
        all
    }

    /// The service that is chosen: the first where the chosen one is not listed.
    pub fn chosen<'a>(&self, picture: &'a Picture) -> Option<&'a ServiceView> {
        if self.view != TopView::Services {
            let name = self.service.as_deref();
            return name.and_then(|name| picture.state.services.iter().find(|service| service.name == name));
        }
        let listed = self.listed(picture);
        let found = listed.iter().find(|service| Some(service.name.as_str()) == self.service.as_deref());
        found.or(listed.first()).copied()
    }

    /// Takes a key.
    pub fn press(&mut self, key: Key, picture: &Picture) -> Then {
        if key == Key::Interrupt {
            return Then::Quit;
        }
        if self.is_filtering {
            self.type_filter(key);
            return Then::Stay;
        }
        if std::mem::take(&mut self.is_help) {
            return Then::Stay;
        }
        match key {
            Key::Char('q') => return Then::Quit,
            Key::Char('?' | 'h') => self.is_help = true,
            Key::Char(' ') => self.is_held = !self.is_held,
            Key::Char('s') if self.view == TopView::Services => self.sort = self.sort.next(),
            Key::Char('/') if self.view == TopView::Services => {
                self.is_filtering = true;
                self.filter.clear();
            }
            Key::Enter | Key::Char('d' | 'r' | 'o') => return self.look_into(key, picture),
            Key::Back => return self.back(),
            Key::Up | Key::Char('k') => self.step(picture, -1),
            Key::Down | Key::Char('j') => self.step(picture, 1),
            Key::PageUp => self.step(picture, -10),
            Key::PageDown => self.step(picture, 10),
            Key::Home | Key::Char('g') => self.step(picture, isize::MIN),
            Key::End | Key::Char('G') => self.step(picture, isize::MAX),
            _ => {}
        }
        Then::Stay
    }

    fn type_filter(&mut self, key: Key) {
        match key {
            Key::Enter => self.is_filtering = false,
            Key::Back => {
                self.is_filtering = false;
                self.filter.clear();
            }
            Key::Erase => drop(self.filter.pop()),
            Key::Char(typed) if self.filter.len() < 63 => self.filter.push(typed),
            _ => {}
        }
    }

    fn look_into(&mut self, key: Key, picture: &Picture) -> Then {
        let Some(service) = self.chosen(picture) else { return Then::Stay };
        self.service = Some(service.name.clone());
        self.view = match key {
            Key::Char('d') => TopView::Decisions,
            Key::Char('r') => TopView::Replicas,
            _ => TopView::Service,
        };
        self.scroll = 0;
        Then::Ask
    }

    fn back(&mut self) -> Then {
        self.scroll = 0;
        match self.view {
            TopView::Services => {
                self.filter.clear();
                Then::Stay
            }
            TopView::Service => {
                self.view = TopView::Services;
                Then::Ask
            }
            TopView::Decisions | TopView::Replicas => {
                self.view = TopView::Service;
                Then::Stay
            }
        }
    }

    /// Chooses another service, or moves a list.
    fn step(&mut self, picture: &Picture, by: isize) {
        if self.view != TopView::Services {
            self.scroll = self.scroll.saturating_add_signed(by).min(10_000);
            return;
        }
        let listed = self.listed(picture);
        let chosen = self.chosen(picture).map(|service| service.name.as_str());
        let place = listed.iter().position(|service| Some(service.name.as_str()) == chosen).unwrap_or(0);
        let place = place.saturating_add_signed(by).min(listed.len().saturating_sub(1));
        self.service = listed.get(place).map(|service| service.name.clone());
    }
}
