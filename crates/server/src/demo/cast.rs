//! Who plays in the demo: customers of each kind, their users and accounts, and what each user is there to show.

/// An institution of the demo.
pub struct House {
    /// 金融機関コード.
    pub code: &'static str,
    /// Its name, as the partner app offers it.
    pub name: &'static str,
    /// The same in English.
    pub name_en: &'static str,
    /// Its name in bank files: 15 half-width characters at most.
    pub name_kana: &'static str,
    /// Whom it serves.
    pub customers: &'static [Customer],
}

/// 契約先.
pub struct Customer {
    /// The institution's customer number.
    pub number: &'static str,
    /// Name, and name in half-width kana as files have it.
    pub name: [&'static str; 2],
    /// Its business-banking contract: active or suspended.
    pub contract: &'static str,
    /// Its accounts.
    pub accounts: &'static [Account],
    /// Its users.
    pub users: &'static [User],
}

/// 照会用口座.
pub struct Account {
    /// 店番.
    pub branch: &'static str,
    /// 預金種目: 1 ordinary, 2 current, 4 savings.
    pub kind: u8,
    /// 口座番号.
    pub number: &'static str,
    /// 照会用暗証番号 filed at the branch.
    pub pin: &'static str,
    /// Whether that PIN is registered for API inquiries from the start.
    pub registered: bool,
}

/// 利用者.
pub struct User {
    /// What is typed at login.
    pub login_id: &'static str,
    /// Name.
    pub name: &'static str,
    /// master or ordinary.
    pub kind: &'static str,
    /// How it logs in.
    pub login: Login,
    /// What it may inquire: scope words.
    pub operations: &'static str,
    /// Which of the customer's accounts it sees, by position, with its memo.
    pub accounts: &'static [(usize, &'static str)],
    /// What it is there to show.
    pub shows: &'static str,
}

/// How a user logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// By login id and the demo's one password.
    Password,
    /// By a certificate in force.
    Certificate,
    /// By a certificate on the revocation list.
    RevokedCertificate,
}

/// The password of every password user of the demo.
pub const PASSWORD: &str = "Minato-demo-2990";

const BOTH: &str = "balances transactions";

const fn account(branch: &'static str, kind: u8, number: &'static str, pin: &'static str) -> Account {
    Account { branch, kind, number, pin, registered: false }
}

const fn registered(branch: &'static str, kind: u8, number: &'static str, pin: &'static str) -> Account {
    Account { branch, kind, number, pin, registered: true }
}

const fn master(
    login_id: &'static str,
    name: &'static str,
    accounts: &'static [(usize, &'static str)],
    shows: &'static str,
) -> User {
    User { login_id, name, kind: "master", login: Login::Password, operations: BOTH, accounts, shows }
}

/// Every institution of the demo.
pub const HOUSES: &[House] = &[
    House {
        code: "2990",
        name: "みなと信用組合",
        name_en: "Minato Credit Cooperative",
        name_kana: "ﾐﾅﾄ",
        customers: MINATO,
    },
    House {
        code: "2991", name: "あおば信用金庫", name_en: "Aoba Shinkin Bank", name_kana: "ｱｵﾊﾞ", customers: AOBA
    },
];

