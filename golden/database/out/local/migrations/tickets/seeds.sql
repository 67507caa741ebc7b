INSERT INTO countries VALUES ('de', 'Germany'), ('fr', 'France') ON CONFLICT DO NOTHING;
