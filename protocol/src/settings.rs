//! A group's settings: PROTOCOL.md section 7.3.
//!
//! Owns their shape and what is valid. The web tier stores them, the CServer enforces origins and grace
//! and hands the visitor's part on unread, the visitor's script masks by it.

use serde::{Deserialize, Serialize};

use crate::limits::{
    CANVAS_RATE_MAX, GRACE_MS_DEFAULT, GRACE_MS_MAX, GRACE_MS_MIN, MASK_BYTES_MAX, MASKS_MAX,
    ORIGINS_MAX, QUERY_NAME_BYTES_MAX, QUERY_NAMES_MAX, TERMS_BYTES_MAX,
    VISITOR_SETTINGS_BYTES_MAX,
};

/// Settings of one group. [`GroupSettings::faults`] must be empty before they go anywhere.
///
/// ```
/// use cobrowse_protocol::GroupSettings;
/// let settings: GroupSettings = serde_json::from_str(
///     r##"{"origins":["https://shop.example"],"visitor":{"masks":["#card"]}}"##,
/// ).unwrap();
/// assert_eq!(settings.grace_ms, 30_000);
/// assert!(settings.faults().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSettings {
    /// Rises with every change.
    #[serde(default)]
    pub revision: u64,
    /// Origins whose pages may run sessions of the group. None means no page may.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Origins from which an agent's browser may load images, styles, fonts and media, besides `origins`.
    #[serde(default)]
    pub resource_origins: Vec<String>,
    /// Origins of applications that may show the viewer in a frame. None means none may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embed_ancestors: Vec<String>,
    /// Pages that came over HTTP are shown to agents over HTTP, so that what exists over HTTP only can be seen. Only then may
    /// `origins` and `resource_origins` name http origins.
    #[serde(default, skip_serializing_if = "is_false")]
    pub follows_protocol: bool,
    /// How long a session waits for its visitor, milliseconds.
    #[serde(default = "grace_ms_default")]
    pub grace_ms: u64,
    /// What only the visitor's script reads.
    #[serde(default)]
    pub visitor: VisitorSettings,
}

/// The visitor's part of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct VisitorSettings {
    /// CSS selectors of what is masked besides `glance_masked`. Whether they parse only a browser can say;
    /// one that does not masks everything.
    #[serde(default)]
    pub masks: Vec<String>,
    /// What is masked without any rule.
    #[serde(default)]
    pub mask_default: MaskDefault,
    /// Names of query parameters that addresses keep when they leave the page; without any they lose their queries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query_names: Vec<String>,
    /// Pictures of each canvas in a second; 0 lets none leave. What a canvas shows no selector can look into: a canvas is
    /// masked as a whole, or not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub canvas_rate: u8,
    /// Origins whose pictures and fonts the visitor's browser reads and sends along, since agents' browsers cannot reach them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upload_origins: Vec<String>,
    /// CSS selectors of what no agent may act upon. One that does not parse refuses everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refuses: Vec<String>,
    /// What a visitor has to accept before anything is shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// How the visitor's controls look.
    #[serde(default, skip_serializing_if = "Theme::is_default")]
    pub theme: Theme,
    /// Origins of chat windows that may start and end sessions by a window message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chat_origins: Vec<String>,
}

/// What a visitor has to accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Shown as plain text.
    pub text: String,
    /// Where more of it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// How the visitor's controls look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Theme {
    /// Colour of what agents show, `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accent: Option<String>,
    /// Corner of the page.
    #[serde(default)]
    pub place: Place,
}

/// A corner of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Where most pages leave room.
    #[default]
    BottomRight,
    /// The other one below.
    BottomLeft,
    /// Above.
    TopRight,
    /// Above, on the left.
    TopLeft,
}

