//! What every reason means for the customer: what happened, and what to do about it.

use renkei_client::{Error, Reason};

use crate::language::Language;

/// A sentence for what happened, one for what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advice {
    /// The code, for those who look after the machine.
    pub(crate) code: String,
    pub(crate) title: &'static str,
    pub(crate) what: &'static str,
    pub(crate) next: &'static str,
}

/// Title, what happened and what to do, in Japanese and English.
type Wording = [(&'static str, &'static str); 3];

fn advice(code: &str, wording: Wording, language: Language) -> Advice {
    let [title, what, next] = wording.map(|(japanese, english)| language.pick(japanese, english));
    Advice { code: code.to_owned(), title, what, next }
}

/// Why a linkage or an account gives no data.
pub(crate) fn of_reason(reason: &Reason, language: Language) -> Advice {
    let wording = of_ended(reason).or_else(|| of_unavailable(reason)).unwrap_or([
        ("取り込めませんでした", "Could not be read"),
        ("金融機関からデータを受け取れませんでした。", "The institution gave no data."),
        (
            "時間をおいて、もう一度お試しください。続く場合は連携を更新してください。",
            "Please try again later. If it goes on, renew the linkage.",
        ),
    ]);
    advice(reason.code(), wording, language)
}

fn of_ended(reason: &Reason) -> Option<Wording> {
    Some(match reason {
        Reason::LinkageExpired => [
            ("認可期間が終了しました", "The linkage period is over"),
            (
                "認可期間が過ぎたため、新しい明細の取り込みが止まっています。これまでの明細はそのまま残っています。",
                "The period you permitted has passed, so nothing new is being read. What was read stays here.",
            ),
            (
                "「連携を更新」を押して金融機関で許可し直すと、止まっていた間の明細も続きから取り込みます。",
                "Choose “Renew” and permit it again at your institution. Reading goes on where it stopped, with no gap.",
            ),
        ],
        Reason::EndedByCustomer => [
            ("金融機関の画面で停止されました", "Stopped at your institution"),
            (
                "お客さま、またはご契約のマスターユーザが、金融機関の画面でこの連携を停止しました。",
                "You, or the master user of your contract, stopped this linkage at the institution.",
            ),
            (
                "もう一度使うには「連携を更新」を押してください。心当たりがない場合は金融機関にお問い合わせください。",
                "Choose “Renew” to use it again. If you did not expect this, please ask your institution.",
            ),
        ],
        Reason::EndedByPartner => [
            ("連携を解除しました", "Unlinked here"),
            (
                "かけいぼ会計の画面でこの連携を解除しました。金融機関からデータを受け取ることはもうありません。",
                "You unlinked it here in Kakeibo. No more data is received from the institution.",
            ),
            ("また使うときは「連携を更新」を押してください。", "Choose “Renew” to use it again."),
        ],
        Reason::EndedByInstitution => [
            ("金融機関が停止しました", "Stopped by the institution"),
            ("金融機関の手続きにより、この連携は停止されました。", "The institution has stopped this linkage."),
            (
                "理由は金融機関にお問い合わせください。再開できる場合は「連携を更新」から手続きできます。",
                "Please ask the institution why. If it may be used again, choose “Renew”.",
            ),
        ],
        Reason::ContractEnded | Reason::UserRemoved => [
            ("ご契約または利用者の登録が終了しました", "The contract or its user is gone"),
            (
                "許可した方の利用登録、またはビジネスバンキングのご契約が終了したため、連携も終了しました。",
                "The user who gave permission, or the business banking contract, is no longer there.",
            ),
            (
                "別の利用者で使うには「口座を追加」から連携してください。",
                "To go on with another user, choose “Add accounts” and link again.",
            ),
        ],
        Reason::PartnerEnded => [
            ("この金融機関との連携は終了しました", "This institution no longer links with Kakeibo"),
            (
                "金融機関とかけいぼ会計との契約が終わったため、取り込めなくなりました。",
                "The contract between the institution and Kakeibo is over, so nothing can be read.",
            ),
            ("これまでの明細はそのまま残っています。", "What was read stays here."),
        ],
        _ => return None,
    })
}

