//! Socket.IO in Rust as Bellhop's rival: the same tokens, the same rooms, the same bodies to emit; it stores nothing.
//! Settings in the environment: PORT, INTERNAL_PORT, JWT_SECRET, API_KEY.

use std::{env, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde_json::{Value, json};
use socketioxide::{
    SocketIo,
    extract::{SocketRef, TryData},
    handler::ConnectHandler,
};
use tokio::net::TcpListener;

#[derive(Deserialize, Clone)]
struct Claims {
    sub: String,
    #[serde(default)]
    topics: Vec<String>,
}

#[derive(Deserialize)]
struct Auth {
    token: String,
}

struct Site {
    io: SocketIo,
    authorization: String,
}

async fn emit(io: &SocketIo, item: &Value) -> Value {
    let id = uuid::Uuid::new_v4().to_string();
    let room = item["to"].as_str().unwrap_or_default().to_owned();
    let notification = json!({
        "id": id, "room": room, "seq": null, "type": item["type"], "title": item["title"],
        "body": item.get("body").cloned().unwrap_or_else(|| json!("")),
        "link": item.get("link").cloned().unwrap_or(Value::Null),
        "data": item.get("data").cloned().unwrap_or_else(|| json!({})),
        "created_at": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
    });
    // Who does not read misses it: it is the crate's way.
    let _ = io.to(room.clone()).emit("notification", &notification).await;
    json!({"notifications": [{"id": id, "room": room, "seq": null}], "duplicate": false})
}

fn is_known(site: &Site, headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|given| given.as_bytes() == site.authorization.as_bytes())
}

async fn emit_one(State(site): State<Arc<Site>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if !is_known(&site, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    (StatusCode::ACCEPTED, Json(emit(&site.io, &body).await)).into_response()
}

async fn emit_many(State(site): State<Arc<Site>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if !is_known(&site, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut results = Vec::new();
    for item in body["notifications"].as_array().into_iter().flatten() {
        let mut result = emit(&site.io, item).await;
        result["status"] = json!(202);
        results.push(result);
    }
    (StatusCode::MULTI_STATUS, Json(json!({"results": results}))).into_response()
}

async fn listen(port: &str) -> TcpListener {
    let port = env::var(port).expect("a port").parse::<u16>().expect("a number");
    TcpListener::bind(("127.0.0.1", port)).await.expect("a free port")
}

#[tokio::main]
async fn main() {
    let key = DecodingKey::from_secret(env::var("JWT_SECRET").expect("JWT_SECRET").as_bytes());
    let authorization = format!("Bearer {}", env::var("API_KEY").expect("API_KEY"));
    // What a burst leaves with a client that is behind: by default so little that events would be lost.
    let (layer, io) = SocketIo::builder().max_buffer_size(100_000).build_layer();
    let verify = async move |socket: SocketRef, TryData(auth): TryData<Auth>| {
        let auth = auth.map_err(|_| "no token was given".to_owned())?;
        let claims = decode::<Claims>(&auth.token, &key, &Validation::new(Algorithm::HS256));
        let claims = claims.map_err(|error| error.to_string())?.claims;
        socket.extensions.insert(claims);
        Ok::<(), String>(())
    };
    let enter = async |socket: SocketRef| {
        let Some(claims) = socket.extensions.get::<Claims>() else { return };
        let mut rooms = vec![format!("user:{}", claims.sub), "all".to_owned()];
        rooms.extend(claims.topics.iter().map(|topic| format!("topic:{topic}")));
        socket.join(rooms);
    };
    io.ns("/", enter.with(verify));

    let site = Arc::new(Site { io, authorization });
    let internal = Router::new()
        .route("/internal/emit", post(emit_one))
        .route("/internal/emit/batch", post(emit_many))
        .with_state(site);
    let (public, inner) = (listen("PORT").await, listen("INTERNAL_PORT").await);
    let sockets = tokio::spawn(async move { axum::serve(public, Router::new().layer(layer)).await });
    axum::serve(inner, internal).await.expect("the internal site");
    sockets.await.expect("the public site").expect("the public site");
}
