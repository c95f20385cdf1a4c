//! Chromium without a window: what it paints of a page.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

/// The pixels that a browser shows, red, green, blue.
pub(crate) struct Screen {
    width: usize,
    pixels: Vec<u8>,
}

impl Screen {
    /// Opens `page`, a whole HTML document, in `dir`, whose files it may name.
    pub(crate) fn of(dir: &Path, page: &str, (width, height): (u32, u32)) -> Self {
        fs::write(dir.join("page.html"), page).unwrap();
        let shot = dir.join("page.png");
        let _ = fs::remove_file(&shot);
        let run = Command::new("chromium")
            .args(
                "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars"
                    .split(' '),
            )
            .args("--disable-background-networking --disable-component-update --disable-sync".split(' '))
            .arg("--force-device-scale-factor=1")
            .arg(format!("--user-data-dir={}", dir.join("profile").display()))
            .arg(format!("--window-size={width},{height}"))
            .arg(format!("--screenshot={}", shot.display()))
            .arg(dir.join("page.html"))
            .output();
        let run = run.expect("chromium must be installed (Debian: apt-get install chromium)");
        let file = fs::read(&shot);
        let file = file.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&run.stderr)));
        Self::decode(&file)
    }

    fn decode(file: &[u8]) -> Self {
        let mut decoder = png::Decoder::new(io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        let channels = frame.color_type.samples();
        let pixels = pixels.chunks_exact(channels).flat_map(|pixel| pixel[..3].to_vec()).collect();
        Self { width: frame.width as usize, pixels }
    }

    pub(crate) fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let at = (y as usize * self.width + x as usize) * 3;
        self.pixels[at..at + 3].try_into().unwrap()
    }
}

/// An empty folder for a test.
pub(crate) fn folder(name: &str) -> std::path::PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}
