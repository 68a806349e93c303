//! A room goes from one node to another, as it is said.

use super::code_of;
use crate::cluster::message::{ClaimId, CommandId, HandOver};
use crate::ids::{ConnectionId, NodeId, RoomId};
use crate::room::{ConnectionOrder, OrderHold};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum WireHandOver {
    Claim { id: ClaimId, room: RoomId },
    Holds { id: ClaimId },
    Free { id: ClaimId, orders: Vec<WireOrder> },
    Moved { id: CommandId, to: NodeId },
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireOrder {
    connection: ConnectionId,
    last: u64,
    held: Option<WireHold>,
}

#[derive(Serialize, Deserialize)]
struct WireHold {
    hold: u64,
    n: u64,
    code: String,
}

impl From<HandOver> for WireHandOver {
    fn from(what: HandOver) -> Self {
        match what {
            HandOver::Claim { id, room } => Self::Claim { id, room },
            HandOver::Holds { id } => Self::Holds { id },
            HandOver::Free { id, orders } => Self::Free {
                id,
                orders: orders.into_iter().map(WireOrder::from).collect(),
            },
            HandOver::Moved { id, to } => Self::Moved { id, to },
        }
    }
}

impl From<ConnectionOrder> for WireOrder {
    fn from(order: ConnectionOrder) -> Self {
        let hold = |OrderHold { hold, n, code }| WireHold {
            hold,
            n,
            code: code.as_str().to_owned(),
        };
        Self {
            connection: order.connection,
            last: order.last,
            held: order.held.map(hold),
        }
    }
}

impl WireHandOver {
    pub(super) fn read(self) -> Result<HandOver, &'static str> {
        Ok(match self {
            Self::Claim { id, room } => HandOver::Claim { id, room },
            Self::Holds { id } => HandOver::Holds { id },
            Self::Free { id, orders } => {
                let orders = orders.into_iter().map(WireOrder::read);
                let orders = orders.collect::<Result<_, _>>()?;
                HandOver::Free { id, orders }
            }
            Self::Moved { id, to } => HandOver::Moved { id, to },
        })
    }
}

impl WireOrder {
    fn read(self) -> Result<ConnectionOrder, &'static str> {
        let held = match self.held {
            Some(WireHold { hold, n, code }) => {
                let code = code_of(&code)?;
                Some(OrderHold { hold, n, code })
            }
            None => None,
        };
        Ok(ConnectionOrder {
            connection: self.connection,
            last: self.last,
            held,
        })
    }
}
