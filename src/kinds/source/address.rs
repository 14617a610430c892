//! Addresses of repositories: which of them git may be given.

/// Why git must not be given this address; `None` when it may.
pub fn fault(address: &str) -> Option<&'static str> {
    const FORMS: &str = "write https://…, ssh://…, user@host:path or file:///…";
    // Nothing else has a place in an address, and what git and ssh make of it is not worth finding out.
    if !address.chars().all(|c| c.is_ascii_graphic()) {
        return Some("it has blanks, control characters or letters beyond ASCII: write them as %20 and the like");
    }
    let Some((scheme, rest)) = address.split_once("://") else {
        // `git@host:path`, as ssh has it. Without a colon git would take it for a path of this machine.
        let Some((user, path)) = address.split_once(':') else { return Some(FORMS) };
        let is_host = |host: &str| !host.is_empty() && !host.starts_with('-') && !host.contains('/');
        let is_ssh = user.split_once('@').is_some_and(|(name, host)| !name.is_empty() && is_host(host));
        return (!is_ssh || path.is_empty() || address.starts_with('-')).then_some(FORMS);
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let has_password = authority.split_once('@').is_some_and(|(user, _)| user.contains(':'));
    match scheme {
        "https" | "ssh" | "file" if has_password => {
            Some("a password in it would be stored and shown; use a key of ssh")
        }
        "https" if authority.contains('@') => Some("a token in it would be stored and shown; use a key of ssh"),
        "https" | "ssh" | "file" if authority.starts_with('-') => Some("its host is no host"),
        "https" | "ssh" if authority.is_empty() => Some("it names no host"),
        "file" if !authority.is_empty() => Some("a file has no host: write file:///path"),
        "file" if path.split('/').any(|step| step == "..") => Some("write the path without `..`"),
        "https" | "ssh" | "file" => None,
        _ => Some("only https, ssh and file are spoken"),
    }
}
