//! Pixels to the bytes of a PNG file. docs/png.md of the repository compares what else was tried.

use bytes::Bytes;
use png::{BitDepth, ColorType, DeflateCompression, Encoder, EncodingError, Filter};

use crate::Raster;

/// So many pixels has a badge at scale 2.
const SMALL: u32 = 16 * 1024;
/// Only pictures of large digits have more than so many.
const LARGE: u32 = 100_000;

/// Of a palette.
pub(crate) const MAX_COLORS: usize = 256;

pub(crate) fn encode(raster: &Raster) -> Bytes {
    let mut file = Vec::with_capacity(1024);
    let written = match indexed(raster) {
        Some((colors, pixels)) => {
            write_indexed((raster.width(), raster.height()), &colors, pixels, &mut file)
        }
        None => write_rgba(raster, &mut file),
    };
    written.expect("writing to a Vec cannot fail, and a raster is never empty");
    file.into()
}

/// A file of pixels that are known to have few colours, at most 256, by their places in `colors`; opaque ones are last.
/// To find the colours takes longer than all the rest where a picture is large.
pub(crate) fn encode_indexed(width: u32, colors: &[[u8; 4]], indices: Vec<u8>) -> Bytes {
    let mut file = Vec::with_capacity(1024);
    let height = indices.len() as u32 / width;
    write_indexed((width, height), colors, indices, &mut file)
        .expect("writing to a Vec cannot fail, and a picture is never empty");
    file.into()
}

/// Without a filter: letters are few values in repeated runs, which deflate finds by itself and a filter breaks up.
fn write_indexed(
    size: (u32, u32),
    colors: &[[u8; 4]],
    mut pixels: Vec<u8>,
    file: &mut Vec<u8>,
) -> Result<(), EncodingError> {
    let mut encoder = encoder(size, file);
    if colors.len() <= 16 {
        encoder.set_depth(BitDepth::Four);
        pixels = pack(&pixels, size.0 as usize);
    }
    encoder.set_color(ColorType::Indexed);
    encoder.set_palette(colors.iter().flat_map(|c| [c[0], c[1], c[2]]).collect::<Vec<u8>>());
    let alphas: Vec<u8> = colors.iter().map(|c| c[3]).take_while(|&alpha| alpha < 255).collect();
    if !alphas.is_empty() {
        encoder.set_trns(alphas);
    }
    encoder.set_filter(Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()
}

/// Two pixels per byte, each row starting on a byte. The file is as large as with one pixel per byte, but deflate has
/// half as much to search.
fn pack(indices: &[u8], width: usize) -> Vec<u8> {
    let pair = |pair: &[u8]| pair[0] << 4 | pair.get(1).copied().unwrap_or_default();
    indices.chunks_exact(width).flat_map(|row| row.chunks(2).map(pair)).collect()
}

fn write_rgba(raster: &Raster, file: &mut Vec<u8>) -> Result<(), EncodingError> {
    let mut encoder = encoder((raster.width(), raster.height()), file);
    encoder.set_color(ColorType::Rgba);
    encoder.set_filter(Filter::Adaptive);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(raster.pixels().as_flattened())?;
    writer.finish()
}

fn encoder((width, height): (u32, u32), file: &mut Vec<u8>) -> Encoder<'_, &mut Vec<u8>> {
    let mut encoder = Encoder::new(file, width, height);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_deflate_compression(DeflateCompression::Level(level(width * height)));
    encoder
}

/// The larger the picture, the less is searched for repetitions: level 9 takes 20 ms for the largest, and saves little there.
fn level(pixels: u32) -> u8 {
    match pixels {
        pixels if pixels <= SMALL => 9,
        pixels if pixels <= LARGE => 4,
        _ => 2,
    }
}

/// The colours of the raster, sorted by alpha (the list of alphas can leave out the opaque ones if they are last), and the
/// place of each pixel's colour. None if there are more than 256.
fn indexed(raster: &Raster) -> Option<(Vec<[u8; 4]>, Vec<u8>)> {
    let mut seen = Seen { keys: Vec::new(), slots: [0; 1024] };
    let mut pixels = Vec::with_capacity(raster.pixels().len());
    for run in raster.pixels().chunk_by(|a, b| a == b) {
        let place = seen.place(key(&run[0]))?;
        pixels.resize(pixels.len() + run.len(), place);
    }
    let mut sorted: Vec<(u32, u8)> = seen.keys.into_iter().zip(0..=255).collect();
    sorted.sort_unstable();
    let mut places = [0; 256];
    (0..=255).zip(&sorted).for_each(|(to, &(_, from))| places[usize::from(from)] = to);
    pixels.iter_mut().for_each(|place| *place = places[usize::from(*place)]);
    Some((sorted.into_iter().map(|(key, _)| color(key)).collect(), pixels))
}

/// A table of the colours that were seen. Sorting all pixels takes ten times as long for photographs.
struct Seen {
    /// In the order in which they were seen.
    keys: Vec<u32>,
    /// By hash: one more than the place of a key, or 0.
    slots: [u16; 1024],
}

impl Seen {
    fn place(&mut self, key: u32) -> Option<u8> {
        let mut slot = (key.wrapping_mul(0x9e37_79b1) >> 22) as usize;
        loop {
            match self.slots[slot] {
                0 if self.keys.len() == MAX_COLORS => return None,
                0 => {
                    self.keys.push(key);
                    self.slots[slot] = self.keys.len() as u16;
                }
                taken if self.keys[usize::from(taken - 1)] == key => return Some((taken - 1) as u8),
                _ => slot = (slot + 1) % self.slots.len(),
            }
        }
    }
}

/// As a number, which is faster to sort than four bytes.
fn key(&[red, green, blue, alpha]: &[u8; 4]) -> u32 {
    u32::from_be_bytes([alpha, red, green, blue])
}

fn color(key: u32) -> [u8; 4] {
    let [alpha, red, green, blue] = key.to_be_bytes();
    [red, green, blue, alpha]
}

#[cfg(test)]
mod tests {
    use tiny_skia::{Mask, Pixmap};

    use super::*;

    #[test]
    fn decoding_gives_the_encoded_pixels() {
        for (width, colors) in [(20, 8), (21, 16), (21, 17), (1, 1)] {
            let mut mask = Mask::new(width, 3).unwrap();
            mask.data_mut()
                .iter_mut()
                .enumerate()
                .for_each(|(i, coverage)| *coverage = (i % colors) as u8 * 15);
            assert_round_trip(&Raster::of_ink(&mask, [9, 8, 7, 255]), ColorType::Indexed);
        }
    }

    #[test]
    fn opaque_pictures_and_those_of_many_colours_are_encoded() {
        let mut pixmap = Pixmap::new(30, 30).unwrap();
        pixmap.data_mut().fill(255);
        assert_round_trip(&Raster::from(pixmap.clone()), ColorType::Indexed);
        for (i, pixel) in pixmap.data_mut().chunks_exact_mut(4).enumerate() {
            pixel[..2].copy_from_slice(&(i as u16).to_be_bytes());
        }
        assert_round_trip(&Raster::from(pixmap), ColorType::Rgba);
    }

    fn assert_round_trip(raster: &Raster, color: ColorType) {
        let file = encode(raster);
        let mut decoder = png::Decoder::new(std::io::Cursor::new(&file));
        assert_eq!(decoder.read_header_info().unwrap().color_type, color);
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((frame.width, frame.height), (raster.width(), raster.height()));
        assert!(pixels == raster.pixels().as_flattened());
    }
}
