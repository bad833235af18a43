//! How far each recipient of a transaction has come.

use smallvec::SmallVec;

use super::outcome::{Fate, Outcome};

/// Where one recipient stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Not asked about yet in this transaction with the server.
    Waiting,
    Asked,
    Accepted,
    /// Accepted although MAIL was refused.
    Stray,
    /// To be asked about again, in a further transaction.
    PutOff,
    /// Has the fate of this number.
    Done(usize),
}

/// The recipients of a transaction, in order.
#[derive(Debug, Default)]
pub(super) struct Recipients {
    progress: SmallVec<[Progress; 2]>,
    /// Many may share a fate.
    fates: SmallVec<[Fate; 1]>,
    asked: usize,
    accepted: usize,
}

impl Recipients {
    /// The most recipients for which room is kept, from one transaction to the
    /// next.
    const KEPT: usize = 128;

    /// Forgets them, and what was said of them, and keeps some room.
    pub(super) fn rest(&mut self) {
        if self.progress.capacity() > Self::KEPT {
            self.progress = SmallVec::new();
        }
        // They have the texts of replies.
        self.fates = SmallVec::new();
    }

    /// Begins with `count` recipients.
    pub(super) fn reset(&mut self, count: usize) {
        self.progress.clear();
        self.progress.resize(count, Progress::Waiting);
        self.fates.clear();
        self.asked = 0;
        self.accepted = 0;
    }

    pub(super) fn add(&mut self) {
        self.progress.push(Progress::Waiting);
    }

    pub(super) fn len(&self) -> usize {
        self.progress.len()
    }

    /// How many were asked about and have no answer.
    pub(super) const fn asked(&self) -> usize {
        self.asked
    }

    /// How many were accepted, and wait for the content.
    pub(super) const fn accepted(&self) -> usize {
        self.accepted
    }

    /// The first recipient from `start` on that was not asked about.
    pub(super) fn waiting_from(&self, start: usize) -> Option<usize> {
        let unasked = self.progress.get(start..)?;
        let waits = |progress: &Progress| *progress == Progress::Waiting;
        unasked.iter().position(waits).map(|offset| start + offset)
    }

    pub(super) fn any(&self, is: impl Fn(Progress) -> bool) -> bool {
        self.progress.iter().any(|progress| is(*progress))
    }

    pub(super) fn set(&mut self, index: usize, to: Progress) {
        if let Some(progress) = self.progress.get_mut(index) {
            let before = core::mem::replace(progress, to);
            self.count(before, to);
        }
    }

    /// The recipient has this fate, unless it had one before: what a server
    /// cannot have is found again as often as it is looked for.
    pub(super) fn settle(&mut self, index: usize, fate: Fate) {
        if matches!(self.progress.get(index), Some(Progress::Done(_))) {
            return;
        }
        self.set(index, Progress::Done(self.fates.len()));
        self.fates.push(fate);
    }

    /// So have all for which `is` is true.
    pub(super) fn settle_all(&mut self, fate: Fate, is: impl Fn(Progress) -> bool) {
        if self.any(&is) {
            self.change_all(Progress::Done(self.fates.len()), is);
            self.fates.push(fate);
        }
    }

    /// Changes all for which `is` is true.
    pub(super) fn change_all(&mut self, to: Progress, is: impl Fn(Progress) -> bool) {
        for index in 0..self.progress.len() {
            if let Some(progress) = self.progress.get(index)
                && is(*progress)
            {
                self.set(index, to);
            }
        }
    }

    /// What became of all. `rest` is the fate of those that have none of their
    /// own, and of a transaction without recipients.
    pub(super) fn take_outcome(&mut self, rest: Fate) -> Outcome {
        let fates = match self.progress.as_slice() {
            [Progress::Done(0)] if self.fates.len() == 1 => core::mem::take(&mut self.fates),
            all => all
                .iter()
                .map(|progress| match progress {
                    Progress::Done(number) => self.fates.get(*number).unwrap_or(&rest).clone(),
                    _ => rest.clone(),
                })
                .collect(),
        };
        Outcome::new(fates, rest)
    }

    const fn count(&mut self, before: Progress, now: Progress) {
        match before {
            Progress::Asked => self.asked -= 1,
            Progress::Accepted => self.accepted -= 1,
            _ => {}
        }
        match now {
            Progress::Asked => self.asked += 1,
            Progress::Accepted => self.accepted += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::outcome::NotSent, *};

    fn of(count: usize) -> Recipients {
        let mut recipients = Recipients::default();
        recipients.reset(count);
        recipients
    }

    #[test]
    fn a_fate_is_settled_once() {
        let mut recipients = of(2);
        for _ in 0..1000 {
            recipients.settle(1, Fate::NotSent(NotSent::NeedsSmtpUtf8));
        }
        assert_eq!(recipients.fates.len(), 1);
    }

    #[test]
    fn little_is_kept_at_rest() {
        let mut recipients = of(1000);
        for index in 0..1000 {
            recipients.settle(index, Fate::NotSent(NotSent::NeedsSmtpUtf8));
        }
        let _ = recipients.take_outcome(Fate::NotSent(NotSent::Abandoned));
        recipients.rest();
        assert!(recipients.progress.capacity() <= Recipients::KEPT);
        assert!(recipients.fates.is_empty() && !recipients.fates.spilled());
    }
}
