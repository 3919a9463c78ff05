//! Every page in every case and language keeps the rules all pages share.

use std::collections::BTreeSet;

use renkei_screens::samples::{self, Sample, linkages, permission};
use renkei_screens::{Lang, PermissionPage};

/// Most bytes a page may have.
const PAGE_BYTES_MAX: usize = 30_000;

fn every_page(check: impl Fn(&Sample)) {
    for lang in Lang::ALL {
        let samples = samples::all(lang);
        assert!(samples.len() > 30);
        samples.iter().for_each(check_named(&check));
    }
}

fn check_named<'a>(check: &'a impl Fn(&Sample)) -> impl Fn(&Sample) + 'a {
    move |sample| {
        println!("{} {}", sample.name, sample.lang.code());
        check(sample);
    }
}

/// The values of an attribute, in order.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let opening = format!(" {name}=\"");
    html.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// Every tag of this name, from `<` to `>`.
fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let opening = format!("<{name} ");
    html.split(&opening).skip(1).filter_map(|rest| rest.split('>').next()).collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let tag = if tag.starts_with(name) { tag.split_once('"')?.1 } else { tag.split_once(&format!(" {name}=\""))?.1 };
    tag.split('"').next()
}

#[test]
fn a_page_shows_the_evidence_that_was_drawn_before_as_it_would_draw_it() {
    for lang in Lang::ALL {
        for (name, page) in permission(lang).into_iter().filter(|(_, page)| page.errors.is_empty()) {
            let drawn = PermissionPage { drawn: Some(page.evidence().markup), ..page.clone() };
            assert_eq!(drawn.render(), page.render(), "{name}");
        }
    }
}

#[test]
fn every_page_has_one_heading_and_its_language() {
    every_page(|sample| {
        assert_eq!(sample.html.matches("<h1>").count(), 1);
        assert!(sample.html.contains(&format!("<html lang=\"{}\">", sample.lang.code())));
        assert_eq!(sample.html.matches("aria-current=\"true\"").count(), 1);
        assert!(sample.html.matches("<title>").count() == 1);
    });
}

#[test]
fn ids_are_unique_and_every_reference_finds_one() {
    every_page(|sample| {
        let ids = attributes(&sample.html, "id");
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{ids:?}");
        for needed in ["lang-ja", "lang-en", "skip-link", "main"] {
            assert!(unique.contains(needed), "{needed}");
        }
        let described = attributes(&sample.html, "aria-describedby").into_iter().flat_map(|ids| ids.split(' '));
        let linked = attributes(&sample.html, "href").into_iter().filter_map(|href| href.strip_prefix('#'));
        let forms = attributes(&sample.html, "form").into_iter();
        for reference in described.chain(linked).chain(forms).chain(attributes(&sample.html, "for")) {
            assert!(unique.contains(reference), "#{reference}");
        }
    });
}

#[test]
fn every_input_has_a_label() {
    every_page(|sample| {
        let labelled: BTreeSet<&str> = attributes(&sample.html, "for").into_iter().collect();
        for input in tags(&sample.html, "input").into_iter().filter(|input| !input.contains("type=\"hidden\"")) {
            let id = attribute(input, "id").unwrap();
            assert!(labelled.contains(id), "{id}");
        }
    });
}

#[test]
fn r_191_nothing_needs_a_script_an_inline_style_or_another_origin() {
    every_page(|sample| {
        let html = sample.html.to_ascii_lowercase();
        for forbidden in ["<script", " style=", "<style", " onclick", "javascript:", "<img", "<iframe", "<base"] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
        let sheets = tags(&html, "link");
        assert_eq!(sheets.len(), 2);
        assert!(sheets.iter().all(|sheet| attribute(sheet, "href").unwrap().starts_with('/')));
    });
}

#[test]
fn r_194_pages_lead_elsewhere_only_where_they_say_so() {
    every_page(|sample| {
        for link in tags(&sample.html, "a") {
            let inside = attribute(link, "href").unwrap().starts_with(['/', '#']);
            let said = ["certificate-login", "way-on"].contains(&attribute(link, "id").unwrap_or_default());
            assert!(inside || said, "{link}");
        }
    });
}

#[test]
fn a_020_r_194_the_language_links_stay_here_whatever_address_was_asked_for() {
    for path in
        ["//evil.example/", "///evil.example", "/\\evil.example", "/a\\b", "https://evil.example/", "javascript:0"]
    {
        let mut page = permission(Lang::Japanese).remove(0).1;
        page.frame.path = path.to_owned();
        let html = page.render();
        assert!(!html.contains("evil") && !html.contains("javascript:"), "{path}");
        assert!(html.contains("href=\"/?lang=en\""), "{path}");
    }
}