const MINATO: &[Customer] = &[
    Customer {
        number: "0000001",
        name: ["株式会社あおい商会", "ｶ)ｱｵｲｼﾖｳｶｲ"],
        contract: "active",
        accounts: &[
            account("001", 1, "2000002", "7391"),
            account("001", 2, "0300014", "4826"),
            account("002", 1, "1111111", "5937"),
        ],
        users: &[
            master(
                "aoi-master",
                "青井 花子",
                &[(0, "売上入金"), (1, "支払"), (2, "みなとみらい店")],
                "the whole flow: several accounts, no PIN registered yet",
            ),
            User {
                login_id: "aoi-cert",
                name: "青井 次郎",
                kind: "ordinary",
                login: Login::Certificate,
                operations: BOTH,
                accounts: &[(0, ""), (2, "")],
                shows: "certificate login",
            },
            User {
                login_id: "aoi-revoked",
                name: "青井 三郎",
                kind: "ordinary",
                login: Login::RevokedCertificate,
                operations: BOTH,
                accounts: &[(0, "")],
                shows: "a revoked certificate: refused",
            },
            User {
                login_id: "aoi-balances",
                name: "青井 四郎",
                kind: "ordinary",
                login: Login::Password,
                operations: "balances",
                accounts: &[(0, "")],
                shows: "a user who may inquire balances only",
            },
            User {
                login_id: "aoi-none",
                name: "青井 五郎",
                kind: "ordinary",
                login: Login::Password,
                operations: BOTH,
                accounts: &[],
                shows: "a user without inquiry accounts: can't link",
            },
        ],
    },
    Customer {
        number: "0000002",
        name: ["有限会社みどり工業", "ﾕ)ﾐﾄﾞﾘｺｳｷﾞﾖｳ"],
        contract: "active",
        accounts: &[account("450", 1, "3000014", "2684")],
        users: &[master("midori-master", "緑川 一", &[(0, "運転資金")], "one account, its PIN not registered yet")],
    },
    Customer {
        number: "0000003",
        name: ["さくら食堂株式会社", "ｻｸﾗｼﾖｸﾄﾞｳ(ｶ"],
        contract: "active",
        accounts: &[registered("001", 1, "4100001", "6158"), registered("450", 4, "4100002", "9043")],
        users: &[master(
            "sakura-master",
            "桜井 実",
            &[(0, "店舗"), (1, "積立")],
            "all PINs registered: no PIN screens",
        )],
    },
    Customer {
        number: "0000004",
        name: ["株式会社港水産", "ｶ)ﾐﾅﾄｽｲｻﾝ"],
        contract: "active",
        accounts: &[
            account("001", 1, "5000001", "3141"),
            account("001", 1, "5000002", "3142"),
            account("001", 2, "5000003", "3143"),
            account("001", 4, "5000004", "3144"),
            account("002", 1, "5000005", "3145"),
            account("002", 1, "5000006", "3146"),
            account("002", 2, "5000007", "3147"),
            registered("002", 4, "5000008", "3148"),
            account("450", 1, "5000009", "3149"),
            account("450", 1, "5000010", "3150"),
            account("450", 2, "5000011", "3151"),
            account("450", 4, "5000012", "3152"),
        ],
        users: &[master(
            "minato-master",
            "港 太郎",
            &[
                (0, "本店 売上"),
                (1, "本店 経費"),
                (2, "本店 支払"),
                (3, "本店 積立"),
                (4, ""),
                (5, "みなとみらい直売所の日々の売上金口座"),
                (6, ""),
                (7, ""),
                (8, "豊洲市場"),
                (9, ""),
                (10, ""),
                (11, ""),
            ],
            "twelve accounts, one PIN registered",
        )],
    },
    Customer {
        number: "0000005",
        name: ["休業中商店", "ｷﾕｳｷﾞﾖｳﾁﾕｳｼﾖｳﾃﾝ"],
        contract: "suspended",
        accounts: &[account("001", 1, "6000001", "8274")],
        users: &[master("suspended-master", "休 止", &[(0, "")], "a suspended contract: can't link")],
    },
];

const AOBA: &[Customer] = &[
    Customer {
        number: "0000001",
        name: ["株式会社青葉書店", "ｶ)ｱｵﾊﾞｼﾖﾃﾝ"],
        contract: "active",
        accounts: &[account("001", 1, "1000001", "5283"), account("010", 1, "1000002", "7164")],
        users: &[
            master("aoba-master", "青葉 薫", &[(0, "本店"), (1, "青葉台店")], "another institution: two accounts"),
            User {
                login_id: "aoba-cert",
                name: "青葉 望",
                kind: "ordinary",
                login: Login::Certificate,
                operations: BOTH,
                accounts: &[(0, "")],
                shows: "certificate login at another institution",
            },
        ],
    },
    Customer {
        number: "0000002",
        name: ["若葉園芸", "ﾜｶﾊﾞｴﾝｹﾞｲ"],
        contract: "active",
        accounts: &[registered("001", 1, "2000001", "9357")],
        users: &[master("wakaba-master", "若葉 緑", &[(0, "")], "one account, its PIN registered")],
    },
];

/// Accounts whose entries are in the bank files of `testdata/minato`; the others' are made up.
pub const IN_SAMPLE_FILES: [&str; 4] = ["2000002", "0300014", "1111111", "3000014"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nobody_and_nothing_is_there_twice_and_users_see_their_customers_accounts() {
        for house in HOUSES {
            let users = house.customers.iter().flat_map(|customer| customer.users);
            let logins: BTreeSet<_> = users.clone().map(|user| user.login_id).collect();
            assert_eq!(logins.len(), users.count());
            let accounts = house.customers.iter().flat_map(|customer| customer.accounts);
            let numbers: BTreeSet<_> = accounts.clone().map(|account| account.number).collect();
            assert_eq!(numbers.len(), accounts.count());
            for customer in house.customers {
                let seen = customer.users.iter().flat_map(|user| user.accounts);
                assert!(
                    seen.clone()
                        .all(|(position, memo)| { *position < customer.accounts.len() && memo.chars().count() <= 20 })
                );
            }
        }
    }
}
