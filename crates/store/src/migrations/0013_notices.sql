-- お知らせ: what users are told of their logins, permissions and certificates. The newest of each user are kept.

CREATE TABLE notices (
    institution TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    notice_id   TEXT   NOT NULL,                 -- time-ordered
    at          BIGINT NOT NULL,
    kind        TEXT   NOT NULL,                 -- logged_in, logins_failed, permitted, certificate_added, certificate_removed
    detail      TEXT   NOT NULL,                 -- what there is to say about it
    PRIMARY KEY (institution, user_id, notice_id),
    FOREIGN KEY (institution, user_id) REFERENCES users (institution, user_id)
);
