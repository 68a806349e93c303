//! `chapiana check-config` and `chapiana doctor`.

use super::Outcome;
use crate::config::{Config, Settings, StorePlace};
use crate::store::Durability;
use std::process::ExitCode;

pub fn config(settings: &Settings) -> Outcome {
    let config = Config::load(settings)?;
    let metrics = match config.metrics_listen {
        Some(address) => address.to_string(),
        None => "none".to_owned(),
    };
    println!("listen          {}", config.listen);
    println!("public-url      {}", config.base_url());
    println!("metrics-listen  {metrics}");
    println!("data-dir        {}", config.data_dir.display());
    println!("store           {}", store_of(&config));
    println!("workspace-name  {}", config.workspace_name);
    println!("sign-up         {:?}", config.sign_up);
    println!("limits          {:?}", config.limits);
    println!("log-format      {:?}", config.log_format);
    println!("trust-proxies   {:?}", config.trust_proxies);
    match &config.cluster {
        Some(cluster) => {
            println!("redis           {:?}", cluster.redis);
            println!("cluster-id      {}", cluster.id);
            println!("cluster-secret  {} valid", cluster.secrets.count());
        }
        None => println!("redis           none: one node by itself"),
    }
    println!("The settings are right.");
    Ok(ExitCode::SUCCESS)
}

/// The store in words.
fn store_of(config: &Config) -> String {
    match &config.store {
        StorePlace::Embedded => format!("embedded:{}", config.data_dir.display()),
        StorePlace::Cql(place) => place.to_string(),
    }
}

pub async fn doctor(settings: &Settings) -> Outcome {
    let config = Config::load(settings)?;
    let mut well = true;
    let mut say = |what: &str, found: Result<String, String>| match found {
        Ok(text) => println!("ok    {what}: {text}"),
        Err(text) => {
            well = false;
            println!("wrong {what}: {text}");
        }
    };
    let bound = std::net::TcpListener::bind(config.listen);
    let listen = config.listen.to_string();
    say(
        "listen",
        bound.map(|_| listen).map_err(|error| error.to_string()),
    );
    match super::open(&config).await {
        Ok(store) => {
            let place = store_of(&config);
            let durable = match store.durability() {
                Durability::Durable => Ok(place),
                Durability::NotDurable(why) => Err(why),
            };
            say("store", durable);
            let people = store.has_people().await;
            let people = people.map(|any| if any { "some" } else { "none yet" }.to_owned());
            say("people", people.map_err(|error| error.to_string()));
        }
        Err(error) => say("store", Err(error.to_string())),
    }
    if !config.is_secure() && !config.listen.ip().is_loopback() {
        say(
            "public-url",
            Err("people off this machine come over plain HTTP; set an https:// address".to_owned()),
        );
    }
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