impl Theme {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What is masked without any rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum MaskDefault {
    /// Password and payment fields.
    #[default]
    Passwords,
    /// Every field.
    Inputs,
    /// All text until unmasked.
    Text,
}

impl GroupSettings {
    /// Everything that is wrong, each with its remedy; empty when the settings are valid.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, origins, may_be_http) in [
            ("origins", &self.origins, self.follows_protocol),
            ("resource_origins", &self.resource_origins, self.follows_protocol),
            ("embed_ancestors", &self.embed_ancestors, false),
            ("visitor.chat_origins", &self.visitor.chat_origins, false),
            ("visitor.upload_origins", &self.visitor.upload_origins, false),
        ] {
            if origins.len() > ORIGINS_MAX {
                faults.push(format!("{name}: {} given, at most {ORIGINS_MAX}", origins.len()));
            }
            for origin in origins.iter() {
                if !is_origin(origin) {
                    faults.push(format!(
                        "{name}: {origin:?} is not an origin; write it like https://shop.example or https://shop.example:8443, in lower case, without a path and without a default port"
                    ));
                } else if is_http_origin(origin) && !may_be_http {
                    faults.push(format!(
                        "{name}: {origin:?} is plain HTTP; only origins and resource_origins of a group with follows_protocol may be"
                    ));
                }
            }
        }
        if !(GRACE_MS_MIN..=GRACE_MS_MAX).contains(&self.grace_ms) {
            faults.push(format!(
                "grace_ms: {} is not between {GRACE_MS_MIN} and {GRACE_MS_MAX}",
                self.grace_ms
            ));
        }
        let visitor = &self.visitor;
        for (name, selectors) in
            [("visitor.masks", &visitor.masks), ("visitor.refuses", &visitor.refuses)]
        {
            if selectors.len() > MASKS_MAX {
                faults.push(format!("{name}: {} given, at most {MASKS_MAX}", selectors.len()));
            }
            for selector in selectors {
                if selector.trim().is_empty() || selector.len() > MASK_BYTES_MAX {
                    faults.push(format!(
                        "{name}: {selector:?} is empty or longer than {MASK_BYTES_MAX} bytes"
                    ));
                }
            }
        }
        if visitor.query_names.len() > QUERY_NAMES_MAX {
            faults.push(format!(
                "visitor.query_names: {} given, at most {QUERY_NAMES_MAX}",
                visitor.query_names.len()
            ));
        }
        for name in visitor.query_names.iter().filter(|name| !is_query_name(name)) {
            faults.push(format!(
                "visitor.query_names: {name:?} is no name; write it as it stands in the address, 1 to {QUERY_NAME_BYTES_MAX} bytes without &=#?+ and spaces"
            ));
        }
        if visitor.canvas_rate > CANVAS_RATE_MAX {
            faults.push(format!(
                "visitor.canvas_rate: {} pictures in a second, at most {CANVAS_RATE_MAX}; 0 for none",
                visitor.canvas_rate
            ));
        }
        if let Some(terms) = &visitor.terms {
            if terms.text.trim().is_empty() || terms.text.len() > TERMS_BYTES_MAX {
                faults.push(format!(
                    "visitor.terms.text: {} bytes, expected 1 to {TERMS_BYTES_MAX}",
                    terms.text.len()
                ));
            }
            if terms.url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
                faults.push("visitor.terms.url: begins with https://, or is left out".into());
            }
        }
        if visitor.theme.accent.as_ref().is_some_and(|accent| !is_colour(accent)) {
            faults.push("visitor.theme.accent: a colour like #1f5fbf".into());
        }
        let bytes = serde_json::to_vec(&self.visitor).map_or(usize::MAX, |json| json.len());
        if bytes > VISITOR_SETTINGS_BYTES_MAX {
            faults.push(format!(
                "visitor: {bytes} bytes as JSON, at most {VISITOR_SETTINGS_BYTES_MAX}; use fewer or shorter selectors, or mark the pages' elements with the class glance_masked"
            ));
        }
        faults
    }

    /// Whether a page of that origin may run sessions of the group. Origins are compared byte for byte, as browsers send them.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin)
    }
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            revision: 0,
            origins: Vec::new(),
            resource_origins: Vec::new(),
            embed_ancestors: Vec::new(),
            follows_protocol: false,
            grace_ms: GRACE_MS_DEFAULT,
            visitor: VisitorSettings::default(),
        }
    }
}

/// Whether a page of that origin came over plain HTTP.
pub fn is_http_origin(origin: &str) -> bool {
    origin.starts_with("http://")
}

