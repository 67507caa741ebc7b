package main

import (
	"context"
	"database/sql"
)

// table is the links in the plugin's database.
type table struct{ database *sql.DB }

func (t table) add(ctx context.Context, slug, target string) error {
	_, err := t.database.ExecContext(ctx, "INSERT INTO np_links_links (slug, target) VALUES ($1, $2)", slug, target)
	return err
}

// visit counts a visit and returns the target; sql.ErrNoRows if there is no such link.
func (t table) visit(ctx context.Context, slug string) (string, error) {
	var target string
	row := t.database.QueryRowContext(ctx, "UPDATE np_links_links SET visits = visits + 1 WHERE slug = $1 RETURNING target", slug)
	err := row.Scan(&target)
	return target, err
}
