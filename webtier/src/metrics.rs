//! What Prometheus reads: the web tier's own counters, and what every session server last said of itself.
//!
//! Names and texts stand in `protocol::figures`. Who may read is decided by a token; without one there is no such page.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use protocol::figures::{Rendered, render};
use subtle::ConstantTimeEq;

use crate::service::Service;

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to count. Called once, by the process that serves.
pub(crate) fn install() {
    let seconds = Matcher::Full(REQUEST_SECONDS.into());
    let built = PrometheusBuilder::new().set_buckets_for_metric(seconds, REQUEST_BOUNDS_S);
    match built.and_then(PrometheusBuilder::install_recorder) {
        Ok(handle) => drop(HANDLE.set(handle)),
        Err(error) => tracing::error!(%error, "nothing is counted: metrics are incomplete"),
    }
    for metric in protocol::figures::WEB_TIER {
        match metric.name {
            REQUEST_SECONDS => metrics::describe_histogram!(metric.name, metric.help),
            name if name.ends_with("_total") => metrics::describe_counter!(name, metric.help),
            name => metrics::describe_gauge!(name, metric.help),
        }
    }
    // Most sites never see one: without this, "none so far" would look like "not counted".
    metrics::counter!(UNREADABLE_MASKS).increment(0);
}

/// Everything, in Prometheus's text format.
pub(crate) fn text(app: &Service) -> String {
    let (figures, all, up) = {
        let fleet = app.fleet();
        (fleet.figures(), fleet.count(), fleet.up_count())
    };
    metrics::gauge!("cobrowse_webtier_servers").set(all as f64);
    metrics::gauge!("cobrowse_webtier_servers_up").set(up as f64);
    metrics::gauge!("cobrowse_webtier_store_writable").set(f64::from(app.store_has_room()));
    let servers: Vec<Rendered<'_>> = figures
        .iter()
        .map(|(server, told)| Rendered {
            server: server.as_str(),
            whole: &told.whole,
            cores: &told.cores,
        })
        .collect();
    let own = HANDLE.get().map(PrometheusHandle::render).unwrap_or_default();
    own + &render(&servers)
}

/// A request was answered.
pub(crate) fn request(method: &str, status: u16, seconds: f64) {
    let labels = [("method", method.to_owned()), ("status", status.to_string())];
    metrics::counter!("cobrowse_webtier_requests_total", &labels).increment(1);
    metrics::histogram!(REQUEST_SECONDS).record(seconds);
}

/// A mask of a group that a browser could not read was told of for the first time.
pub(crate) fn unreadable_mask(group: &str) {
    metrics::counter!(UNREADABLE_MASKS, "group" => group.to_owned()).increment(1);
}

/// Somebody tried to log in.
pub(crate) fn login(outcome: &'static str) {
    metrics::counter!("cobrowse_webtier_logins_total", "outcome" => outcome).increment(1);
}

/// The clock of a session server and ours, when its stream opened.
pub(crate) fn clock_offset(server: &str, theirs_ms: u64, ours_ms: u64) {
    let offset_s = (theirs_ms as f64 - ours_ms as f64) / 1_000.0;
    metrics::gauge!("cobrowse_webtier_server_clock_offset_seconds", "server" => server.to_owned())
        .set(offset_s);
}

/// When one of our certificates expires.
pub(crate) fn certificate(name: &'static str, ends_s: u64) {
    metrics::gauge!("cobrowse_webtier_certificate_expiry_timestamp_seconds", "certificate" => name)
        .set(ends_s as f64);
}

/// Whether a header carries the token.
pub(crate) fn is_allowed(token: &str, header: Option<&str>) -> bool {
    let shown = header.and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default();
    shown.as_bytes().ct_eq(token.as_bytes()).into()
}

const UNREADABLE_MASKS: &str = "cobrowse_webtier_unreadable_masks_total";
const REQUEST_SECONDS: &str = "cobrowse_webtier_request_seconds";
const REQUEST_BOUNDS_S: &[f64] = &[0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0];
