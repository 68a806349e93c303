//! The few keys in Redis: who serves here, and who holds a lease. Each is one script on one key, by
//! the clock of Redis.

use super::Shared;
use super::connect::COMMAND_MAX;
use crate::bus::transport::{Leases, Roll, Unavailable};
use crate::ids::NodeId;
use fred::prelude::*;
use std::time::Duration;

/// A cluster that is gone leaves its Redis free after this.
const CLAIM_MS: u64 = 300_000;

/// Says who serves here, unless somebody else does: then answers who.
const CLAIM: &str = r"
local found = redis.call('GET', KEYS[1])
local known = not found
for i = 3, #ARGV do
  known = known or found == ARGV[1] .. ' ' .. ARGV[i]
end
if not known then return found end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[3], 'PX', ARGV[2])
return ''";

/// Fields: `began` (when this roll began), `run` (by which server), and node → end of its lease.
/// Another server, or one that was restarted or flushed, begins a new roll.
const ROLL: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or 'unknown'
if redis.call('HGET', KEYS[1], 'run') ~= run then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'run', run, 'began', now)
end
";

const RENEW: &str = r"
redis.call('HSET', KEYS[1], ARGV[1], now + ARGV[2])
redis.call('PEXPIRE', KEYS[1], 86400000)
return now";

const RELEASE: &str = r"
redis.call('HDEL', KEYS[1], ARGV[1])
return now";

const LIST: &str = r"
local all = redis.call('HGETALL', KEYS[1])
local live = { tostring(now - redis.call('HGET', KEYS[1], 'began')) }
for i = 1, #all, 2 do
  if all[i] ~= 'run' and all[i] ~= 'began' then
    local left = all[i + 1] - now
    if left > 0 then
      live[#live + 1] = all[i]
      live[#live + 1] = tostring(left)
    else
      redis.call('HDEL', KEYS[1], all[i])
    end
  end
end
return live";

/// Why a node does not serve with this Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    Ours,
    Taken(String),
}

impl Shared {
    /// Claims this Redis for this cluster, or says for whom it is.
    pub(super) async fn claim(&self, desk: &Client) -> Result<Claim, Error> {
        let mut arguments = vec![self.cluster.clone(), CLAIM_MS.to_string()];
        arguments.extend(self.seal.fingerprints());
        let found: String = desk.eval(CLAIM, self.claim_key(), arguments).await?;
        if found.is_empty() {
            return Ok(Claim::Ours);
        }
        let theirs = found.split(' ').next().unwrap_or_default();
        let key = self.claim_key();
        Ok(Claim::Taken(if theirs == self.cluster {
            format!(
                "cluster {theirs:?} serves on this Redis with another secret: give every node the \
                 same --cluster-secret, or give this cluster another Redis and --cluster-id"
            )
        } else {
            format!(
                "this Redis belongs to cluster {theirs:?}, and this node to {:?}: give each cluster \
                 its own Redis or database number; if {theirs:?} is gone for good, the key {key} \
                 goes by itself within five minutes",
                self.cluster
            )
        }))
    }

    fn claim_key(&self) -> String {
        "chapiana:cluster".to_owned()
    }

    async fn roll<R: FromValue>(
        &self,
        script: &str,
        arguments: Vec<String>,
    ) -> Result<R, Unavailable> {
        let none = || Unavailable("Redis is not reachable".to_owned());
        let desk = self.desk().ok_or_else(none)?;
        let key = format!("chapiana:{}:leases", self.cluster);
        let asked = desk.eval(format!("{ROLL}{script}"), key, arguments);
        match tokio::time::timeout(COMMAND_MAX, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Unavailable(error.to_string())),
            Err(_) => Err(Unavailable("Redis did not answer in time".to_owned())),
        }
    }
}

#[async_trait::async_trait]
impl Leases for super::RedisTransport {
    async fn renew(&self, node: NodeId, ttl: Duration) -> Result<(), Unavailable> {
        let arguments = vec![node.to_string(), ttl.as_millis().to_string()];
        self.shared.roll::<u64>(RENEW, arguments).await.map(drop)
    }

    async fn release(&self, node: NodeId) -> Result<(), Unavailable> {
        let arguments = vec![node.to_string()];
        self.shared.roll::<u64>(RELEASE, arguments).await.map(drop)
    }

    async fn roll(&self) -> Result<Roll, Unavailable> {
        let told: Vec<String> = self.shared.roll(LIST, Vec::new()).await?;
        read(&told).ok_or_else(|| Unavailable("Redis answered something else".to_owned()))
    }
}

fn read(told: &[String]) -> Option<Roll> {
    let (kept, nodes) = told.split_first()?;
    let ms = |text: &str| text.parse().ok().map(Duration::from_millis);
    let live = nodes
        .chunks_exact(2)
        .map(|pair| Some((pair[0].parse().ok()?, ms(&pair[1])?)));
    Some(Roll {
        live: live.collect::<Option<_>>()?,
        kept: ms(kept)?,
    })
}
