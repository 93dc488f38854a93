//! Our own pages in a frame of an application that a group lists: the way to a framed viewer leads through them.
//!
//! Only what a browser asks for as a frame's content is touched (`Sec-Fetch-Dest`, which no script can set): the policy names
//! the applications in place of nobody, and cookies are bound to the site of the application. In a window of their own
//! our pages stay as strict as they are.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;

use crate::limits::ANCESTORS_MAX;
use crate::pages::Answer;
use crate::service::App;

/// Lets listed applications frame the answer.
pub(super) async fn allow(State(app): State<App>, request: Request, next: Next) -> Answer {
    let is_framed = request.headers().get("sec-fetch-dest").is_some_and(|for_| for_ == "iframe");
    let mut answer = next.run(request).await;
    if !is_framed {
        return answer;
    }
    let groups = match app.store(|store| store.groups()).await {
        Ok(groups) => groups,
        Err(error) => {
            tracing::error!(%error, "which applications may frame a page could not be read: none may");
            return answer;
        }
    };
    let mut ancestors: Vec<_> =
        groups.into_iter().flat_map(|group| group.settings.embed_ancestors).collect();
    ancestors.sort_unstable();
    ancestors.dedup();
    ancestors.truncate(ANCESTORS_MAX);
    if !ancestors.is_empty() {
        open(answer.headers_mut(), &ancestors.join(" "));
    }
    answer
}

fn open(headers: &mut HeaderMap, ancestors: &str) {
    let policy = headers.get(header::CONTENT_SECURITY_POLICY);
    let policy = policy.and_then(|policy| policy.to_str().ok()).unwrap_or_default();
    let opened = policy.replace("frame-ancestors 'none'", &format!("frame-ancestors {ancestors}"));
    if opened != policy
        && let Ok(opened) = HeaderValue::from_str(&opened)
    {
        headers.insert(header::CONTENT_SECURITY_POLICY, opened);
        // It knows no list, and every browser that frames us knows the policy.
        headers.remove(header::X_FRAME_OPTIONS);
    }
    let cookies: Vec<_> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        let bound = cookie
            .to_str()
            .map(|text| text.replace("SameSite=Lax", "SameSite=None; Partitioned"))
            .ok()
            .and_then(|text| HeaderValue::from_str(&text).ok());
        headers.append(header::SET_COOKIE, bound.unwrap_or(cookie));
    }
}
