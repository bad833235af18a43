//! Those who send: the project, its peers, and the floor below all of them.

pub mod async_smtp;
pub mod blocking;
pub mod floor;
pub mod floor_async;
pub mod lettre;
pub mod mail_send;
pub mod smol;

use crate::{
    Result,
    meter::Cost,
    work::{Job, Work},
};

/// Somebody who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Sockets that block: requests serialised beforehand, replies counted.
    Floor,
    /// The same with async-io, on async-executor.
    FloorAsync,
    /// `smtp-blocking`.
    Blocking,
    /// `smtp-smol`.
    Smol,
    /// `lettre`, its connection that blocks.
    Lettre,
    /// `mail-send`, on tokio in one thread.
    MailSend,
    /// `async-smtp`, on tokio in one thread.
    AsyncSmtp,
}

impl Sender {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Floor,
        Self::FloorAsync,
        Self::Blocking,
        Self::Smol,
        Self::Lettre,
        Self::MailSend,
        Self::AsyncSmtp,
    ];

    /// What it is called, in tables and on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::FloorAsync => "floor-async",
            Self::Blocking => "smtp-blocking",
            Self::Smol => "smtp-smol",
            Self::Lettre => "lettre",
            Self::MailSend => "mail-send",
            Self::AsyncSmtp => "async-smtp",
        }
    }

    /// The sender of this name.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|sender| sender.name() == name);
        found.ok_or_else(|| format!("no sender is called {name}").into())
    }

    /// Whether it is the project's.
    #[must_use]
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Blocking | Self::Smol)
    }

    /// Whether it is a floor.
    #[must_use]
    pub fn is_floor(self) -> bool {
        matches!(self, Self::Floor | Self::FloorAsync)
    }

    /// Whether it can do this.
    #[must_use]
    pub fn can(self, work: Work) -> bool {
        match work {
            Work::Across | Work::Chunked | Work::Quit => self == Self::Floor || self.is_ours(),
            Work::Connections => {
                matches!(
                    self,
                    Self::FloorAsync | Self::Smol | Self::MailSend | Self::AsyncSmtp
                )
            }
            _ => self != Self::FloorAsync,
        }
    }

    /// Whether one message takes it seconds.
    #[must_use]
    pub fn is_slow(self, work: Work) -> bool {
        work == Work::Dots && matches!(self, Self::MailSend | Self::AsyncSmtp)
    }

    /// Does it.
    pub fn run(self, job: Job) -> Result<Cost> {
        match self {
            Self::Floor => floor::run(job),
            Self::FloorAsync => floor_async::run(job),
            Self::Blocking => blocking::run(job),
            Self::Smol => smol::run(job),
            Self::Lettre => lettre::run(job),
            Self::MailSend => mail_send::run(job),
            Self::AsyncSmtp => async_smtp::run(job),
        }
    }
}
