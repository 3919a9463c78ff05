//! What a partner's developer has to know beyond the shapes: once per language, in the document and on the page.

use axum::http::StatusCode;
use axum::response::Response;
use renkei_screens::{Lang, ReferencePage, ReferencePart, ReferenceRow, ReferenceTable};
use serde_json::Value;

use super::document;
use super::problem::PROBLEMS;
use crate::http::browser::Visit;

/// A section of the guide.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Its anchor.
    pub id: &'static str,
    /// Heading and text in Japanese.
    pub japanese: (&'static str, &'static str),
    /// The same in English.
    pub english: (&'static str, &'static str),
}

/// The guide, in order.
pub const SECTIONS: &[Section] = &[
    Section {
        id: "calls",
        japanese: (
            "呼出し",
            "アクセストークンはAuthorizationヘッダのDPoPスキームで送り、呼出しごとにDPoPヘッダで証明を付けてください。\
             証明は1回だけ使えます。クエリや本文のトークンは受け付けません。金額は円単位の整数、日付はYYYY-MM-DD、\
             時刻は+09:00です。金融機関から得られない項目は省かれます。",
        ),
        english: (
            "Calls",
            "Send the access token in the Authorization header with the DPoP scheme, and a proof in the DPoP header with \
             every call. A proof works once. A token in query or body is never looked at. Amounts are whole yen, days \
             YYYY-MM-DD, times +09:00. What the institution does not say is absent.",
        ),
    },
    Section {
        id: "marks",
        japanese: (
            "フィードとマーク",
            "日付を指定しない明細照会は、口座ごとの記帳順（通番1、2、3…、欠番なし）のフィードです。next_markを明細と同じ\
             書込みで保存し、次回afterに指定してください。後から届いた過去日付の明細も必ず続きに現れます。マークに期限はなく、\
             更新後の連携でもそのまま使えます。明細が書き換えられたり取り消されたりすることはなく、訂正は新しい明細になります。",
        ),
        english: (
            "The feed and its marks",
            "Transactions without days are a feed in each account's posting order: sequence 1, 2, 3 … without gaps. Keep \
             next_mark in the same write as the lines, and send it as after next time. What is booked late still comes \
             next. A mark never expires and stays good through renewals. No line is ever changed or taken back: a \
             correction is a line of its own.",
        ),
    },
    Section {
        id: "days",
        japanese: (
            "期間照会とカーソル",
            "fromとtoを指定すると勘定日順に返します。最初のページが対象とする明細を決め、next_cursorがそれを引き継ぐため、\
             途中で新しい明細が届いてもページのつながりは崩れません。cursorは同じfromとtoとともに送ってください。",
        ),
        english: (
            "Reads by days and their cursors",
            "With from and to the lines come by booking day. The first page fixes which lines belong to the read and \
             next_cursor carries that on, so pages fit together whatever is posted meanwhile. Send cursor with the same \
             from and to.",
        ),
    },
    Section {
        id: "proof",
        japanese: (
            "検算",
            "すべてのページで opening_balance + credit_sum − debit_sum = closing_balance、countは行数です。フィードでは、\
             前ページのclosing_balanceが次ページのopening_balanceになります。balance_afterは記帳順の残高であり、\
             期間照会の並びとは異なることがあります。",
        ),
        english: (
            "Proof",
            "On every page opening_balance + credit_sum − debit_sum = closing_balance, and count is the number of lines. \
             In the feed each page opens with the balance the last one closed with. balance_after is the balance in \
             posting order, which in a read by days is not always the order of the page.",
        ),
    },
    Section {
        id: "nothing-new",
        japanese: (
            "更新の有無",
            "ETagをIf-None-Matchに指定して再度照会すると、変わりがなければ304を返します。勘定系への照会は行いません。",
        ),
        english: (
            "Nothing new",
            "Ask again with the ETag in If-None-Match: when nothing has changed the answer is 304, and core banking is \
             not asked.",
        ),
    },
    Section {
        id: "pace",
        japanese: (
            "要求の間隔",
            "要求数は連携ごと、連携先サービスごと、金融機関ごとに制限されます。超えると429となり、Retry-Afterが待つ秒数を、\
             RateLimitとRateLimit-Policyがどの制限かを示します。同じ証明のまま送り直せます。待たずに送り続けても早くはなりません。",
        ),
        english: (
            "Pace",
            "Requests are limited for each linkage, each product and each institution. Beyond that the answer is 429: \
             Retry-After tells the seconds to wait, RateLimit and RateLimit-Policy which limit it was. The same proof may \
             be sent again.",
        ),
    },
    Section {
        id: "csv",
        japanese: (
            "CSV",
            "format=csvまたはAccept: text/csvで、同じ明細をCSV（UTF-8、BOM付き、CRLF）で返します。数式とみなされる文字で\
             始まる項目には先頭に「'」を付けます。続きはLinkヘッダ（rel=\"next\"）にあります。",
        ),
        english: (
            "CSV",
            "format=csv or Accept: text/csv gives the same lines as CSV: UTF-8 with a byte order mark, CRLF. A text that \
             begins like a formula gets an apostrophe before it. The Link header (rel=\"next\") names what follows.",
        ),
    },
    Section {
        id: "reasons",
        japanese: (
            "エラーと理由",
            "成功以外の回答はapplication/problem+json（RFC 9457）で、errorのコードで判断してください。連携全体の理由は\
             401、口座や業務ごとの理由は403です。503ではRetry-Afterの秒数を待ってください。他の口座と存在しない口座の\
             回答は同じです。referenceは金融機関への照会番号です。",
        ),
        english: (
            "Errors and reasons",
            "Every answer but a success is application/problem+json (RFC 9457); decide by its error code. Reasons of the \
             linkage as a whole come with 401, those of one account or operation with 403. At 503 wait the seconds of \
             Retry-After. Another's account and none at all are answered alike. reference is what the institution's \
             staff find the request by.",
        ),
    },
];

