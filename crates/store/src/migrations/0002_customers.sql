-- Customers, their users and accounts, and what guards their secrets.

CREATE TABLE customers (
    institution TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    number      TEXT NOT NULL,                   -- the institution's own customer number
    name        TEXT NOT NULL,
    name_kana   TEXT NOT NULL,
    contract    TEXT NOT NULL,                   -- business-banking contract: active, suspended, ended
    PRIMARY KEY (institution, customer_id),
    UNIQUE (institution, number)
);

CREATE TABLE users (
    institution   TEXT   NOT NULL,
    user_id       TEXT   NOT NULL,
    customer_id   TEXT   NOT NULL,
    login_id      TEXT   NOT NULL,               -- folded; as typed it may look different
    name          TEXT   NOT NULL,
    kind          TEXT   NOT NULL,               -- master, ordinary
    method        TEXT   NOT NULL,               -- password, certificate
    password_hash TEXT,                          -- argon2id in PHC form, keyed; only for method password
    operations    TEXT   NOT NULL,               -- what the user may inquire: scope words
    state         TEXT   NOT NULL,               -- active, suspended, removed
    PRIMARY KEY (institution, user_id),
    UNIQUE (institution, login_id),
    FOREIGN KEY (institution, customer_id) REFERENCES customers (institution, customer_id)
);

CREATE TABLE user_certificates (
    institution TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,                 -- SHA-256 of the certificate, hex
    user_id     TEXT   NOT NULL,
    added_at    BIGINT NOT NULL,
    PRIMARY KEY (institution, fingerprint),
    FOREIGN KEY (institution, user_id) REFERENCES users (institution, user_id)
);

CREATE TABLE accounts (
    institution     TEXT   NOT NULL,
    account_id      TEXT   NOT NULL,             -- what partners call it by; never changes
    customer_id     TEXT,                        -- null: no customer list has named it yet
    branch          TEXT   NOT NULL,             -- 店番
    type            BIGINT NOT NULL,             -- 預金種目, 1 to 9
    number          TEXT   NOT NULL,             -- 口座番号
    holder          TEXT   NOT NULL,             -- 口座名義 in kanji; empty while unknown
    holder_kana     TEXT   NOT NULL,             -- 口座名義 in kana as files give it
    state           TEXT   NOT NULL,             -- active, closed
    opening_balance BIGINT NOT NULL,             -- before the first entry
    balance         BIGINT NOT NULL,             -- after the last entry
    uncleared       BIGINT NOT NULL,             -- 他店券 part of the balance
    overdraft_limit BIGINT NOT NULL,             -- 貸越極度額
    last_seq        BIGINT NOT NULL,             -- number of the last entry in force; 0: none yet
    first_on        TEXT,                        -- first day the ledger has; null: no statement yet
    last_on         TEXT,                        -- last day a statement covered
    as_of_at        BIGINT,                      -- when the last statement was made
    PRIMARY KEY (institution, account_id),
    UNIQUE (institution, branch, type, number),
    FOREIGN KEY (institution, branch) REFERENCES branches (institution, branch),
    FOREIGN KEY (institution, customer_id) REFERENCES customers (institution, customer_id)
);

CREATE TABLE user_accounts (
    institution TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    account_id  TEXT NOT NULL,
    memo        TEXT NOT NULL,                   -- 口座メモ, the customer's own; may be empty
    PRIMARY KEY (institution, user_id, account_id),
    FOREIGN KEY (institution, user_id) REFERENCES users (institution, user_id),
    FOREIGN KEY (institution, account_id) REFERENCES accounts (institution, account_id)
);

CREATE TABLE filed_pins (
    institution TEXT  NOT NULL,
    account_id  TEXT  NOT NULL,
    sealed      BYTEA NOT NULL,                  -- the inquiry PIN filed at the branch: core banking's side
    PRIMARY KEY (institution, account_id),
    FOREIGN KEY (institution, account_id) REFERENCES accounts (institution, account_id)
);

CREATE TABLE pins (
    institution   TEXT   NOT NULL,
    account_id    TEXT   NOT NULL,
    sealed        BYTEA  NOT NULL,               -- the inquiry PIN registered by a customer, in force for API inquiries
    registered_by TEXT   NOT NULL,               -- user_id
    registered_at BIGINT NOT NULL,
    stale_at      BIGINT,                        -- since when core banking no longer accepts it; null: in force
    PRIMARY KEY (institution, account_id),
    FOREIGN KEY (institution, account_id) REFERENCES accounts (institution, account_id)
);

CREATE TABLE guards (
    institution  TEXT   NOT NULL,
    kind         TEXT   NOT NULL,                -- login, pin, pin_user
    subject      TEXT   NOT NULL,                -- digest of the folded login id, account_id or user_id
    failures     BIGINT NOT NULL,                -- tries counted since the last success
    locked_until BIGINT,                         -- no try is looked at before this
    PRIMARY KEY (institution, kind, subject)
);
