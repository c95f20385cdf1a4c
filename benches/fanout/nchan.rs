//! nginx with Nchan, over TLS too, set up to do what onlookers does: each change is posted to it once, and it sends the
//! picture to every subscriber as the next part of a multipart answer.

use crate::{Outcome, load::certificate::Files};
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Where distributions put nginx's modules.
const MODULES: [&str; 3] = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/etc/nginx/modules"];
const PATIENCE: Duration = Duration::from_secs(10);

/// The module, where it and nginx are installed.
pub(crate) fn module() -> Option<PathBuf> {
    let nginx = ["/usr/sbin/nginx", "/usr/bin/nginx"].iter().any(|path| Path::new(path).exists());
    let mut modules = MODULES.iter().map(|folder| Path::new(folder).join("ngx_nchan_module.so"));
    modules.find(|module| nginx && module.exists())
}

/// nginx can't print ports that the system chose, so it is given two that were free a moment ago: for viewers and for
/// the publisher, who has no TLS.
pub(crate) fn free_ports() -> Outcome<[u16; 2]> {
    let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let [viewers, publisher] = listeners.map(|listener| listener?.local_addr());
    Ok([viewers?.port(), publisher?.port()])
}

pub(crate) fn command(directory: &Path, ports: [u16; 2], tls: Option<Files>) -> Outcome<Vec<String>> {
    let module = module().ok_or("Nchan isn't installed")?;
    fs::create_dir_all(directory)?;
    let file = directory.join("nginx.conf");
    fs::write(&file, configuration(&module, directory, ports, tls))?;
    let flags =
        ["nginx", "-p", &directory.to_string_lossy(), "-c", &file.to_string_lossy()].map(String::from);
    Ok(flags.to_vec())
}

/// One process, which is one worker: nothing to hand on between workers, and its account is complete.
fn configuration(module: &Path, directory: &Path, ports: [u16; 2], tls: Option<Files>) -> String {
    let (module, folder, [viewers, publisher]) = (module.display(), directory.display(), ports);
    let (ssl, pair) = tls.map_or_else(Default::default, |files| (" ssl", pair(&files)));
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let folders = kinds.map(|kind| format!("{kind}_temp_path {folder}/{kind};")).join(" ");
    format!(
        "load_module {module};\ndaemon off;\nmaster_process off;\nuser root;\npid {folder}/nginx.pid;\n\
         error_log stderr warn;\nworker_rlimit_nofile 20000;\nevents {{ worker_connections 19990; }}\n\
         http {{\n  access_log off;\n  {folders}\n  server {{\n    listen 127.0.0.1:{viewers}{ssl} backlog=4096;\n\
         listen 127.0.0.1:{publisher};\n{pair}\
         location = /publish {{ nchan_publisher; nchan_channel_id online; nchan_message_buffer_length 1; }}\n\
         location = /online.png {{ nchan_subscriber http-multipart; nchan_channel_id online;\n\
         nchan_subscriber_first_message oldest; }}\n  }}\n}}\n"
    )
}

/// HTTP/1.1 alone, as `listen` has no `http2`.
fn pair(Files { certificate, key }: &Files) -> String {
    let (certificate, key) = (certificate.display(), key.display());
    format!("ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;\n")
}

/// The first picture, as soon as nginx listens.
pub(crate) fn first(address: SocketAddr, picture: &[u8]) -> Outcome<()> {
    let step = Duration::from_millis(50);
    for _ in 0..PATIENCE.as_millis() / step.as_millis() {
        match TcpStream::connect(address) {
            Ok(_) => return publish(address, picture),
            Err(_) => thread::sleep(step),
        }
    }
    Err("nginx doesn't listen".into())
}

/// Posts a picture to the channel.
pub(crate) fn publish(address: SocketAddr, picture: &[u8]) -> Outcome<()> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let length = picture.len();
    let mut request = format!(
        "POST /publish HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: image/png\r\n\
         Content-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.extend_from_slice(picture);
    socket.write_all(&request)?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    match answer.split(' ').nth(1) {
        Some("200" | "201" | "202") => Ok(()),
        _ => Err(format!("Nchan took no picture: {}", answer.lines().next().unwrap_or("")).into()),
    }
}
