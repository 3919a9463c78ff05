-- When a guard was last tried at, so that those that nobody tries any more can go. Null: before this was kept.

ALTER TABLE guards ADD COLUMN tried_at BIGINT;
