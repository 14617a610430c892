//! Hears of bridges that are taken away or switched off as soon as the kernel says so: not at the next look at everything.

use std::sync::Arc;

use futures_util::StreamExt;
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use super::watch::Watch;

/// Tells `watch` of each of its bridges that is lost, as long as the process runs.
pub fn listen(watch: &Arc<Watch>) {
    let opened = rtnetlink::new_multicast_connection(&[MulticastGroup::Link]);
    let (connection, _, mut messages) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!(%error, "the kernel does not tell of interfaces; they are looked at once a minute");
            return;
        }
    };
    tokio::spawn(connection);
    let watch = Arc::clone(watch);
    tokio::spawn(async move {
        while let Some((message, _)) = messages.next().await {
            let NetlinkPayload::InnerMessage(message) = message.payload else { continue };
            if let Some(name) = lost(&message).filter(|name| watch.is_standing(name)) {
                tracing::warn!(bridge = name, "a bridge was taken away or switched off; it is put right");
                watch.disturb();
            }
        }
    });
}

/// The interface that a message says is gone, or down since now.
fn lost(message: &RouteNetlinkMessage) -> Option<String> {
    match message {
        RouteNetlinkMessage::DelLink(link) => name(link),
        RouteNetlinkMessage::NewLink(link) => {
            let is_switched_off =
                link.header.change_mask.contains(LinkFlags::Up) && !link.header.flags.contains(LinkFlags::Up);
            name(link).filter(|_| is_switched_off)
        }
        _ => None,
    }
}

fn name(link: &LinkMessage) -> Option<String> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })
}