/// The guide as Markdown, English after Japanese, with the table of problems.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        let ((heading, japanese), (heading_en, english)) = (section.japanese, section.english);
        text += &format!("## {heading} / {heading_en}\n\n{japanese}\n\n{english}\n\n");
    }
    text += "| error | HTTP | 内容 | meaning |\n| --- | --- | --- | --- |\n";
    for kind in PROBLEMS {
        text += &format!("| `{}` | {} | {} | {} |\n", kind.code, kind.status.as_u16(), kind.title, kind.title_en);
    }
    text
}

/// `GET /{institution}/api/`: the document as a page.
pub async fn show(visit: Visit) -> Response {
    let page = ReferencePage {
        frame: visit.frame(),
        heading: visit.pick("口座情報API", "Account API").to_owned(),
        lead: visit
            .pick(
                "連携先の開発者向けに、呼出し方、回答の項目、エラーの理由を説明します。",
                "How partners' programs \
                call it, what it answers, and why it may not.",
            )
            .to_owned(),
        document: (
            format!("{}/api/openapi.json", visit.root()),
            visit.pick("OpenAPI 3.1の文書（JSON）", "The OpenAPI 3.1 document (JSON)").to_owned(),
        ),
        parts: parts(visit.lang, visit.code().as_str()),
    };
    visit.page(StatusCode::OK, page.render())
}

/// The sections, the operations, the problems and the shapes.
fn parts(lang: Lang, institution: &str) -> Vec<ReferencePart> {
    let document = document::value();
    let mut parts: Vec<ReferencePart> = SECTIONS.iter().map(|section| text_part(lang, section)).collect();
    parts.push(problem_part(lang));
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    parts.extend(paths.filter_map(|(path, item)| operation_part(lang, institution, path, item.get("get")?)));
    let shapes = document.pointer("/components/schemas").and_then(Value::as_object).into_iter().flatten();
    parts.extend(shapes.map(|(name, shape)| shape_part(lang, name, shape)));
    parts
}

fn pick<'a>(lang: Lang, japanese: &'a str, english: &'a str) -> &'a str {
    if lang == Lang::Japanese { japanese } else { english }
}

fn text_part(lang: Lang, section: &Section) -> ReferencePart {
    let (heading, text) = if lang == Lang::Japanese { section.japanese } else { section.english };
    ReferencePart {
        id: section.id.to_owned(),
        heading: heading.to_owned(),
        code: String::new(),
        paragraphs: vec![text.to_owned()],
        table: None,
    }
}

