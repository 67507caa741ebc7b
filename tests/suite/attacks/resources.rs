//! Attacks by size: deep nesting, huge inputs, quadratic work.

mod nesting;
