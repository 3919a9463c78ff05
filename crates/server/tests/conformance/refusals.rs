//! Requests that are refused, all of them already when they are pushed.

use crate::stage::Run;
use crate::variant;

#[tokio::test]
async fn ensure_request_object_without_redirect_uri_fails() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        run.one.expect_push_refused(run.one.push().without("redirect_uri"), &["invalid_request"]).await;
    }
}

/// A client with a single registered URI gets no default either.
#[tokio::test]
async fn ensure_redirect_uri_in_authorization_request() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        for client in [&run.one, &run.two] {
            client.expect_push_refused(client.push().without("redirect_uri"), &["invalid_request"]).await;
        }
    }
}

#[tokio::test]
async fn plain_fapi_tolerate_unregistered_redirect_uri() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        for uri in ["https://kakeibo.example/back/other", "https://kakeibo.example/back?x=1", "https://other.example/"]
        {
            run.one.expect_push_refused(run.one.push().with("redirect_uri", uri), &["invalid_request"]).await;
        }
    }
}

#[tokio::test]
async fn ensure_unsigned_authorization_request_without_using_par_fails() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &run.one.partner.client_id)
            .extend_pairs(&run.one.push().form)
            .finish();
        run.expect_error_page(&format!("/1001/authorize?{query}"), "invalid_request").await;
    }
}

#[tokio::test]
async fn ensure_response_type_code_idtoken_fails() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let draft = run.one.push().with("response_type", "code id_token");
        run.one.expect_push_refused(draft, &["unsupported_response_type", "invalid_request"]).await;
    }
}

#[tokio::test]
async fn ensure_response_type_token_fails() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let draft = run.one.push().with("response_type", "token");
        run.one.expect_push_refused(draft, &["unsupported_response_type", "invalid_request"]).await;
    }
}
