//! What a partner's developer has to know beyond the shapes: once per language, in the document and on the page.

use super::problem::PROBLEMS;

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
