-- Which version a node runs: for whoever looks at an installation. Null: one from before this was kept.

ALTER TABLE nodes ADD COLUMN version TEXT;