#[test]
fn r_197_every_form_posts_its_csrf_token_and_in_a_flow_the_version() {
    every_page(|sample| {
        for form in sample.html.split("<form ").skip(1) {
            let form = form.split("</form>").next().unwrap();
            assert!(form.contains("method=\"post\""));
            assert!(form.contains("name=\"csrf\""));
            assert!(!form.contains("/link/") || form.contains("name=\"version\""));
            assert!(attribute(form, "action").unwrap().starts_with('/'), "forms go to our own pages");
        }
    });
}

#[test]
fn r_206_password_managers_and_paste_work_and_pins_are_not_kept() {
    every_page(|sample| {
        for input in tags(&sample.html, "input") {
            if attribute(input, "id") == Some("password") {
                assert!(input.contains("type=\"password\"") && input.contains("autocomplete=\"current-password\""));
            }
            if attribute(input, "id").is_some_and(|id| id.starts_with("pin-")) {
                assert!(input.contains("inputmode=\"numeric\"") && input.contains("autocomplete=\"off\""));
                assert!(!input.contains(" value="), "a PIN never comes back");
            }
        }
    });
}

#[test]
fn pages_are_small() {
    every_page(|sample| assert!(sample.html.len() <= PAGE_BYTES_MAX, "{} bytes", sample.html.len()));
}

#[test]
fn no_sentence_is_left_unsaid() {
    every_page(|sample| {
        assert!(!sample.html.contains("{$") && !sample.html.contains("{ $"));
        assert!(!sample.html.contains('\u{2068}'), "no invisible isolation marks");
    });
}

#[test]
fn an_error_is_said_in_the_title_in_the_summary_and_at_the_field() {
    every_page(|sample| {
        let refused = sample.html.contains("id=\"errors\"");
        let title = sample.html.split("<title>").nth(1).unwrap();
        assert_eq!(title.starts_with("エラー：") || title.starts_with("Error: "), refused);
        assert!(!refused || sample.html.contains("autofocus"), "focus goes to the summary");
        let whole_form = ["login-refused", "permission-renewal", "pins-none"].contains(&sample.name);
        assert!(!refused || whole_form || sample.html.contains("class=\"error\""));
    });
}

#[test]
fn the_institution_speaks_of_itself_by_its_kind() {
    let pages = samples::all(Lang::Japanese);
    let html = |name: &str| pages.iter().find(|sample| sample.name == name).unwrap().html.clone();
    assert!(html("login").contains("当組合のAPI利用規定に同意"));
    assert!(html("login-midori").contains("当金庫のAPI利用規定に同意"));
    assert!(!html("login-midori").contains("当組合"));
}

#[test]
fn r_092_the_permission_shows_who_what_which_how_long_and_how_to_stop() {
    let page = &permission(Lang::Japanese)[0].1;
    let text = page.evidence().text;
    for said in [
        "カケイボ会計",
        "株式会社カケイボ",
        "kakeibo.example",
        "帳簿の自動作成と資金繰りの表示",
        "残高照会",
        "入出金明細照会",
        "インターネット支店 (001) 普通 2000002",
        "2026年11月22日から2027年5月21日まで",
        "API利用規定（2026-04版）",
        "いつでも、あおい信用組合の「API連携の確認・停止」ページ",
        "許可手続きを継続する",
        "app.kakeibo.example",
        "aoi-keiri01",
    ] {
        assert!(text.contains(said), "{said}");
    }
}

#[test]
fn the_evidence_reads_like_this() {
    let renewal = &permission(Lang::Japanese)[2].1;
    insta::assert_snapshot!("evidence_ja", renewal.evidence().text);
    insta::assert_snapshot!("evidence_en", permission(Lang::English)[0].1.evidence().text);
}

#[test]
fn the_evidence_is_what_the_page_shows_word_for_word() {
    for lang in Lang::ALL {
        for (name, page) in permission(lang) {
            let html = page.render();
            let words = |text: &str| text.split_whitespace().collect::<String>();
            let mut shown = String::new();
            let main = html.split("id=\"evidence\"").nth(1).unwrap();
            for part in main.split('<').skip(1) {
                shown.push_str(part.split_once('>').map_or("", |(_, text)| text));
            }
            let shown = words(&shown.replace("&#39;", "'"));
            for line in page.evidence().text.lines() {
                assert!(shown.contains(&words(line)), "{name}: {line}");
            }
        }
    }
}

