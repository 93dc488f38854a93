//! Our page around a view, as HTML. Its script makes the frame, and sends the form with the ticket into it.

use super::text;

/// The page of a session's view at `server`. `again` is the path of the agent view; `is_second` says that it was tried a moment ago.
pub(crate) fn around(
    key: &str,
    again: &str,
    server: &str,
    ticket: &str,
    is_second: bool,
) -> String {
    let second = if is_second { " data-second" } else { "" };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{key} – Cobrowse</title><link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/assets/web.css\">\
         <script src=\"/cobrowse/around.js\" defer></script></head>\
         <body class=\"around\" data-server=\"{server}\" data-again=\"{again}\"{second}>\
         <p id=\"stopped\" class=\"problem\" role=\"alert\" hidden>The visitor's page had stopped the view. It opens again, and that page is not shown before you ask for it.</p>\
         <p id=\"fails\" class=\"problem\" role=\"alert\" hidden>The view does not open. <a href=\"{again}\">Try again</a> · \
         <a id=\"alone\" href=\"{again}&amp;Alone=1\">Open it in a page of its own</a> · <a href=\"/\">To the list of sessions</a></p>\
         <form id=\"ticket\" method=\"post\" action=\"{server}/join\" autocomplete=\"off\" hidden><input type=\"hidden\" name=\"ticket\" value=\"{ticket}\"></form>\
         <noscript><p class=\"problem\">A view needs JavaScript.</p></noscript></body></html>",
        key = text(key),
        again = text(again),
        server = text(server),
        ticket = text(ticket),
    )
}
