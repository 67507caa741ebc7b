pub mod node; pub mod origins; pub mod layers; pub mod decode;
