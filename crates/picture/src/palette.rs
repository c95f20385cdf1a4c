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
    let candidates: Vec<_> = colors.iter().map(Candidate::new).collect();
    let mut nearest = vec![(u32::MAX, 0); colors.len()];
    let mut next = colors.iter().enumerate().max_by_key(|(_, color)| color.1).map_or(0, |(i, _)| i);
    for _ in 0..max {
        let (chosen, mut worst) = (next, 0);
        for (i, (near, candidate)) in nearest.iter_mut().zip(&candidates).enumerate() {
            let distance = candidates[chosen].distance(candidate);
            if distance < near.0 {
                *near = (distance, chosen);
            }
            let loss = u64::from(near.0) * candidate.weight;
            if loss >= worst {
                (next, worst) = (i, loss);
            }
        }
    }
    nearest.into_iter().map(|(_, chosen)| colors[chosen].0).collect()
}

/// A colour that may be chosen, with what is needed of it again and again.
struct Candidate {
    /// Its channels, weighted by alpha, and alpha.
    channels: [i32; 4],
    /// How bad it is to replace it, for each step of distance.
    weight: u64,
}

impl Candidate {
    fn new((color, pixels): &([u8; 4], u32)) -> Self {
        let [red, green, blue, alpha] = color.map(i32::from);
        let weight = u64::from(*pixels) * u64::from(pixels.isqrt());
        Self { channels: [red * alpha / 255, green * alpha / 255, blue * alpha / 255, alpha], weight }
    }

    /// The perceived difference of two colours, squared.
    fn distance(&self, other: &Self) -> u32 {
        let square = |i: usize| (self.channels[i] - other.channels[i]).pow(2);
        (2 * square(0) + 4 * square(1) + square(2) + 3 * square(3)) as u32
    }
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
