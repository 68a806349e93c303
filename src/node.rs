//! The composition root: one server process as a value, so that two fit in one test.

use crate::auth::Auth;
use crate::awake::Awake;
use crate::bus::{Bus, LocalBus, News};
use crate::cluster::shell::{Cluster, Here, Way};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ids::NodeId;
use crate::limits;
use crate::metrics::Metrics;
use crate::people::People;
use crate::rate::Limiter;
use crate::relay::directory::Relays;
use crate::room::directory::Rooms;
use crate::session::presence::Presence;
use crate::session::registry::Sessions;
use crate::shelf::Shelves;
use crate::store::Store;
use crate::web::fragments::LiveRenderer;
use crate::web::render::Renderer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// One node.
pub struct Node {
    pub config: Config,
    pub store: Arc<dyn Store>,
    pub rooms: Rooms,
    pub relays: Relays,
    pub shelves: Shelves,
    pub sessions: Sessions,
    pub presence: Presence,
    pub people: People,
    pub metrics: Metrics,
    pub limiter: Arc<Limiter>,
    pub auth: Arc<Auth>,
    /// What holds of sessions are measured by.
    pub awake: Awake,
    pub id: NodeId,
    /// The other nodes, if there may be any.
    pub cluster: Option<Cluster>,
    draining: AtomicBool,
}

impl Node {
    /// Starts everything that lives between store and sockets: one node by itself.
    pub async fn start(config: Config, store: Arc<dyn Store>) -> Result<Arc<Self>> {
        Self::start_as(NodeId(Uuid::now_v7()), config, store, None).await
    }

    /// Starts as `id`, among those to whom there is a `way`. The id is fresh for each process.
    pub async fn start_as(
        id: NodeId,
        config: Config,
        store: Arc<dyn Store>,
        way: Option<Way>,
    ) -> Result<Arc<Self>> {
        Self::start_with(id, config, store, way, Metrics::new()).await
    }

    /// Starts with metrics that the way to the others counts in, too.
    pub async fn start_with(
        id: NodeId,
        config: Config,
        store: Arc<dyn Store>,
        way: Option<Way>,
        metrics: Metrics,
    ) -> Result<Arc<Self>> {
        let factor = config.limits.factor();
        let sessions = Sessions::new(&metrics, factor);
        let presence = Presence::default();
        let people = People::new(Arc::clone(&store));
        let renderer = LiveRenderer {
            store: Arc::clone(&store),
            people: people.clone(),
            renderer: Renderer {
                texts: config.texts,
            },
        };
        let relays = Relays::start(
            Arc::clone(&store),
            sessions.clone(),
            Arc::new(renderer),
            &metrics,
        )
        .await
        .map_err(|_| Error::internal())?;
        store.log_queries().count_into(&metrics.log_queries);
        let alone = way.is_none() && store.is_alone();
        let shelves = Shelves::new(Arc::clone(&store), &metrics, alone);
        relays.shelve(shelves.clone());
        let auth = Arc::new(Auth::new(&config));
        let limiter = Arc::new(Limiter::new(factor as f64));
        let cluster = way.is_some().then(|| {
            let here = Here {
                store: Arc::clone(&store),
                relays: relays.clone(),
                sessions: sessions.clone(),
                presence: presence.clone(),
                people: people.clone(),
                auth: Arc::clone(&auth),
                limiter: Arc::clone(&limiter),
                metrics: metrics.clone(),
            };
            Cluster::new(id, here)
        });
        let bus: Arc<dyn Bus> = match &cluster {
            Some(cluster) => Arc::new(cluster.clone()),
            None => Arc::new(LocalBus::new(Arc::new(relays.clone()))),
        };
        shelves.attach(Arc::clone(&bus));
        if cluster.is_some() {
            relays.attach(Arc::clone(&bus));
            sessions.attach(Arc::clone(&bus));
            presence.attach(Arc::clone(&bus));
        }
        let rooms = Rooms::start(Arc::clone(&store), bus, &metrics, config.bucket_bits)
            .await
            .map_err(|_| Error::internal())?;
        if let (Some(cluster), Some(way)) = (&cluster, way) {
            rooms.shelve(shelves.clone());
            cluster.begin(rooms.clone(), way).await;
        }
        Ok(Arc::new(Self {
            auth,
            limiter,
            awake: Awake::start(),
            id,
            cluster,
            draining: AtomicBool::new(false),
            presence,
            config,
            store,
            rooms,
            relays,
            shelves,
            sessions,
            people,
            metrics,
        }))
    }

    /// Tells the other nodes, if there are any.
    pub fn news(&self, news: News) {
        if let Some(cluster) = &self.cluster {
            cluster.news(news);
        }
    }

    /// Whether the node takes no new work.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Not ready, sessions told to move in slices, rooms at rest.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        let half = Duration::from_millis(limits::DRAIN_MS_MAX / 2);
        if let Some(cluster) = &self.cluster {
            cluster.drain();
        }
        self.sessions.drain(half / 2).await;
        self.rooms.drain(half).await;
        if let Some(cluster) = &self.cluster {
            cluster.end().await;
        }
    }
}
