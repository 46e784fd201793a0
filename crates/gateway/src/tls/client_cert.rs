//! The certificate that a client showed, as endpoints are told of it.
//!
//! What a client itself writes in the place of these fields is always taken out (`codec::field`), so an endpoint that only
//! the gateway can reach may believe them.
//!
//! # Source
//! RFC 9440 sections 2.1 and 2.2: a byte sequence of structured fields (RFC 8941 section 3.3.5), which is base64 with
//! padding between colons (RFC 4648 section 4).

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The whole line for a certificate in DER.
pub fn line(certificate: &[u8]) -> Vec<u8> {
    let mut out = b"Client-Cert: :".to_vec();
    for three in certificate.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            out.push(if at > three.len() { b'=' } else { digit });
        }
    }
    out.extend_from_slice(b":\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_the_rfc_writes_them() {
        // RFC 4648 section 10.
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(line(bytes.as_bytes()), format!("Client-Cert: :{text}:\r\n").as_bytes());
        }
    }
}