/// Whether `text` is an origin exactly as a browser writes it. It goes into a Content-Security-Policy,
/// so nothing that could end a directive may pass.
pub fn is_origin(text: &str) -> bool {
    let (rest, default_port) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, 443),
        (_, Some(rest)) => (rest, 80),
        _ => return false,
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    let host_fits = !host.is_empty()
        && host.len() <= 253
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        });
    let port_fits = port.is_none_or(|port| {
        !port.starts_with('0')
            && port.bytes().all(|b| b.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|number| number != default_port)
    });
    host_fits && port_fits
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks with a reference
fn is_zero(number: &u8) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks with a reference
fn is_false(value: &bool) -> bool {
    !value
}

/// Whether `text` is a parameter's name as it stands in an address.
fn is_query_name(name: &str) -> bool {
    (1..=QUERY_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_graphic() && !b"&=#?+".contains(&b))
}

/// Whether `text` is `#rrggbb`.
fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn grace_ms_default() -> u64 {
    GRACE_MS_DEFAULT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_browser_sends_as_an_origin_is_one() {
        for good in [
            "https://shop.example",
            "https://shop.example:8443",
            "https://a-b.c1",
            "http://shop.example",
            "http://shop.example:443",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "http://shop.example:80",
            "ftp://shop.example",
            "https://shop.example/",
            "https://Shop.example",
            "https://shop.example:443",
            "https://shop.example:0443",
            "https://shop.example:99999",
            "https://*.example",
            "https://a b",
            "https://a;script-src",
            "https://a'unsafe-inline'",
            "https://",
            "https://u@h",
            "null",
            "*",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn http_origins_belong_to_groups_that_follow_the_protocol_and_frame_or_chat_with_nobody() {
        let http = || vec!["http://shop.example".to_owned()];
        let mut settings = GroupSettings {
            origins: http(),
            resource_origins: http(),
            embed_ancestors: http(),
            visitor: VisitorSettings { chat_origins: http(), ..Default::default() },
            ..Default::default()
        };
        assert_eq!(settings.faults().len(), 4, "{:?}", settings.faults());
        settings.follows_protocol = true;
        let faults = settings.faults();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults.iter().all(|fault| fault.starts_with("embed") || fault.contains("chat")));
        let quiet = serde_json::to_string(&GroupSettings::default()).unwrap();
        assert!(!quiet.contains("follows_protocol"), "older servers read what needs no newer ones");
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let settings = GroupSettings {
            origins: vec!["shop".into(), "https://ok.example".into()],
            grace_ms: 1,
            visitor: VisitorSettings { masks: vec![String::new()], ..Default::default() },
            ..Default::default()
        };
        assert_eq!(settings.faults().len(), 3, "{:?}", settings.faults());
    }

    #[test]
    fn terms_a_theme_and_selectors_are_checked() {
        let visitor = VisitorSettings {
            refuses: vec![" ".into()],
            terms: Some(Terms { text: " ".into(), url: Some("http://shop.example".into()) }),
            theme: Theme { accent: Some("red".into()), ..Default::default() },
            chat_origins: vec!["*".into()],
            query_names: vec!["page".into(), "a=b".into()],
            canvas_rate: CANVAS_RATE_MAX + 1,
            upload_origins: vec!["https://shop.example/".into()],
            ..Default::default()
        };
        let settings = GroupSettings { visitor, ..Default::default() };
        assert_eq!(settings.faults().len(), 8, "{:?}", settings.faults());
        let none = serde_json::to_string(&VisitorSettings::default()).unwrap();
        assert_eq!(none, r#"{"masks":[],"mask_default":"passwords"}"#);
    }

    #[test]
    fn the_largest_valid_settings_fit_into_a_welcome_and_into_a_control_record() {
        let mut settings = GroupSettings {
            origins: vec![format!("https://{}:65535", "a".repeat(253)); ORIGINS_MAX],
            resource_origins: vec![format!("https://{}:65535", "b".repeat(253)); ORIGINS_MAX],
            ..Default::default()
        };
        let fits = |settings: &GroupSettings| settings.faults().is_empty();
        while fits(&settings) && settings.visitor.masks.len() < MASKS_MAX {
            settings.visitor.masks.push("m".repeat(MASK_BYTES_MAX));
        }
        settings.visitor.masks.pop();
        assert!(fits(&settings), "{:?}", settings.faults());
        let group = "g".repeat(32).parse().unwrap();
        let record = crate::control::Down::Group { group, settings: Box::new(settings) }.to_json();
        assert!(record.len() <= crate::limits::CONTROL_RECORD_BYTES_MAX, "{}", record.len());
    }
}
