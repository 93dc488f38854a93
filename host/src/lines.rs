//! On which line of a TOML file a key stands, so that a fault of its value can be found.

/// `text` with the line of the key that it begins with put in front: `line 3: listen: …`. A fault of a key that is not written in
/// the file stays as it is.
pub fn with_line(file: &str, fault: &str) -> String {
    let key = fault.split([' ', ':']).next().unwrap_or_default();
    match line_of(file, key) {
        Some(line) => format!("line {line}: {fault}"),
        None => fault.to_owned(),
    }
}

/// The line of a key like `listen` or `limits.starts_per_minute_group`, from 1.
fn line_of(file: &str, key: &str) -> Option<usize> {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut here = String::new();
    for (at, line) in file.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            here = header.trim().to_owned();
        } else if let Some((found, _)) = line.split_once('=') {
            let found = found.trim();
            let is_inline = here.is_empty() && (found == key || found == table);
            if is_inline || (here == table && found == name) {
                return Some(at + 1);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_own_table_however_that_is_written() {
        let file = "id = \"s1\"\n\n[tls]\nkey = \"a\"\n[limits]\nkey = \"b\"\n";
        assert_eq!(with_line(file, "id = \"S\": bad"), "line 1: id = \"S\": bad");
        assert_eq!(with_line(file, "limits.key = 0: bad"), "line 6: limits.key = 0: bad");
        assert_eq!(with_line(file, "listen: missing"), "listen: missing");
        assert_eq!(with_line("limits = { key = 1 }", "limits.key: x"), "line 1: limits.key: x");
    }
}
