use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

fn pem(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let mut params =
        CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn certificate(names: &[&str]) -> Certificate {
    let (chain, key) = pem(names, |_| {});
    Certificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
}

#[test]
fn a_certificate_is_found_by_name_by_wildcard_or_as_the_first() {
    let [first, wild, exact] =
        [&["a.example"][..], &["*.example.com"], &["one.example.com", "b.example"]].map(certificate);
    let certificates = Certificates::default();
    certificates.replace([&first, &wild, &exact]);
    for (name, wanted) in [
        (None, &first),
        (Some("unknown.example"), &first),
        (Some("two.example.com"), &wild),
        (Some("deep.two.example.com"), &first),
        (Some("one.example.com"), &exact),
        (Some("b.example"), &exact),
    ] {
        assert!(Arc::ptr_eq(&certificates.find(name).unwrap(), &wanted.key), "{name:?}");
    }
}

#[cfg(feature = "acme")]
#[test]
fn a_name_that_waits_for_its_certificate_gets_no_other() {
    let [files, wild, ordered] = [&["a.example"][..], &["*.example.com"], &["b.example"]].map(certificate);
    let certificates = Certificates::default();
    let orders = [("b.example", Some(&ordered)), ("c.example", None), ("d.example.com", None)];
    certificates.replace_ordered(orders);
    let is = |name: Option<&str>, wanted: Option<&Certificate>| {
        let found = certificates.find(name).map(|key| Arc::as_ptr(&key));
        assert_eq!(found, wanted.map(|wanted| Arc::as_ptr(&wanted.key)), "{name:?}");
    };
    is(None, Some(&ordered));
    is(Some("unknown.example"), Some(&ordered));
    certificates.replace([&files, &wild]);
    is(None, Some(&files));
    is(Some("b.example"), Some(&ordered));
    is(Some("c.example"), None);
    is(Some("d.example.com"), Some(&wild));
    is(Some("e.example.com"), Some(&wild));
}

#[test]
fn what_is_wrong_with_a_pair_is_said() {
    let ((chain, key), (other, _)) = (pem(&["a.example"], |_| {}), pem(&["b.example"], |_| {}));
    let error = |chain: &str, key: &str| {
        Certificate::from_pem(chain.as_bytes(), key.as_bytes()).map(drop).unwrap_err()
    };
    assert_eq!(error("", &key), CertificateError::NoCertificate);
    assert_eq!(error(&chain[..chain.len() / 2], &key), CertificateError::NoCertificate);
    assert_eq!(error(&chain, &chain), CertificateError::NoKey);
    assert_eq!(error(&other, &key), CertificateError::Mismatch);
    let both = format!("{key}{chain}");
    assert!(Certificate::from_pem(both.as_bytes(), both.as_bytes()).is_ok());
}

#[test]
fn a_certificate_is_valid_for_a_time() {
    let of_years = |from, to| {
        let (chain, key) = pem(&["a.example"], |params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(to, 1, 1);
        });
        let certificate = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        certificate.check_time(SystemTime::now())
    };
    assert_eq!(of_years(2000, 2001), Err(CertificateError::Expired));
    assert_eq!(of_years(2500, 2501), Err(CertificateError::NotYetValid));
    assert_eq!(of_years(2000, 2500), Ok(()));
}
