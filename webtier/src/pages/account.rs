//! An agent's own account: the password, and where it is logged in.

use super::{age, text};
use crate::limits::PASSWORD_BYTES_MIN;
use crate::store::records::Login;

/// The page. Each login has a name; `own` is the reader's.
pub(crate) fn account(
    logins: &[(String, Login)],
    own: &str,
    csrf: &str,
    now_ms: u64,
    told: Option<&str>,
) -> String {
    let told = told.map_or(String::new(), |told| {
        format!("<p class=\"problem\" role=\"alert\">{}</p>", text(told))
    });
    let csrf = text(csrf);
    let rows: String = logins
        .iter()
        .map(|(name, login)| {
            let begun = age(now_ms.saturating_sub(login.created_ms));
            let used = age(now_ms.saturating_sub(login.seen_ms));
            let end = if name == own {
                "this one".to_owned()
            } else {
                format!(
                    "<form class=\"line\" method=\"post\" action=\"/account/logins\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\"><input type=\"hidden\" name=\"login\" value=\"{}\"><button>End<span class=\"unseen\"> the login of {begun} ago</span></button></form>",
                    text(name)
                )
            };
            format!("<tr><td>{begun} ago</td><td>{used} ago</td><td>{end}</td></tr>")
        })
        .collect();
    format!(
        "{told}<section><h2>Password</h2><form class=\"stack\" method=\"post\" action=\"/account/password\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\"><label>Password now <input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label><label>New password <input name=\"new\" type=\"password\" autocomplete=\"new-password\" minlength=\"{PASSWORD_BYTES_MIN}\" required></label><button>Change it, and log out everywhere</button></form></section><section><h2>Where you are logged in</h2><table><thead><tr><th scope=\"col\">Since</th><th scope=\"col\">Used</th><th scope=\"col\">End</th></tr></thead><tbody>{rows}</tbody></table></section><p><a href=\"/\">To the list of sessions</a></p>"
    )
}