fn problem_part(lang: Lang) -> ReferencePart {
    let rows = PROBLEMS.iter().map(|kind| ReferenceRow {
        id: kind.code.to_owned(),
        cells: vec![
            kind.code.to_owned(),
            kind.status.as_u16().to_string(),
            pick(lang, kind.title, kind.title_en).to_owned(),
        ],
    });
    let columns = ["error", "HTTP", pick(lang, "内容と対応", "Meaning and what helps")];
    ReferencePart {
        id: "errors".to_owned(),
        heading: pick(lang, "エラーコード", "Error codes").to_owned(),
        code: String::new(),
        paragraphs: Vec::new(),
        table: Some(ReferenceTable { columns: columns.map(str::to_owned).to_vec(), rows: rows.collect() }),
    }
}

/// An operation with its parameters and answers; `None` for one the document does not name.
fn operation_part(lang: Lang, institution: &str, path: &str, operation: &Value) -> Option<ReferencePart> {
    let (english, japanese) = text(operation, "summary").split_once(" / ")?;
    let description = text(operation, "description");
    let own = |paragraph: &&str| has_kana(paragraph) == (lang == Lang::Japanese);
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let asked = parameters.map(|parameter| row([text(parameter, "name"), text(parameter, "description")]));
    let answers = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
    let given = answers.map(|(status, answer)| row([status, in_language(lang, text(answer, "description"))]));
    let columns = [pick(lang, "項目", "Item"), pick(lang, "内容", "Meaning")];
    Some(ReferencePart {
        id: text(operation, "operationId").to_owned(),
        heading: pick(lang, japanese, english).to_owned(),
        code: format!("GET {}", path.replace("{institution}", institution)),
        paragraphs: description.split("\n\n").filter(own).map(|paragraph| paragraph.replace('\n', " ")).collect(),
        table: Some(ReferenceTable {
            columns: columns.map(str::to_owned).to_vec(),
            rows: asked.chain(given).collect(),
        }),
    })
}

fn shape_part(lang: Lang, name: &str, shape: &Value) -> ReferencePart {
    let properties = shape.get("properties").and_then(Value::as_object).into_iter().flatten();
    let rows: Vec<ReferenceRow> = properties
        .map(|(field, schema)| row([field, &type_name(schema), &described(schema)]))
        .chain(words(shape).map(|word| row([word, "", ""])))
        .collect();
    let columns = [pick(lang, "項目", "Item"), pick(lang, "型", "Type"), pick(lang, "内容", "Meaning")];
    ReferencePart {
        id: format!("shape-{name}"),
        heading: name.to_owned(),
        code: String::new(),
        paragraphs: vec![described(shape)],
        table: Some(ReferenceTable { columns: columns.map(str::to_owned).to_vec(), rows }),
    }
}

/// The words of a closed list.
fn words(shape: &Value) -> impl Iterator<Item = &str> {
    shape.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// `string`, `integer`, the name of a shape, or a list of one.
fn type_name(schema: &Value) -> String {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(items) = schema.get("items") {
        return format!("[{}]", type_name(items));
    }
    let choices = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    if let Some(choice) = choices.map(type_name).find(|name| name != "null") {
        return choice;
    }
    match schema.get("type") {
        Some(Value::Array(types)) => types.first().and_then(Value::as_str).unwrap_or_default().to_owned(),
        name => name.and_then(Value::as_str).unwrap_or_default().to_owned(),
    }
}

/// The description of a schema, or of the one that is not `null` among its choices.
fn described(schema: &Value) -> String {
    let choices = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let own = std::iter::once(schema).chain(choices).map(|schema| text(schema, "description"));
    own.filter(|text| !text.is_empty()).map(|text| text.replace('\n', " ")).next().unwrap_or_default()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn row<const N: usize>(cells: [&str; N]) -> ReferenceRow {
    ReferenceRow { id: String::new(), cells: cells.map(str::to_owned).to_vec() }
}

/// Of a text that says the same in English and, last, in Japanese: the one of this language.
fn in_language(lang: Lang, both: &str) -> &str {
    match both.rsplit_once(". ") {
        Some((english, japanese)) if has_kana(japanese) || japanese.ends_with('。') => pick(lang, japanese, english),
        _ => both,
    }
}

fn has_kana(text: &str) -> bool {
    text.chars().any(|letter| ('\u{3040}'..='\u{30ff}').contains(&letter))
}
