//! A report as one HTML file with plots, without any other resource: it can be mailed and kept.

use std::fmt::Write;

use crate::report::{Figures, Report, Step};

/// The file's content.
pub fn page(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut out, report);
    out
}

fn write_page(out: &mut String, report: &Report) -> std::fmt::Result {
    let name = escape(report.scenario.name);
    write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{name} against {}</title><style>{STYLE}</style>",
        escape(&report.server_name)
    )?;
    write!(
        out,
        "<h1>{name} <small>against {}</small></h1><p>{}</p><p>Started {}; {} generator threads. <b>Limit:</b> {}.</p>",
        escape(&report.server_name),
        escape(report.scenario.about),
        utc(report.started_ms),
        report.threads,
        escape(&report.limit)
    )?;
    thresholds(out, report)?;
    figures(out, report)?;
    if report.steps.len() > 1 {
        search(out, report)?;
    }
    if let Some(step) = report.steps.last() {
        plots(out, step)?;
    }
    let json = serde_json::to_string_pretty(&report.scenario).unwrap_or_default();
    write!(
        out,
        "<details><summary>The scenario in full</summary><pre>{}</pre></details></html>",
        escape(&json)
    )
}

fn thresholds(out: &mut String, report: &Report) -> std::fmt::Result {
    out.push_str("<ul>");
    for one in &report.thresholds {
        let (class, word) = if one.held { ("good", "held") } else { ("bad", "broken") };
        write!(
            out,
            "<li><b class=\"{class}\">{word}</b> {} <i>({})</i></li>",
            escape(&one.asked),
            escape(&one.found)
        )?;
    }
    out.push_str("</ul>");
    Ok(())
}

fn figures(out: &mut String, report: &Report) -> std::fmt::Result {
    out.push_str("<table><tr><th>crowd<th>sent<th>delivered<th>lost<th>skipped<th>disordered<th>p50 ms<th>p90<th>p99<th>p99.9<th>max<th>opened<th>opening p99 ms</tr>");
    for step in &report.steps {
        if report.steps.len() > 1 {
            write!(out, "<tr><th colspan=\"13\">rates x {:.2}</th></tr>", step.scale)?;
        }
        row(out, &step.total)?;
        if step.crowds.len() > 1 {
            step.crowds.iter().try_for_each(|crowd| row(out, crowd))?;
        }
    }
    out.push_str("</table><table>");
    let mut line = |name: &str, value: Option<String>| match value {
        Some(value) => write!(out, "<tr><td>{name}<td>{value}</tr>"),
        None => Ok(()),
    };
    if let Some(step) = report.steps.last() {
        let two = |value: Option<f64>| value.map(|value| format!("{value:.2}"));
        line("server CPU, cores", two(step.server_cpu))?;
        line(
            "of it in the kernel",
            step.server_kernel_share.map(|s| format!("{:.0} %", s * 100.0)),
        )?;
        line("server CPU per message, us", two(step.cpu_us_per_message))?;
        line("server CPU per MB, us", two(step.cpu_us_per_mb))?;
        line("server CPU per connection, us", two(step.cpu_us_per_connection))?;
        line(
            "generator CPU, share of its threads",
            Some(format!("{:.0} %", step.generator_cpu * 100.0)),
        )?;
        line(
            "generator late by, p99, ms",
            Some(format!("{:.3}", step.total.lateness.p99_us as f64 / 1e3)),
        )?;
    }
    line("capacity, deliveries/s", report.capacity_per_s.map(|c| format!("{c:.0}")))?;
    if let Some(server) = &report.server {
        line("server memory before, KiB", Some((server.rss_before_bytes / 1024).to_string()))?;
        line("with connections, KiB", Some((server.rss_open_bytes / 1024).to_string()))?;
        line("each connection, bytes", server.rss_bytes_per_connection.map(|b| b.to_string()))?;
        line("at the end, KiB", Some((server.rss_after_bytes / 1024).to_string()))?;
    }
    out.push_str("</table>");
    Ok(())
}

fn row(out: &mut String, of: &Figures) -> std::fmt::Result {
    let ms = |us: u64| format!("{:.2}", us as f64 / 1e3);
    let l = &of.latency;
    write!(
        out,
        "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
        escape(&of.name),
        of.sent,
        of.delivered,
        of.lost,
        of.skipped,
        of.disordered,
        ms(l.p50_us),
        ms(l.p90_us),
        ms(l.p99_us),
        ms(l.p999_us),
        ms(l.max_us),
        of.opened,
        ms(of.opening.p99_us)
    )?;
    for (fault, count) in &of.faults {
        write!(out, "<tr><td colspan=\"13\" class=\"bad\">{count} times: {}</tr>", escape(fault))?;
    }
    Ok(())
}

