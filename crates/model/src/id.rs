//! Identities: names people chose and numbers the controller hands out.
//!
//! A replica's ordinal is never used twice within a service, so an id in a log or a journal always means one process.
//!
//! Names are in every key of every map of a decision: up to 23 bytes lie in the name itself, so that a copy asks no allocator
//! and a comparison follows no pointer.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::fmt;
use std::str::FromStr;

/// Longest name accepted, so that a name fits a DNS label and a cgroup directory.
pub const NAME_LEN_MAX: usize = 63;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "name {0:?} is not 1 to {NAME_LEN_MAX} characters of a-z, 0-9 and '-', starting with a letter and not ending in '-'"
)]
pub struct NameError(pub String);

fn check(name: &str) -> Result<(), NameError> {
    let shape = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if shape && starts && name.len() <= NAME_LEN_MAX && !name.ends_with('-') {
        Ok(())
    } else {
        Err(NameError(name.to_owned()))
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(SmolStr);

        impl $name {
            /// A checked name.
            ///
            /// # Errors
            /// [`NameError`] when it is not 1 to 63 characters of `a-z`, `0-9` and `-`, starting with a letter and not
            /// ending in `-`.
            pub fn try_new(name: impl AsRef<str>) -> Result<Self, NameError> {
                let name = name.as_ref();
                check(name)?;
                Ok(Self(name.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                Self::try_new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::try_new(name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// The name of a service: a long-running workload of interchangeable replicas.
    ServiceName
}
name! {
    /// The name of a job: a workload that runs to its end.
    JobName
}
name! {
    /// The name of a node: a machine that runs replicas and tasks.
    NodeName
}

macro_rules! serial {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

serial! {
    /// Numbers every action the controller ever emits, without gaps.
    ActionId
}
serial! {
    /// The version of the policy an action was decided under; a driver refuses an action of an older generation.
    Generation
}

/// One replica of a service: `shop/17`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ReplicaId {
    /// The service it belongs to.
    pub service: ServiceName,
    /// Its number within the service, from 1, never reused.
    pub ordinal: u64,
}

/// One run of a job: `nightly-report/3`; each retry and each scheduled run has an ordinal of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TaskId {
    /// The job it belongs to.
    pub job: JobName,
    /// Its number within the job, from 1, never reused.
    pub ordinal: u64,
}

/// Why a replica or task id could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The part before the slash is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no slash, or the part behind it is no number.
    #[error("id {0:?} is not NAME/NUMBER")]
    Shape(String),
}

fn split(id: &str) -> Result<(&str, u64), IdError> {
    let shape = || IdError::Shape(id.to_owned());
    let (name, ordinal) = id.rsplit_once('/').ok_or_else(shape)?;
    Ok((name, ordinal.parse().map_err(|_| shape())?))
}

macro_rules! numbered {
    ($id:ident, $owner:ident, $name:ident) => {
        impl FromStr for $id {
            type Err = IdError;
            fn from_str(id: &str) -> Result<Self, IdError> {
                let (name, ordinal) = split(id)?;
                Ok(Self { $owner: $name::try_new(name)?, ordinal })
            }
        }
        impl TryFrom<String> for $id {
            type Error = IdError;
            fn try_from(id: String) -> Result<Self, IdError> {
                id.parse()
            }
        }
        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.to_string()
            }
        }
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!("{}/{}", self.$owner, self.ordinal))
            }
        }
    };
}
numbered!(ReplicaId, service, ServiceName);
numbered!(TaskId, job, JobName);

/// Anything a driver runs: a replica of a service or a run of a job. Prints as `service:shop/17` or `job:report/3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum WorkloadId {
    /// A replica of a service.
    Replica(ReplicaId),
    /// A run of a job.
    Task(TaskId),
}

impl FromStr for WorkloadId {
    type Err = IdError;
    fn from_str(id: &str) -> Result<Self, IdError> {
        match id.split_once(':') {
            Some(("service", rest)) => Ok(Self::Replica(rest.parse()?)),
            Some(("job", rest)) => Ok(Self::Task(rest.parse()?)),
            _ => Err(IdError::Shape(id.to_owned())),
        }
    }
}
impl TryFrom<String> for WorkloadId {
    type Error = IdError;
    fn try_from(id: String) -> Result<Self, IdError> {
        id.parse()
    }
}
impl From<WorkloadId> for String {
    fn from(id: WorkloadId) -> Self {
        id.to_string()
    }
}
impl fmt::Display for WorkloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replica(id) => f.pad(&format!("service:{id}")),
            Self::Task(id) => f.pad(&format!("job:{id}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_dns_label_rule() {
        for good in ["a", "shop", "shop-2", &"a".repeat(63)] {
            assert!(ServiceName::try_new(good).is_ok(), "{good}");
        }
        for bad in ["", "Shop", "2shop", "-shop", "shop-", "sh op", "shop/1", &"a".repeat(64)] {
            assert!(ServiceName::try_new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_workload_id_round_trips_through_json() {
        for text in ["\"service:shop/17\"", "\"job:report/3\""] {
            let id: WorkloadId = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&id).unwrap(), text);
        }
        assert!("shop/17".parse::<WorkloadId>().is_err());
        assert!("service:shop/x".parse::<WorkloadId>().is_err());
    }
}
