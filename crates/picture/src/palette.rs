//! Reduces the number of colours, for a smaller file.

/// Colours that a picture of several layers keeps at scale 1. Each costs three bytes of the file, and its pixels
/// compress worse. Larger pictures have more steps in their gradients.
const MAX_COLORS: usize = 48;

/// Replaces colours by others of the picture, so that at most [`MAX_COLORS`] are left per unit of `scale`. The frequent
/// colours and the distinct ones stay. A background is off by at most 12 steps of 255 then; to keep it exactly, its
/// weight would have to be so large that letters become rough and files an eighth larger.
pub(crate) fn reduce(pixels: &mut [[u8; 4]], scale: u8) {
    let max = MAX_COLORS * usize::from(scale);
    let colors = count_colors(pixels);
    if colors.len() <= max {
        return;
    }
    let nearest = choose_colors(&colors, max);
    for run in pixels.chunk_by_mut(|a, b| a == b) {
        if let Ok(i) = colors.binary_search_by_key(&run[0], |color| color.0) {
            run.fill(nearest[i]);
        }
    }
}

/// The colours, sorted, with their numbers of pixels.
fn count_colors(pixels: &[[u8; 4]]) -> Vec<([u8; 4], u32)> {
    let mut runs: Vec<_> = pixels.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32)).collect();
    runs.sort_unstable();
    runs.dedup_by(|run, first| {
        let same = run.0 == first.0;
        first.1 += if same { run.1 } else { 0 };
        same
    });
    runs
}

/// The replacement of each colour. Repeatedly chooses the colour that is represented worst so far.
fn choose_colors(colors: &[([u8; 4], u32)], max: usize) -> Vec<[u8; 4]> {
    let mut nearest = vec![(u32::MAX, [0; 4]); colors.len()];
    let mut next = colors.iter().enumerate().max_by_key(|(_, color)| color.1).map_or(0, |(i, _)| i);
    for _ in 0..max {
        let chosen = colors[next].0;
        for (near, color) in nearest.iter_mut().zip(colors) {
            let distance = distance(chosen, color.0);
            if distance < near.0 {
                *near = (distance, chosen);
            }
        }
        let weight = |pixels: u32| u64::from(pixels) * u64::from(pixels.isqrt());
        let loss = |i: &usize| u64::from(nearest[*i].0) * weight(colors[*i].1);
        next = (0..colors.len()).max_by_key(loss).unwrap_or_default();
    }
    nearest.into_iter().map(|near| near.1).collect()
}

/// The perceived difference of two colours, squared. Colour is weighted by alpha.
fn distance(a: [u8; 4], b: [u8; 4]) -> u32 {
    let part = |c: [u8; 4], i: usize| i32::from(c[i]) * i32::from(c[3]) / 255;
    let channel = |i: usize| (part(a, i) - part(b, i)).pow(2);
    let alpha = (i32::from(a[3]) - i32::from(b[3])).pow(2);
    (2 * channel(0) + 4 * channel(1) + channel(2) + 3 * alpha) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_stay_as_they_are() {
        let mut pixels: Vec<[u8; 4]> = (0..MAX_COLORS as u8).map(|i| [i, 0, 0, 255]).collect();
        let before = pixels.clone();
        reduce(&mut pixels, 1);
        assert_eq!(pixels, before);
    }

    #[test]
    fn many_colours_become_few_and_near() {
        let mut pixels: Vec<[u8; 4]> = (0..=255).map(|i| [i, 255 - i, 0, 255]).collect();
        pixels.extend([[0, 0, 255, 255]]);
        let before = pixels.clone();
        reduce(&mut pixels, 1);
        assert!(count_colors(&pixels).len() <= MAX_COLORS);
        let off = |(a, b): (&[u8; 4], &[u8; 4])| (0..4).all(|i| a[i].abs_diff(b[i]) <= 8);
        assert!(pixels.iter().zip(&before).all(off), "{pixels:?}");
        assert_eq!(pixels.last(), before.last());
    }
}
