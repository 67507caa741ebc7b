INSERT INTO nself.catalog (digest) VALUES (pg_temp.nself_catalog()) ON CONFLICT (only_row) DO UPDATE SET digest = excluded.digest;
