//! Pixels to the bytes of a PNG file.

use bytes::Bytes;
use png::{BitDepth, ColorType, DeflateCompression, Encoder, Filter};

use super::Raster;

pub(super) fn encode(raster: &Raster) -> Bytes {
    let mut file = Vec::with_capacity(1024);
    write(raster, &mut file).expect("a Vec takes all there is, and a raster is never empty");
    file.into()
}

fn write(raster: &Raster, file: &mut Vec<u8>) -> Result<(), png::EncodingError> {
    let colors = palette(raster);
    let mut encoder = Encoder::new(file, raster.width(), raster.height());
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(colors.iter().flat_map(|c| [c[0], c[1], c[2]]).collect::<Vec<u8>>());
    encoder.set_trns(colors.iter().map(|c| c[3]).filter(|&a| a < 255).collect::<Vec<u8>>());
    encoder.set_filter(Filter::NoFilter);
    encoder.set_deflate_compression(DeflateCompression::Level(9));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indices(raster, &colors))?;
    writer.finish()
}

fn indices(raster: &Raster, colors: &[[u8; 4]]) -> Vec<u8> {
    let find = |p: &[u8; 4]| colors.binary_search_by_key(&key(p), key).unwrap_or_default() as u8;
    raster.pixels().iter().map(find).collect()
}

fn palette(raster: &Raster) -> Vec<[u8; 4]> {
    let mut colors = raster.pixels().to_vec();
    colors.sort_unstable_by_key(key);
    colors.dedup();
    colors
}

fn key(&[red, green, blue, alpha]: &[u8; 4]) -> [u8; 4] {
    [alpha, red, green, blue]
}
