//! Attacks by the committed manifest, which anyone who sends a pull request can write.
