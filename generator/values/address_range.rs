//! Ranges of IP addresses, parsed from CIDR notation.

use std::net::IpAddr;

/// All addresses whose first `bits` are the same as those of `address`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    address: IpAddr,
    bits: u8,
}

impl AddressRange {
    /// Returns the range of a text such as `10.0.0.0/8`, or of a single address; `None` for other text.
    pub fn read(text: &str) -> Option<Self> {
        let (address, bits_text) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let max_bits = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits_text.map_or(Some(max_bits), |bits| bits.parse().ok()).filter(|bits| *bits <= max_bits)?;
        Some(AddressRange { address, bits })
    }

    /// Returns whether the range contains every address of its family.
    pub fn is_everything(&self) -> bool {
        self.bits == 0
    }

    /// Returns whether some address is in both ranges. This is so if their first addresses have the same prefix, with
    /// the length of the shorter prefix.
    pub fn overlaps(&self, other: &AddressRange) -> bool {
        let bits = self.bits.min(other.bits);
        self.address.is_ipv4() == other.address.is_ipv4()
            && without_host_bits(self.address, bits) == without_host_bits(other.address, bits)
    }

    /// Returns the reason to refuse the text of a range whose address has bits after the prefix, such as `10.1.0.0/8`.
    /// nginx warns of such ranges.
    pub fn host_bits_refusal(&self, text: &str) -> Option<String> {
        let first = without_host_bits(self.address, self.bits);
        (first != self.address).then(|| {
            format!("`{text}` does not begin with the first address of its range; write `{first}/{}`", self.bits)
        })
    }
}

/// Returns the address with all bits after the first `bits` cleared.
fn without_host_bits(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::from((u32::from(v4) & mask).to_be_bytes())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::from((u128::from(v6) & mask).to_be_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Checked, Cidr};
    use super::*;

    #[test]
    fn ranges_overlap_if_the_shorter_prefix_is_equal() {
        let range = |text: &str| AddressRange::read(text).unwrap();
        for (first, other, overlap) in [
            ("10.0.0.0/8", "10.42.0.7", true),
            ("10.42.0.0/16", "10.0.0.0/8", true),
            ("10.42.0.0/16", "10.43.0.0/16", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("fc00::/7", "fd12::/64", true),
            ("2001:db8::1", "2001:db8::2", false),
        ] {
            assert_eq!(range(first).overlaps(&range(other)), overlap, "{first} {other}");
            assert_eq!(range(other).overlaps(&range(first)), overlap, "{other} {first}");
        }
        for text in ["10.0.0.0/33", "10.0.0.0/200", "2001:db8::/129"] {
            assert_eq!(AddressRange::read(text), None, "{text}");
        }
        assert!(range("::/0").is_everything() && !range("10.0.0.0/8").is_everything());
    }

    #[test]
    fn a_range_is_written_with_its_first_address() {
        assert_eq!(
            Cidr::new("10.1.0.0/8").unwrap_err(),
            "`10.1.0.0/8` does not begin with the first address of its range; write `10.0.0.0/8`"
        );
        for text in ["10.0.0.1/31", "2001:db8::1/64", "10.0.0.0/33", "10.0.0.0/x"] {
            assert!(Cidr::new(text).is_err(), "{text}");
        }
        for text in ["0.0.0.0/0", "::/0", "10.0.0.1", "10.0.0.1/32", "2001:db8::/64"] {
            assert!(Cidr::new(text).is_ok(), "{text}");
        }
    }
}
