# Every recipe is one command that also works without just; the workflows in .github/ call the same ones.

# Lists the recipes.
default:
    @just --list

# Format, lints, unit tests and golden cases; needs cargo alone and no root.
quick:
    tests/quick

# Everything: tools, format, lints, all tests, documentation. As root on Debian 12.
ci:
    tests/run

# Rewrites the golden cases, the snapshot of the language and docs/reference. Read the diff before you commit it.
bless *CASE:
    tests/bless {{CASE}}

# Measures run times in comparison with other tools; without PARTS, all of them.
bench *PARTS:
    benches/run {{PARTS}}

# Builds the files of a release in target/dist: archive, Debian package, container image, bill of materials, checksums.
dist:
    packaging/build

# Lets git run .githooks: format and scripts before a commit, `quick` before a push.
hooks:
    git config core.hooksPath .githooks
