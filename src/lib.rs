//! Chapiana: a self-hosted real-time chat server. ARCHITECTURE.md is the map.

pub mod access;
pub mod auth;
pub mod awake;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod draft;
pub mod entry;
pub mod error;
#[cfg(test)]
mod fuzz;
pub mod house;
pub mod ids;
pub mod limits;
pub mod listen;
pub mod markdown;
pub mod marking;
pub mod metrics;
pub mod node;
pub mod people;
pub mod rate;
pub mod reading;
pub mod relay;
pub mod room;
pub mod rooms;
pub mod seed;
pub mod serve;
pub mod session;
pub mod shelf;
#[cfg(test)]
mod sim;
pub mod slots;
pub mod store;
pub mod supervise;
#[cfg(test)]
mod testing;
pub mod timers;
pub mod tls;
pub mod verify;
pub mod watchdog;
pub mod web;
pub mod wire;
pub mod ws;
