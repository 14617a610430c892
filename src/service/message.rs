//! Messages to webhooks: their text and their signature, in the form of the Standard Webhooks specification.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::access::signature::hmac;
use super::events::rfc3339;
use super::server::Server;
use crate::api::ApiError;
use crate::client::Outside;
use crate::kinds::webhook::EventKind;
use crate::model::Timestamp;

/// The version of the text: a number that grows when a field changes its meaning or goes.
const VERSION: u64 = 1;
/// A receiver that does its work before it answers is to have the time for it.
const LIMIT: Duration = Duration::from_secs(10);
/// So much of the cluster's id makes ids of several clusters differ.
const PREFIX: usize = 12;

/// One thing to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookMessage {
    /// The same for each attempt, whoever makes it: what a receiver knows repetitions by.
    pub id: String,
    /// The sort of it.
    pub kind: EventKind,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub data: Value,
}

impl WebhookMessage {
    /// Sends it, signed with `key`. `dropped` says how many had to be given up so far.
    ///
    /// # Errors
    /// Why the other end has not taken it, without anything secret.
    pub async fn send(&self, server: &Server, to: &Outside, key: &[u8], dropped: u64) -> Result<(), String> {
        let cluster = server.cluster_id().map_err(|error| error.message)?;
        let id = format!("{}-{}", cluster.get(..PREFIX).unwrap_or_default(), self.id);
        let text = self.text(&id, &cluster, dropped);
        let headers = signed(&id, server.host.clock.now().0 / 1000, key, &text);
        to.post(&headers, &text, LIMIT).await.map_err(|error| error.to_string())
    }

    fn text(&self, id: &str, cluster: &str, dropped: u64) -> String {
        let mut text = json!({
            "version": VERSION,
            "id": id,
            "type": self.kind.word(),
            "timestamp": rfc3339(self.at),
            "cluster": cluster,
            "data": self.data,
        });
        if dropped > 0 {
            text["dropped"] = json!(dropped);
        }
        text.to_string()
    }
}

fn signed(id: &str, seconds: i64, key: &[u8], text: &str) -> [(&'static str, String); 4] {
    let mark = hmac(key, format!("{id}.{seconds}.{text}").as_bytes());
    [
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", format!("v1,{}", STANDARD.encode(mark))),
    ]
}

/// A letter for somebody who tries a webhook out.
pub fn trial(now: Timestamp, by: &str) -> WebhookMessage {
    let id = format!("test-{}", uuid::Uuid::new_v4().simple());
    WebhookMessage { id, kind: EventKind::Test, at: now, data: json!({ "by": by }) }
}

/// The other end of a webhook, or why there is none.
pub fn other_end(url: &str, authorities: &str) -> Result<Outside, ApiError> {
    Outside::new(url, authorities).map_err(|error| ApiError::bad_request(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_comes_out() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let text = r#"{"test": 2432232314}"#;
        let [_, _, _, (_, signature)] = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, &key, text);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_text_has_a_version_and_tells_of_losses() {
        let letter = WebhookMessage {
            id: "7-apply".to_owned(),
            kind: EventKind::Apply,
            at: Timestamp(0),
            data: json!({"by": "unix:0"}),
        };
        assert_eq!(
            letter.text("c-7-apply", "cafe", 0),
            r#"{"cluster":"cafe","data":{"by":"unix:0"},"id":"c-7-apply","timestamp":"1970-01-01T00:00:00Z","type":"apply","version":1}"#
        );
        assert!(letter.text("c-7-apply", "cafe", 3).contains(r#""dropped":3"#));
    }
}
