//! Families of figures as OpenMetrics text.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use super::figures::{Family, Figures, Snapshot, buckets, families, seconds};

/// What a member knows, as the text that a monitoring system reads.
///
/// # Errors
/// None that a text in memory could give.
pub fn text(snapshot: &Snapshot) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families(snapshot))));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        self.0.iter().try_for_each(|family| write(family, &mut encoder))
    }
}

fn write(family: &Family, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let sort = match family.figures {
        Figures::Gauge(_) => MetricType::Gauge,
        Figures::Counter(_) => MetricType::Counter,
        Figures::Histogram(_) => MetricType::Histogram,
    };
    // The library ends the sentence itself.
    let help = family.help.trim_end_matches('.');
    let mut to = encoder.encode_descriptor(family.name, help, None, sort)?;
    match &family.figures {
        Figures::Gauge(figures) => figures.iter().try_for_each(|(labels, value)| match labels.is_empty() {
            true => to.encode_gauge(value),
            false => to.encode_family(labels)?.encode_gauge(value),
        }),
        Figures::Counter(figures) => figures.iter().try_for_each(|(labels, value)| {
            to.encode_family(labels)?.encode_counter(value, None::<&Exemplar<NoLabelSet, f64>>)
        }),
        Figures::Histogram(figures) => figures.iter().try_for_each(|(labels, timing)| {
            let sum = seconds(timing.sum_ms);
            to.encode_family(labels)?.encode_histogram::<NoLabelSet>(sum, timing.count, &buckets(timing), None)
        }),
    }
}
