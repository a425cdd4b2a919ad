//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write as _};

use super::{Histogram, Labelled};

/// The type of a metric.
#[derive(Clone, Copy)]
pub(crate) enum MetricKind {
    /// Never decreases while the process lives.
    Counter,
    /// Rises and falls.
    Gauge,
}

/// Metrics in the text format.
#[derive(Default)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    /// Adds a metric with one value.
    pub(crate) fn value(&mut self, kind: MetricKind, name: &str, help: &str, value: impl Display) {
        self.values(kind, name, help, [(String::new(), value)]);
    }

    /// Adds a metric with several values and their labels, as in `code="ok"`.
    pub(crate) fn values<V: Display>(
        &mut self,
        kind: MetricKind,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (String, V)>,
    ) {
        self.head(name, help, if matches!(kind, MetricKind::Counter) { "counter" } else { "gauge" });
        for (labels, value) in values {
            self.line(name, &labels, value);
        }
    }

    /// Adds a metric with several values by one label.
    pub(crate) fn labelled(
        &mut self,
        kind: MetricKind,
        name: &str,
        help: &str,
        label: &str,
        values: &Labelled,
    ) {
        let values = values.counts().clone();
        self.values(kind, name, help, values.iter().map(|(of, value)| (format!("{label}=\"{of}\""), value)));
    }

    pub(crate) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        let (scale, seen) = (histogram.scale(), histogram.seen());
        let mut total = 0;
        #[expect(clippy::cast_precision_loss, reason = "bounds have few digits")]
        let bounds = scale.bounds.iter().map(|bound| (*bound as f64 * scale.unit).to_string());
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(seen.counts) {
            total += count;
            self.line(&format!("{name}_bucket"), &format!("le=\"{bound}\""), total);
        }
        self.line(&format!("{name}_sum"), "", seen.sum);
        self.line(&format!("{name}_count"), "", total);
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("a string takes all");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        writeln!(self.0, "{name}{labels} {value}").expect("a string takes all");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::GROUP;

    #[test]
    fn metrics_are_told_as_prometheus_reads_them() {
        let mut text = Text::default();
        text.value(MetricKind::Gauge, "a_bytes", "How much.", 7);
        let labelled = Labelled::default();
        labelled.add("4008");
        text.labelled(MetricKind::Counter, "b_total", "How often.", "code", &labelled);
        let histogram = Histogram::new(&GROUP);
        histogram.observe(0, 3);
        histogram.observe(1, 2_000);
        text.histogram("c", "How many.", &histogram);
        let text = text.into_string();
        assert!(text.starts_with(
            "# HELP a_bytes How much.\n# TYPE a_bytes gauge\na_bytes 7\n\
             # HELP b_total How often.\n# TYPE b_total counter\nb_total{code=\"4008\"} 1\n\
             # HELP c How many.\n# TYPE c histogram\nc_bucket{le=\"1\"} 0\nc_bucket{le=\"2\"} 0\nc_bucket{le=\"4\"} 1\n"
        ));
        assert!(text.ends_with("c_bucket{le=\"1024\"} 1\nc_bucket{le=\"+Inf\"} 2\nc_sum 2003\nc_count 2\n"));
    }
}