fn search(out: &mut String, report: &Report) -> std::fmt::Result {
    let points = |of: &dyn Fn(&Step) -> f64| -> Vec<(f64, f64)> {
        report.steps.iter().map(|step| (step.offered_per_s, of(step))).collect()
    };
    Plot {
        title: "Latency over offered deliveries a second",
        unit: "ms",
        x_unit: "/s",
        logarithmic: true,
        lines: vec![
            ("p50", points(&|step| step.total.latency.p50_us as f64 / 1e3)),
            ("p99", points(&|step| step.total.latency.p99_us as f64 / 1e3)),
        ],
    }
    .write(out)
}

fn plots(out: &mut String, step: &Step) -> std::fmt::Result {
    let over = |of: &dyn Fn(&crate::report::SecondFigures) -> Option<f64>| -> Vec<(f64, f64)> {
        let seconds = step.seconds.iter().enumerate();
        seconds.filter_map(|(at, second)| Some((at as f64, of(second)?))).collect()
    };
    let busy = |of: &dyn Fn(&crate::report::Percentiles) -> u64| {
        over(&|second| (second.delivered > 0).then(|| of(&second.latency) as f64 / 1e3))
    };
    let all = [
        Plot {
            title: "Latency, each second (warm-up first)",
            unit: "ms",
            x_unit: "s",
            logarithmic: true,
            lines: vec![
                ("p50", busy(&|l| l.p50_us)),
                ("p99", busy(&|l| l.p99_us)),
                ("max", busy(&|l| l.max_us)),
            ],
        },
        Plot {
            title: "Messages, each second",
            unit: "",
            x_unit: "s",
            logarithmic: false,
            lines: vec![
                ("delivered", over(&|second| Some(second.delivered as f64))),
                ("sent", over(&|second| Some(second.sent as f64))),
            ],
        },
        Plot {
            title: "CPU",
            unit: "%",
            x_unit: "s",
            logarithmic: false,
            lines: vec![
                ("server", over(&|second| second.server_cpu.map(|cpu| cpu * 100.0))),
                ("generator", over(&|second| Some(second.generator_cpu * 100.0))),
            ],
        },
        Plot {
            title: "Server's resident memory",
            unit: "MiB",
            x_unit: "s",
            logarithmic: false,
            lines: vec![(
                "resident",
                over(&|second| second.server_rss_bytes.map(|bytes| bytes as f64 / 1_048_576.0)),
            )],
        },
        Plot {
            title: "Latency by percentile: as much room for the slowest hundredth as for the slowest tenth",
            unit: "ms",
            x_unit: PERCENTILE,
            logarithmic: true,
            lines: vec![(
                "latency",
                step.total
                    .distribution
                    .iter()
                    .map(|(p, us)| (-(1.0 - p / 100.0).max(1e-9).log2(), *us as f64 / 1e3))
                    .collect(),
            )],
        },
    ];
    all.into_iter().try_for_each(|plot| plot.write(out))
}

struct Plot<'a> {
    title: &'a str,
    unit: &'a str,
    x_unit: &'a str,
    logarithmic: bool,
    lines: Vec<(&'a str, Vec<(f64, f64)>)>,
}