fn of_unavailable(reason: &Reason) -> Option<Wording> {
    Some(match reason {
        Reason::PinMissing => [
            ("照会用暗証番号が未登録です", "No inquiry PIN registered"),
            (
                "この口座の照会用暗証番号が金融機関の画面で登録されていません。",
                "The inquiry PIN of this account is not registered at the institution.",
            ),
            (
                "金融機関の「API連携の管理」画面で、この口座の照会用暗証番号を登録してください。",
                "Register the account's inquiry PIN on your institution's linkage page.",
            ),
        ],
        Reason::PinStale => [
            ("照会用暗証番号の変更が必要です", "The inquiry PIN has changed"),
            (
                "登録されている照会用暗証番号が現在のものと異なるため、この口座の照会を止めています。",
                "The registered inquiry PIN is no longer the right one, so this account is not being read.",
            ),
            (
                "金融機関の「API連携の管理」画面で登録し直してください。連携のやり直しは必要ありません。",
                "Register the new one on your institution's linkage page. There is no need to link again.",
            ),
        ],
        Reason::ContractSuspended => [
            ("ご契約が停止中です", "Your contract is suspended"),
            (
                "金融機関のビジネスバンキングのご契約が停止されているため、取り込めません。",
                "Your business banking contract is suspended, so nothing can be read.",
            ),
            ("金融機関にお問い合わせください。", "Please ask your institution."),
        ],
        Reason::UserSuspended => [
            ("ご利用者が停止中です", "The user is suspended"),
            (
                "許可した方のビジネスバンキングの利用が停止されているため、取り込めません。",
                "The user who gave permission is suspended at the institution, so nothing can be read.",
            ),
            ("ご契約のマスターユーザか金融機関にお問い合わせください。", "Ask your master user or the institution."),
        ],
        Reason::AccountUnavailable => [
            ("この口座は照会できません", "This account can't be read"),
            (
                "口座が解約されたか、許可した方が照会できなくなりました。",
                "It was closed, or the user who gave permission may no longer inquire on it.",
            ),
            ("これまでの明細はそのまま残っています。", "What was read stays here."),
        ],
        Reason::LoginTooWeak => [
            ("電子証明書でのログインが必要です", "A certificate login is needed"),
            (
                "金融機関が、電子証明書でログインした方の許可を求めるようになりました。",
                "The institution now asks for a permission given after a certificate login.",
            ),
            (
                "「連携を更新」を押し、電子証明書でログインして許可し直してください。",
                "Choose “Renew”, log in with a certificate and permit it again.",
            ),
        ],
        Reason::PartnerSuspended => [
            ("連携を一時停止しています", "Linkages are paused"),
            (
                "金融機関が、かけいぼ会計との連携を一時停止しています。お客さまの許可は保たれています。",
                "The institution has paused linkages with Kakeibo. Your permission is kept.",
            ),
            ("再開されると自動的に使えるようになります。", "It comes back by itself when the pause is over."),
        ],
        Reason::Maintenance => [
            ("金融機関がメンテナンス中です", "The institution is closed for maintenance"),
            ("金融機関のサービス時間外のため、取り込めませんでした。", "Nothing can be read while it is closed."),
            ("再開後に、もう一度「同期」を押してください。", "Please choose “Sync” again afterwards."),
        ],
        Reason::CoreUnreachable => [
            ("金融機関のシステムにつながりません", "The institution's system does not answer"),
            (
                "金融機関のシステムから応答がなく、取り込めませんでした。明細が失われることはありません。",
                "Its system gave no answer. No transaction is lost by this.",
            ),
            ("時間をおいて、もう一度「同期」を押してください。", "Please choose “Sync” again later."),
        ],
        _ => return None,
    })
}

/// Why the customer came back from the institution without a linkage.
pub(crate) fn of_failed_flow(error: &Error, language: Language) -> Advice {
    match error {
        Error::Refused(refusal) => of_refusal(&refusal.error, refusal.description.as_deref(), language),
        Error::State => advice("state", STRANGE_RETURN, language),
        Error::Issuer { .. } => advice("issuer", WRONG_SENDER, language),
        Error::Problem(problem) if problem.reason.is_passing() => of_reason(&problem.reason, language),
        Error::Problem(problem) if problem.reason == Reason::PartnerSuspended => of_reason(&problem.reason, language),
        Error::Problem(problem) => advice(problem.reason.code(), NOT_ACCEPTED, language),
        Error::Network(_) => advice("network", NO_ANSWER, language),
        _ => advice("protocol", NOT_ACCEPTED, language),
    }
}

fn of_refusal(error: &str, description: Option<&str>, language: Language) -> Advice {
    let wording = match (error, description.unwrap_or_default()) {
        ("access_denied", "cancelled") => CANCELLED,
        ("access_denied", "timed_out") => TIMED_OUT,
        ("access_denied", "not_allowed") => NOT_ALLOWED,
        ("access_denied", "user_changed") | ("invalid_grant_id", _) => OTHER_USER,
        ("access_denied", _) => NOT_PERMITTED,
        ("temporarily_unavailable" | "server_error", _) => UNAVAILABLE,
        _ => NOT_ACCEPTED,
    };
    advice(error, wording, language)
}

