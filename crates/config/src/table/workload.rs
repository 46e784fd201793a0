//! What services and jobs have in common: reservations, limits, sandbox, logs.

use crate::field::Fallback::{Absent, Is, Required};
use crate::field::Literal::{Flag, Integer, Text};
use crate::field::{Choice, Field, GIB, KIB, Kind, MIB, Section, TIB, bytes, count, cpu};
use crate::form::Form;

pub const COMMAND: Field = Field::new(
    "command",
    Kind::Texts { form: Form::Argument, min: 1 },
    Required,
    "Program and arguments, as a list; no shell is involved.",
)
.long(
    "`{port}`, `{id}` and `{service}` are replaced when it starts. The program `plimsoll` is this very binary. A program \
     with a slash in it is relative to `directory`.",
)
.replaces();

pub const ENV: Field =
    Field::new("env", Kind::Variables, Absent("no variables of its own"), "Environment variables.")
        .long(
            "The placeholders of `command` are replaced in the values. Every workload also has PORT (services), TMPDIR (a \
             folder of its own), PLIMSOLL_ID and PLIMSOLL_SERVICE; of the daemon's variables only PATH, HOME, USER, LOGNAME, \
             LANG, LC_ALL, TZ and SSL_CERT_FILE are passed on. Keep secrets out: a spec is read by many.",
        )
        .replaces();

pub const DIRECTORY: Field =
    Field::new("directory", Kind::Text(Form::File), Absent("the directory of the spec file"), "Working directory.")
        .replaces();

pub static REQUESTS: Section = Section {
    name: "requests",
    path: "services.NAME.requests",
    doc: "What is reserved; placement never promises more than the node has.",
    short: &[],
    fields: &[
        Field::new("cpu", cpu(1, 4_096_000), Required, "CPU.").replaces(),
        Field::new("memory", bytes(MIB, 1_024 * TIB), Required, "Memory.").replaces(),
    ],
};

pub static LIMITS: Section = Section {
    name: "limits",
    path: "services.NAME.limits",
    doc: "What may be used at most.",
    short: &[],
    fields: &[
        Field::new("cpu", cpu(1, 4_096_000), Absent("no limit"), "CPU quota; over it the process is throttled.")
            .replaces(),
        Field::new("memory", bytes(MIB, 1_024 * TIB), Absent("no limit"), "Memory; over it the process is killed.")
            .replaces(),
        Field::new(
            "pids",
            count(1, 1_000_000),
            Absent("no limit; without cgroups it could only count all processes of the user"),
            "Processes and threads.",
        )
        .replaces(),
    ],
};

/// Isolation that `require` may name.
pub const ISOLATION: &[Choice] = &[
    Choice { word: "cpu", doc: "the CPU quota" },
    Choice { word: "memory", doc: "the memory limit" },
    Choice { word: "pids", doc: "the limit on processes and threads" },
    Choice { word: "filesystem", doc: "the file-system sandbox" },
    Choice { word: "network", doc: "the network namespace" },
    Choice { word: "syscalls", doc: "the system-call filter" },
];

pub static SANDBOX: Section = Section {
    name: "sandbox",
    path: "services.NAME.sandbox",
    doc: "What a workload may touch. What the host cannot enforce is shown by `plimsoll status`, unless it is required.",
    short: &[],
    fields: &[
        Field::new(
            "filesystem",
            Kind::Flag,
            Is(Flag(true), "a service that was broken into should not read other services' files"),
            "Restrict the file system (Landlock) to the system, the program's and the working directory, all read-only, TMPDIR, \
             and the listed paths.",
        )
        .replaces(),
        Field::new("read", Kind::Texts { form: Form::File, min: 0 }, Absent("none"), "Extra paths that may be read.")
            .replaces(),
        Field::new(
            "write",
            Kind::Texts { form: Form::File, min: 0 },
            Absent("none"),
            "Extra paths that may be read and written.",
        )
        .replaces(),
        Field::new(
            "syscalls",
            Kind::Flag,
            Is(Flag(true), "the denied calls (mount, ptrace, kernel modules, …) have no use in a service"),
            "Deny system calls that a service has no use for (seccomp).",
        )
        .replaces(),
        Field::new(
            "user_namespace",
            Kind::Flag,
            Is(Flag(false), "many hosts forbid it to users, and file owners look different inside"),
            "Run in a user namespace of its own.",
        )
        .replaces(),
        Field::new(
            "network_namespace",
            Kind::Flag,
            Is(Flag(false), "inside it there is no connectivity at all"),
            "Run in a network namespace of its own.",
        )
        .long("For jobs and services that no route leads to.")
        .replaces(),
        Field::new(
            "require",
            Kind::Choices(ISOLATION),
            Absent("none: what the host cannot enforce is reported and done without"),
            "Isolation that must be enforced, or the workload does not start.",
        )
        .replaces(),
    ],
};

pub static LOG: Section = Section {
    name: "log",
    path: "services.NAME.log",
    doc: "Captured standard output and error.",
    short: &[],
    fields: &[
        Field::new(
            "size",
            bytes(4 * KIB, 16 * GIB),
            Is(Text("8MiB"), "about 100,000 lines, which an editor still opens at once"),
            "Size at which a log file is rotated.",
        )
        .starts(),
        Field::new(
            "files",
            count(1, 1_000),
            Is(Integer(3), "with the default size at most 32 MiB per replica"),
            "Rotated log files kept.",
        )
        .starts(),
    ],
};
