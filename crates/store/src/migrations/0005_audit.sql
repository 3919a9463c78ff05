-- 監査証跡: one record for every act and every read, written in the transaction of the act. Only ever added to.

CREATE TABLE audit (
    institution TEXT   NOT NULL,
    audit_id    TEXT   NOT NULL,                 -- time-ordered
    at          BIGINT NOT NULL,
    actor_kind  TEXT   NOT NULL,                 -- user, visitor, product, operator, system
    actor       TEXT,
    action      TEXT   NOT NULL,
    outcome     TEXT   NOT NULL,                 -- done, refused
    object      TEXT,
    detail      TEXT,
    request_id  TEXT,
    PRIMARY KEY (institution, audit_id)
) /*sqlite: WITHOUT ROWID sqlite*/;
