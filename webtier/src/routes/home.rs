//! The agent's home page, and the same list as JSON.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;

use super::{broken, broken_page, error, offers, see_other};
use crate::pages::{self, Answer, Page};
use crate::service::App;

/// `GET /`
pub(super) async fn page(State(app): State<App>, headers: HeaderMap) -> Answer {
    let logged_in = match app.who(&headers).await {
        Ok(Some(logged_in)) => logged_in,
        Ok(None) => return see_other("/login?next=%2F"),
        Err(error) => return broken_page(&app, &error),
    };
    let visitors = match offers::of_agent(&app, &logged_in.agent, None).await {
        Ok(visitors) => visitors,
        Err(error) => return broken_page(&app, &error),
    };
    match app.list(&logged_in.agent).await {
        Ok(sessions) => Page {
            status: StatusCode::OK,
            title: "Cobrowse",
            body: pages::home(&sessions, &visitors, &logged_in, app.clock.now_ms()),
            refresh: None,
            reader: Some(&logged_in),
        }
        .answer(&app.config.cookie_domain),
        Err(error) => broken_page(&app, &error),
    }
}

/// `GET /api/v1/agent/sessions`
pub(super) async fn list(State(app): State<App>, headers: HeaderMap) -> Answer {
    let agent = match app.who(&headers).await {
        Ok(Some(logged_in)) => logged_in.agent,
        Ok(None) => {
            return error(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "not logged in: log in at /login",
            );
        }
        Err(cause) => return broken(&cause),
    };
    match app.list(&agent).await {
        Ok(sessions) => Json(serde_json::json!({ "sessions": sessions })).into_response(),
        Err(cause) => broken(&cause),
    }
}
