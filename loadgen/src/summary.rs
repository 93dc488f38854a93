//! A report in a dozen lines, for a terminal.

use std::fmt::Write;

use crate::report::{Figures, Report};

/// The lines.
pub fn summary(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = lines(&mut out, report);
    out
}

fn lines(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(
        out,
        "{} against {}: {}",
        report.scenario.name, report.server_name, report.scenario.about
    )?;
    if report.open_ms > 0 {
        writeln!(out, "  all connections open after {} ms", report.open_ms)?;
    }
    for step in &report.steps {
        if report.steps.len() > 1 {
            writeln!(
                out,
                "  rates x {:.2}: {:.0} deliveries/s offered",
                step.scale, step.offered_per_s
            )?;
        }
        for figures in
            std::iter::once(&step.total).chain(step.crowds.iter().filter(|_| step.crowds.len() > 1))
        {
            crowd(out, figures, step.window_ms)?;
        }
        let say = |value: Option<f64>, unit: &str| {
            value.map_or(String::new(), |value| format!("  {value:.2} {unit}"))
        };
        writeln!(
            out,
            "    server {}{}{}{}{}; generator {:.0} %",
            step.server_cpu
                .map_or("unknown".into(), |cpu| format!("{:.0} % of a core", cpu * 100.0)),
            say(step.cpu_us_per_message, "us CPU/message"),
            say(step.wakings_per_message, "wakings/message"),
            say(step.cpu_us_per_mb, "us/MB"),
            say(step.cpu_us_per_connection, "us/connection"),
            step.generator_cpu * 100.0
        )?;
    }
    if let Some(server) = &report.server {
        writeln!(
            out,
            "  server memory: {} KiB before, {} KiB with connections{}, {} KiB at the end",
            server.rss_before_bytes / 1024,
            server.rss_open_bytes / 1024,
            server
                .rss_bytes_per_connection
                .map_or(String::new(), |each| format!(" ({each} bytes each)")),
            server.rss_after_bytes / 1024
        )?;
    }
    if let Some(capacity) = report.capacity_per_s {
        writeln!(out, "  capacity: {capacity:.0} deliveries/s within bounds")?;
    }
    writeln!(out, "  limit: {}", report.limit)?;
    for threshold in &report.thresholds {
        let mark = if threshold.held { "held" } else { "BROKEN" };
        writeln!(out, "  {mark}: {} ({})", threshold.asked, threshold.found)?;
    }
    Ok(())
}

fn crowd(out: &mut String, figures: &Figures, window_ms: u64) -> std::fmt::Result {
    let ms = |us: u64| us as f64 / 1e3;
    if figures.opened > 0 {
        let opening = &figures.opening;
        writeln!(
            out,
            "    {}: {} connections opened ({} resumed), p50 {:.1} p99 {:.1} max {:.1} ms",
            figures.name,
            figures.opened,
            figures.resumed,
            ms(opening.p50_us),
            ms(opening.p99_us),
            ms(opening.max_us)
        )?;
    }
    if figures.sent > 0 {
        let latency = &figures.latency;
        writeln!(
            out,
            "    {}: {:.0} sent/s, {:.0} delivered/s; p50 {:.2} p99 {:.2} p99.9 {:.2} max {:.2} ms; {} lost, {} skipped, {} disordered, {} unsent, {} replayed",
            figures.name,
            figures.sent as f64 * 1e3 / window_ms as f64,
            figures.arrived as f64 * 1e3 / window_ms as f64,
            ms(latency.p50_us),
            ms(latency.p99_us),
            ms(latency.p999_us),
            ms(latency.max_us),
            figures.lost,
            figures.skipped,
            figures.disordered,
            figures.unsent,
            figures.replayed
        )?;
    }
    for (fault, count) in &figures.faults {
        writeln!(out, "    {}: {count} times: {fault}", figures.name)?;
    }
    Ok(())
}
