//! Identifiers as types: a room id can never be passed where a user id is meant.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Position in a room's log, from 1; 0 means "none yet". Always below 2^53.
pub type Seq = u64;

/// Running count of countable posts up to and including an entry; 0 means "none yet".
pub type Ordinal = u64;

/// Why a text is not an id: ids are UUIDs in lower-case canonical text (PROTOCOL.md §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id is a UUID in lower-case canonical text")
    }
}

impl std::error::Error for NotAnId {}

/// Parses a UUID, accepting only its lower-case canonical text.
pub fn parse_uuid(text: &str) -> Result<Uuid, NotAnId> {
    let id = Uuid::try_parse(text).map_err(|_| NotAnId)?;
    let mut buffer = Uuid::encode_buffer();
    if id.hyphenated().encode_lower(&mut buffer) == text {
        Ok(id)
    } else {
        Err(NotAnId)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// From the 16 bytes of the UUID.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
            /// The 16 bytes of the UUID.
            pub fn bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }
        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse_uuid(text).map(Self)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.hyphenated())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .format(Some(utoipa::openapi::SchemaFormat::Custom("uuid".to_owned())))
                    .into()
            }
        }
        impl utoipa::ToSchema for $name {}
    };
}

id!(
    /// A person or a program with an account.
    UserId
);
id!(
    /// A channel, group or direct room.
    RoomId
);
id!(
    /// The client's own name for one send (UUIDv7 where browsers mint it); the key of exactly-once (R5).
    ClientId
);
id!(
    /// One ownership of a room by one actor incarnation: fresh and random at every take-over (R1).
    OwnerId
);
id!(
    /// One log-in of one device: what is listed under "devices" and revoked.
    LoginId
);
id!(
    /// Something that is set to happen later.
    TimerId
);
id!(
    /// One live WebSocket connection.
    ConnectionId
);
id!(
    /// One server process.
    NodeId
);

/// The bucket (store partition) that holds `seq`: `seq >> 13` unless a test chose another width.
pub fn bucket_of(seq: Seq, bucket_bits: u32) -> u64 {
    seq >> bucket_bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lower_case_canonical_text_is_an_id() {
        assert!(
            "0190a000-0000-7000-8000-00000000000a"
                .parse::<UserId>()
                .is_ok()
        );
        for wrong in [
            "",
            "1",
            "0190A000-0000-7000-8000-00000000000A",
            "0190a00000007000800000000000000a",
            "{0190a000-0000-7000-8000-00000000000a}",
            "urn:uuid:0190a000-0000-7000-8000-00000000000a",
        ] {
            assert_eq!(wrong.parse::<UserId>(), Err(NotAnId), "{wrong:?}");
        }
    }
}
