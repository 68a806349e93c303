//! What people of this node are, on its way to the others: gathered from tick to tick, for after a cut
//! everybody comes at once.

use super::{ClusterState, Effect, Message};
use crate::ids::UserId;
use crate::limits::INTEREST_ROOMS_MAX;
use crate::wire::client::PresenceState;
use std::collections::BTreeMap;

/// The newest of each person that the others were not told yet.
pub(super) type Untold = BTreeMap<UserId, PresenceState>;

impl ClusterState {
    pub(super) fn tell_presence(&mut self) {
        let untold: Vec<_> = std::mem::take(&mut self.untold).into_iter().collect();
        for users in untold.chunks(INTEREST_ROOMS_MAX) {
            for to in self.peers.ids() {
                let message = Message::Presence {
                    whole: false,
                    users: users.to_vec(),
                };
                self.effects.push(Effect::Send { to, message });
            }
        }
    }
}
