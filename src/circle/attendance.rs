//! Being there for the others of a circle.

use super::notices::Notices;
use super::{CircleRef, Telling, ViewerId};
use crate::room::{CountGuard, LimitReached};

/// Being there for the others of a circle: making it tells them of a join, dropping it of a leave.
pub(crate) struct Attendance {
    circle: CircleRef,
    id: ViewerId,
    presence: Option<CountGuard>,
}

impl Attendance {
    /// Joins a circle's room by `enter`, if the viewer is to be counted, and has the others told. They are told with the
    /// count that the viewer is in: so the word goes in before the count changes.
    ///
    /// # Errors
    /// [`LimitReached`], if `enter` says so.
    pub(crate) fn new(
        circle: CircleRef,
        id: ViewerId,
        enter: Option<impl FnOnce() -> Result<CountGuard, LimitReached>>,
    ) -> Result<Self, LimitReached> {
        let mut attendance = Self { circle, id, presence: None };
        if let Some(enter) = enter {
            attendance.announce(Notices::joins);
            attendance.presence = Some(enter().inspect_err(|_| attendance.announce(Notices::leaves))?);
        }
        Ok(attendance)
    }

    pub(crate) fn circle(&self) -> &CircleRef {
        &self.circle
    }

    /// Only where the others are told of each other.
    fn announce(&self, notice: impl FnOnce(&mut Notices, ViewerId)) {
        if self.circle.telling == Telling::Counts {
            notice(&mut self.circle.notices(), self.id);
        }
    }

    pub(crate) fn presence(&mut self) -> Option<&mut CountGuard> {
        self.presence.as_mut()
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        if self.presence.is_some() {
            self.announce(Notices::leaves);
        }
        // The presence goes behind this, and with it the count changes, which has the word told.
    }
}
