-- Institutions, their branches, texts and keys, and the partners they work with. Every key begins with the institution.
-- Types are TEXT, BIGINT and BYTEA only; times (_at) are UTC microseconds, days (_on) are YYYY-MM-DD, money is whole yen.

CREATE TABLE institutions (
    institution     TEXT   NOT NULL PRIMARY KEY, -- 金融機関コード, four digits
    kind            TEXT   NOT NULL,             -- credit_cooperative, shinkin, labour_bank, bank
    name            TEXT   NOT NULL,             -- みなと信用組合
    name_en         TEXT   NOT NULL,
    accent          TEXT   NOT NULL,             -- colour of its pages, #rrggbb
    telephone       TEXT   NOT NULL,             -- whom customers call
    hours           TEXT   NOT NULL,             -- when, in Japanese
    hours_en        TEXT   NOT NULL,
    privacy_url     TEXT,                        -- its privacy policy, shown as text
    partners_as_of  TEXT   NOT NULL,             -- the day the partner table was last changed, YYYY-MM-DD
    terms_version   TEXT   NOT NULL,             -- API利用規定 in force
    user_ca         TEXT,                        -- PEM: the authority whose certificates its users log in with
    user_crl        TEXT,                        -- PEM: that authority's revocation list
    updated_at      BIGINT NOT NULL
);

CREATE TABLE terms (
    institution TEXT   NOT NULL,
    version     TEXT   NOT NULL,                 -- as the institution counts them, e.g. 2026-04
    text        TEXT   NOT NULL,                 -- plain text in Japanese, paragraphs by blank lines
    text_en     TEXT   NOT NULL,
    added_at    BIGINT NOT NULL,
    PRIMARY KEY (institution, version)
);

CREATE TABLE branches (
    institution TEXT NOT NULL,
    branch      TEXT NOT NULL,                   -- 店番, three digits
    name        TEXT NOT NULL,                   -- 本店
    name_en     TEXT NOT NULL,
    PRIMARY KEY (institution, branch)
);

CREATE TABLE partners (
    institution  TEXT   NOT NULL,
    partner      TEXT   NOT NULL,                -- key in the registry file
    name         TEXT   NOT NULL,                -- legal name of the company
    name_en      TEXT   NOT NULL,
    registration TEXT,                           -- 電子決済等代行業者の登録番号
    domain       TEXT   NOT NULL,                -- registered domain, shown beside the name
    state        TEXT   NOT NULL,                -- active, suspended, ended
    position     BIGINT NOT NULL,                -- order in the published table
    PRIMARY KEY (institution, partner)
);

CREATE TABLE products (
    institution   TEXT   NOT NULL,
    client_id     TEXT   NOT NULL,               -- made by this server; what the wire calls the product by
    partner       TEXT   NOT NULL,
    product       TEXT   NOT NULL,               -- key in the registry file, unique within the institution
    name          TEXT   NOT NULL,               -- クラウド会計ソフトfreee
    name_en       TEXT   NOT NULL,
    purpose       TEXT   NOT NULL,               -- what the data is for, in the customer's words
    purpose_en    TEXT   NOT NULL,
    choice        TEXT   NOT NULL,               -- fixed, or the customer's choice: fixed, choice
    operations    TEXT   NOT NULL,               -- JSON: [{"operation":"balances","days":180}, …]
    redirect_uris TEXT   NOT NULL,               -- JSON: exact strings
    jwks          TEXT   NOT NULL,               -- JSON: the product's public keys
    signing_alg   TEXT   NOT NULL,               -- the one algorithm of its assertions: PS256, ES256, EdDSA
    state         TEXT   NOT NULL,               -- active, suspended, ended
    PRIMARY KEY (institution, client_id),
    UNIQUE (institution, product),
    FOREIGN KEY (institution, partner) REFERENCES partners (institution, partner)
);

CREATE TABLE signing_keys (
    institution  TEXT   NOT NULL,
    kid          TEXT   NOT NULL,
    alg          TEXT   NOT NULL,                -- ES256
    public_jwk   TEXT   NOT NULL,                -- JSON
    sealed_key   BYTEA  NOT NULL,                -- private key, sealed under a key outside the database
    announced_at BIGINT NOT NULL,                -- from here on it is in the published set
    signs_from   BIGINT NOT NULL,                -- from here on it signs
    retires_at   BIGINT,                         -- from here on it is no longer published
    PRIMARY KEY (institution, kid)
);