const NOT_PERMITTED: Wording = [
    ("連携は行われませんでした", "Nothing was linked"),
    (
        "金融機関の画面で許可されなかったため、口座の情報は渡されていません。",
        "Permission was not given at the institution, so no information was handed over.",
    ),
    ("必要なときに、いつでも連携をやり直せます。", "You can link at any time you like."),
];

const CANCELLED: Wording = [
    ("連携を中止しました", "Linking was cancelled"),
    (
        "金融機関の画面で手続きを中止されました。口座の情報は渡されていません。",
        "You left the procedure at the institution. No information was handed over.",
    ),
    ("続けるときは、もう一度金融機関を選んでください。", "Choose the institution again to go on."),
];

const TIMED_OUT: Wording = [
    ("時間切れになりました", "Time ran out"),
    (
        "金融機関の画面での手続きが時間内に終わらなかったため、連携は行われませんでした。",
        "The procedure at the institution was not finished in time, so nothing was linked.",
    ),
    (
        "ログインIDと照会用暗証番号をお手元にご用意のうえ、もう一度お試しください。",
        "Have your login ID and inquiry PINs ready and try again.",
    ),
];

const NOT_ALLOWED: Wording = [
    ("この契約では連携できません", "Linking is not possible with this contract"),
    (
        "ログインした方のご契約または権限では、照会できる口座がありません。",
        "There is no account that the user who logged in may inquire on.",
    ),
    ("ご契約のマスターユーザか金融機関にお問い合わせください。", "Ask your master user or the institution."),
];

const OTHER_USER: Wording = [
    ("別の利用者でログインされました", "Another user logged in"),
    (
        "連携を始めた方、または更新しようとした連携の持ち主とは別の利用者だったため、中止しました。",
        "It was not the user who began, or to whom the linkage belongs, so nothing was changed.",
    ),
    (
        "同じ利用者でログインし直すか、「口座を追加」から新しく連携してください。",
        "Log in as the same user, or link anew with “Add accounts”.",
    ),
];

const UNAVAILABLE: Wording = [
    ("金融機関が一時的に利用できません", "The institution is not available now"),
    (
        "金融機関の側で手続きを受け付けられない状態です。連携は行われていません。",
        "The institution can't take requests at the moment. Nothing was linked.",
    ),
    ("時間をおいて、もう一度お試しください。", "Please try again later."),
];

const NO_ANSWER: Wording = [
    ("金融機関につながりません", "The institution does not answer"),
    ("金融機関から応答がありませんでした。", "There was no answer from the institution."),
    ("時間をおいて、もう一度お試しください。", "Please try again later."),
];

const NOT_ACCEPTED: Wording = [
    ("連携を完了できませんでした", "Linking could not be completed"),
    (
        "金融機関との手続きの途中で問題が起きました。口座の情報は渡されていません。",
        "Something went wrong on the way. No information was handed over.",
    ),
    (
        "もう一度お試しください。続く場合は、下のコードを添えてお問い合わせください。",
        "Please try again. If it goes on, tell us the code below.",
    ),
];

const STRANGE_RETURN: Wording = [
    ("この手続きは見つかりません", "This procedure is not known"),
    (
        "手続きがすでに終わっているか、別のブラウザで始められたものです。何も変更していません。",
        "It is already over, or was begun in another browser. Nothing was changed.",
    ),
    (
        "ホームで連携の状態を確かめるか、もう一度金融機関を選んでください。",
        "Look at your linkages on the home page, or choose the institution again.",
    ),
];

const WRONG_SENDER: Wording = [
    ("安全のため手続きを止めました", "Stopped to keep you safe"),
    (
        "選ばれた金融機関とは別のところから返事が届いたため、受け取りませんでした。",
        "The answer came from somewhere other than the institution you chose, and was not taken.",
    ),
    ("もう一度、金融機関を選ぶところからお試しください。", "Please begin again by choosing the institution."),
];

/// Why a visitor who asked for something is shown a page like this instead.
pub(crate) fn of_unknown_linkage(language: Language) -> Advice {
    let wording = [
        ("ページが見つかりません", "Page not found"),
        ("お探しの連携または口座はありません。", "There is no such linkage or account."),
        ("ホームから選び直してください。", "Please choose again from the home page."),
    ];
    advice("not_found", wording, language)
}

/// A form that did not come from this site's own page in this browser.
pub(crate) fn of_stale_form(language: Language) -> Advice {
    let wording = [
        ("操作を受け付けられませんでした", "The request was not accepted"),
        (
            "ページが古くなっているか、別の場所から送られたため、安全のため受け付けませんでした。",
            "The page was out of date or the request came from elsewhere, so it was not accepted.",
        ),
        ("ホームに戻って、もう一度操作してください。", "Go back to the home page and try again."),
    ];
    advice("stale_form", wording, language)
}