#[test]
fn the_evidence_does_not_depend_on_ticks_errors_or_time() {
    let samples = permission(Lang::Japanese);
    let (page, bad) = (&samples[0].1, &samples[1].1);
    let mut later = bad.clone();
    later.frame.csrf = "another".to_owned();
    later.frame.flow.as_mut().unwrap().time = None;
    later.intent = true;
    assert_eq!(page.evidence().text, later.evidence().text);
    later.terms_version = "2026-10".to_owned();
    assert_ne!(page.evidence().text, later.evidence().text);
}

#[test]
fn r_042_hostile_text_of_a_partner_is_only_text() {
    let mut page = permission(Lang::Japanese).remove(0).1;
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=y>&#60;b&#62;";
    page.purpose = hostile.to_owned();
    let asking = &mut page.frame.flow.as_mut().unwrap().asking;
    asking.product = hostile.to_owned();
    asking.company = hostile.to_owned();
    let html = page.render();
    assert!(!html.contains("<script") && !html.contains("<img"));
    assert!(page.evidence().text.contains(hostile), "the evidence keeps what was read");
}

#[test]
fn renewals_due_come_first_the_nearest_end_on_top_and_ended_linkages_last() {
    let html = linkages(Lang::Japanese)[0].1.render();
    let paths: Vec<&str> = tags(&html, "a")
        .into_iter()
        .filter(|a| a.contains("id=\"linkage-"))
        .filter_map(|a| attribute(a, "href"))
        .collect();
    let names: Vec<&str> = paths.iter().filter_map(|path| path.rsplit('/').next()).collect();
    assert_eq!(names, ["expired", "due", "stale", "current", "suspended", "ended"]);
    assert!(!html.contains("id=\"stop-1\""), "an expired linkage has nothing to stop");
    assert!(html.contains("id=\"stop-2\"") && !html.contains("id=\"stop-6\""));
}

#[test]
fn a_stopped_linkage_says_when_it_was_stopped_and_not_until_when_it_would_have_been() {
    for (lang, stopped, until) in [(Lang::Japanese, "停止日", "有効期限"), (Lang::English, "Stopped on", "Ends on")]
    {
        let mut page = linkages(lang)[0].1.clone();
        page.linkages.retain(|line| line.path.ends_with("/ended"));
        let html = page.render();
        assert!(html.contains(stopped) && !html.contains(&format!("<dt>{until}")), "{html}");
        let standing = samples::all(lang).into_iter().find(|sample| sample.name == "linkages-empty").unwrap();
        assert!(!standing.html.contains(stopped));
    }
}

#[test]
fn the_last_use_is_told_as_the_hour_it_is_known_as() {
    let html = |lang| linkages(lang)[0].1.render();
    assert!(html(Lang::Japanese).contains("時台</dd>"));
    assert!(html(Lang::English).contains(":59 JST</dd>"));
}

#[test]
fn an_address_of_a_privacy_policy_has_no_version_and_no_language() {
    for lang in Lang::ALL {
        let pages = samples::all(lang);
        let html = |name: &str| &pages.iter().find(|sample| sample.name == name).unwrap().html;
        assert!(html("terms").contains("2026-04"));
        assert!(!html("privacy").contains("class=\"notice\""));
        for empty in ["（版）", "(version )"] {
            assert!(!html("privacy").contains(empty));
        }
    }
}

#[test]
fn the_public_page_names_partners_as_of_a_day_and_says_the_services_are_not_its_own() {
    let pages = samples::all(Lang::Japanese);
    let html = &pages.iter().find(|sample| sample.name == "public").unwrap().html;
    for said in [
        "2026年11月22日現在",
        "株式会社カケイボ",
        "カケイボ青色申告",
        "当組合が提供するものではありません",
        "0120-000-101",
    ] {
        assert!(html.contains(said), "{said}");
    }
}

#[test]
fn the_institutions_own_text_stays_japanese_on_an_english_page() {
    let pages = samples::all(Lang::English);
    let html = &pages.iter().find(|sample| sample.name == "terms").unwrap().html;
    assert!(html.contains("<div class=\"prose\" lang=\"ja\">") && html.contains("authoritative"));
}

#[test]
fn r_207_leaving_names_the_host() {
    every_page(|sample| {
        if sample.html.contains("id=\"cancel\"") || sample.html.contains("id=\"deny\"") {
            assert!(sample.html.contains("app.kakeibo.example"));
        }
    });
}
