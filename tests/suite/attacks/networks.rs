//! Attacks from one container on another, on the host's metadata service and on the database server.