impl Plot<'_> {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        let points = || self.lines.iter().flat_map(|(_, points)| points.iter().copied());
        if points().count() < 2 {
            return Ok(());
        }
        let fold = |of: fn(f64, f64) -> f64, start: f64, pick: fn((f64, f64)) -> f64| {
            points().map(pick).fold(start, of)
        };
        let (x_min, x_max) = (fold(f64::min, f64::MAX, |p| p.0), fold(f64::max, f64::MIN, |p| p.0));
        let y_max = fold(f64::max, f64::MIN, |p| p.1).max(1e-6);
        let y_min =
            if self.logarithmic { fold(f64::min, f64::MAX, |p| p.1).max(y_max / 1e6) } else { 0.0 };
        let (low, high) = (self.level(y_min), self.level(y_max * 1.05));
        let x = |value: f64| LEFT + (value - x_min) / (x_max - x_min).max(1e-9) * WIDTH;
        let y = |value: f64| {
            let level = self.level(value.max(y_min.max(1e-9)));
            TOP + HEIGHT - (level - low) / (high - low).max(1e-9) * HEIGHT
        };
        write!(
            out,
            "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
            escape(self.title),
            LEFT + WIDTH + RIGHT,
            TOP + HEIGHT + BOTTOM,
            escape(self.title)
        )?;
        for tick in self.ticks(y_min, y_max) {
            let at = y(tick);
            write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text class=\"end\" x=\"{}\" y=\"{:.1}\">{} {}</text>",
                LEFT + WIDTH,
                LEFT - 6.0,
                at + 4.0,
                short(tick),
                self.unit
            )?;
        }
        for (value, label) in self.x_ticks(x_min, x_max) {
            write!(
                out,
                "<text class=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{label} {}</text>",
                x(value),
                TOP + HEIGHT + 18.0,
                self.x_unit
            )?;
        }
        for (at, (name, points)) in self.lines.iter().enumerate() {
            let path: Vec<String> =
                points.iter().map(|(px, py)| format!("{:.1},{:.1}", x(*px), y(*py))).collect();
            let colour = COLOURS[at % COLOURS.len()];
            write!(out, "<polyline stroke=\"{colour}\" points=\"{}\"/>", path.join(" "))?;
            write!(
                out,
                "<text x=\"{}\" y=\"{}\" fill=\"{colour}\">{}</text>",
                LEFT + WIDTH + 8.0,
                TOP + 14.0 + 18.0 * at as f64,
                escape(name)
            )?;
        }
        out.push_str("</svg></figure>");
        Ok(())
    }

    fn level(&self, value: f64) -> f64 {
        if self.logarithmic { value.max(1e-9).log10() } else { value }
    }

    fn x_ticks(&self, min: f64, max: f64) -> Vec<(f64, String)> {
        if self.x_unit == PERCENTILE {
            // Each tenfold of what is left, where the axis counts its halvings.
            let all = ["0", "50", "90", "99", "99.9", "99.99", "99.999"];
            let at = |text: &str| -(1.0 - text.parse().unwrap_or(0.0) / 100.0_f64).log2();
            let ticks = all.iter().map(|text| (at(text), (*text).to_owned()));
            return ticks.filter(|(value, _)| (min..=max).contains(value)).collect();
        }
        let value = |part: i32| min + (max - min) * f64::from(part) / 4.0;
        (0..=4).map(|part| (value(part), short(value(part)))).collect()
    }

    fn ticks(&self, y_min: f64, y_max: f64) -> Vec<f64> {
        if self.logarithmic {
            let (from, to) = (y_min.log10().floor() as i32, y_max.log10().ceil() as i32);
            let decades = (from..=to).map(|power| 10_f64.powi(power));
            return decades.filter(|tick| (y_min..=y_max * 1.05).contains(tick)).collect();
        }
        (0..=4).map(|part| y_max * f64::from(part) / 4.0).collect()
    }
}

/// A wall clock's milliseconds as date and time, UTC.
fn utc(ms: u64) -> String {
    let (days, seconds) = (ms / 86_400_000, ms / 1_000 % 86_400);
    // Years that begin in March, so that a leap day comes last; 400 of them are 146,097 days.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute) = (seconds / 3_600, seconds / 60 % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02} UTC", seconds % 60)
}

fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 10_000.0 => format!("{:.0}k", value / 1e3),
        v if v >= 100.0 || v == 0.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}").trim_end_matches('0').to_owned(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Unit of an axis that counts how often what is left was halved, and is labelled by percentiles.
const PERCENTILE: &str = "%";

const LEFT: f64 = 90.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 30.0;
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
/// Told apart by who does not see red and green apart.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:960px;padding:0 1rem;color:#1b1f24}h1 small{font-weight:400;color:#57606a}table{border-collapse:collapse;margin:1rem 0;font-size:13px}td,th{padding:.2rem .6rem;border-bottom:1px solid #d0d7de;text-align:right}td:first-child,th:first-child{text-align:left}figure{margin:1.5rem 0}figcaption{font-weight:600}svg{width:100%;font-size:12px}polyline{fill:none;stroke-width:1.8}.grid{stroke:#d8dee4;stroke-width:1}.end{text-anchor:end;fill:#57606a}.middle{text-anchor:middle;fill:#57606a}.good{color:#1a7f37}.bad{color:#cf222e}pre{overflow:auto;font-size:12px}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_spans_its_values_and_names_its_lines() {
        let mut out = String::new();
        let plot = Plot {
            title: "a < b",
            unit: "ms",
            x_unit: "s",
            logarithmic: true,
            lines: vec![("p99", vec![(0.0, 1.0), (1.0, 100.0)])],
        };
        plot.write(&mut out).unwrap();
        assert!(out.contains("a &lt; b") && out.contains(">p99<"));
        assert!(out.contains("1.0 ms") && out.contains("10.0 ms") && out.contains("100 ms"));
        assert!(!out.contains("NaN") && !out.contains("inf"));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400_000 - 1_000), "2000-02-28 23:59:59 UTC");
        assert_eq!(utc(951_868_799_000), "2000-02-29 23:59:59 UTC");
        assert_eq!(utc(1_795_645_275_864), "2026-11-25 22:21:15 UTC");
    }

    #[test]
    fn one_point_is_no_plot() {
        let mut out = String::new();
        let lines = vec![("p99", vec![(0.0, 1.0)])];
        Plot { title: "", unit: "", x_unit: "", logarithmic: false, lines }
            .write(&mut out)
            .unwrap();
        assert!(out.is_empty());
    }
}
