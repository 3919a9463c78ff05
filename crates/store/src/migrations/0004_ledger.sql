-- The embedded ledger. Entries are only ever added; one is in force when its number is not above its account's last_seq,
-- so an import writes in small steps and comes into force at once.

CREATE TABLE entries (
    institution   TEXT   NOT NULL,
    account_id    TEXT   NOT NULL,
    seq           BIGINT NOT NULL,               -- 1, 2, 3 … in the order of posting, without gaps
    booked_on     TEXT   NOT NULL,               -- 勘定日
    credit        BIGINT NOT NULL,               -- amount if 入金, else 0
    debit         BIGINT NOT NULL,               -- amount if 出金, else 0
    balance_after BIGINT NOT NULL,               -- in the order of posting
    fingerprint   BYTEA  NOT NULL,               -- sixteen bytes of a digest of the line without its 照会番号
    body          TEXT   NOT NULL,               -- JSON: the entry as partners get it, written once
    import_id     TEXT   NOT NULL,
    PRIMARY KEY (institution, account_id, seq)
) /*sqlite: WITHOUT ROWID sqlite*/;
CREATE INDEX entries_by_day ON entries (institution, account_id, booked_on, seq);

CREATE TABLE account_days (
    institution TEXT   NOT NULL,
    account_id  TEXT   NOT NULL,
    booked_on   TEXT   NOT NULL,
    credits     BIGINT NOT NULL,                 -- number of credits booked on this day
    credit      BIGINT NOT NULL,                 -- their sum
    debits      BIGINT NOT NULL,
    debit       BIGINT NOT NULL,
    PRIMARY KEY (institution, account_id, booked_on)
) /*sqlite: WITHOUT ROWID sqlite*/;

CREATE TABLE statements (
    institution TEXT   NOT NULL,
    account_id  TEXT   NOT NULL,
    digest      BYTEA  NOT NULL,                 -- of the statement's records as they stood in the file
    import_id   TEXT   NOT NULL,
    from_on     TEXT   NOT NULL,                 -- 勘定日(自)
    until_on    TEXT   NOT NULL,                 -- 勘定日(至)
    added       BIGINT NOT NULL,                 -- entries it brought
    PRIMARY KEY (institution, account_id, digest)
);

CREATE TABLE imports (
    institution TEXT   NOT NULL,
    import_id   TEXT   NOT NULL,
    kind        TEXT   NOT NULL,                 -- customers, entries
    file_name   TEXT   NOT NULL,                 -- without its folder
    file_digest BYTEA  NOT NULL,                 -- SHA-256 of the file
    begun_at    BIGINT NOT NULL,
    ended_at    BIGINT,                          -- null: running, or interrupted
    outcome     TEXT,                            -- done, refused
    report      TEXT,                            -- JSON
    PRIMARY KEY (institution, import_id)
);

CREATE TABLE leases (
    institution TEXT   NOT NULL,
    name        TEXT   NOT NULL,                 -- what only one process may do at a time: import
    holder      TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (institution, name)
);
