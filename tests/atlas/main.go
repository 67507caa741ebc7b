// Reads a folder of migrations as Atlas does: its sum, its order, the directives of its files; and with a second
// argument runs them with Atlas's executor. usage: atlas FOLDER [URL]
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	_ "github.com/lib/pq"
)

func main() {
	if err := read(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(arguments []string) error {
	dir, err := migrate.NewLocalDir(arguments[0])
	if err != nil {
		return err
	}
	if err := migrate.Validate(dir); err != nil {
		return err
	}
	files, err := dir.Files()
	if err != nil {
		return err
	}
	for _, file := range files {
		mode := "file"
		if local, ok := file.(*migrate.LocalFile); ok {
			if said := local.Directive("txmode"); len(said) == 1 {
				mode = said[0]
			}
		}
		fmt.Println(file.Version(), file.Desc(), mode)
	}
	if len(arguments) == 1 {
		return nil
	}
	db, err := sql.Open("postgres", arguments[1])
	if err != nil {
		return err
	}
	defer db.Close()
	driver, err := postgres.Open(db)
	if err != nil {
		return err
	}
	executor, err := migrate.NewExecutor(driver, dir, migrate.NopRevisionReadWriter{}, migrate.WithAllowDirty(true))
	if err != nil {
		return err
	}
	return executor.ExecuteN(context.Background(), 0)
}
