//! Reduces the number of colours, for a smaller file.

use std::array::from_fn;
use std::collections::BTreeMap;

/// Colours that a picture of several layers keeps at scale 1. Each costs three bytes of the file, and its pixels
/// compress worse. Larger pictures have more steps in their gradients.
const MAX_COLORS: usize = 48;

/// Replaces colours by others of the picture, so that at most [`MAX_COLORS`] are left per unit of `scale`. The frequent
/// colours and the distinct ones stay. A background is off by at most 12 steps of 255 then; to keep it exactly, its
/// weight would have to be so large that letters become rough and files an eighth larger.
pub(crate) fn reduce(pixels: &mut [[u8; 4]], scale: u8) {
    let max = MAX_COLORS * usize::from(scale);
    let runs = sorted_runs(pixels);
    let colors = count_colors(&runs);
    if colors.len() <= max {
        return;
    }
    let nearest = choose_colors(&colors, max);
    for (same, color) in runs.chunk_by(|a, b| a.color == b.color).zip(nearest) {
        for run in same {
            pixels[run.start as usize..][..run.len as usize].fill(color);
        }
    }
}

/// Colours from which others are chosen: the time that it takes grows with their number.
const MAX_CANDIDATES: usize = 1 << 14;

/// The same for pictures of any kind. Photographs have so many colours that similar ones are taken for equal first.
pub(crate) fn reduce_to(pixels: &mut [&mut [u8; 4]], max: usize) {
    pixels.iter_mut().filter(|pixel| pixel[3] == 0).for_each(|pixel| **pixel = [0; 4]);
    let count = |pixels: &[&mut [u8; 4]]| {
        let mut counts = BTreeMap::<[u8; 4], u32>::new();
        pixels.iter().for_each(|pixel| *counts.entry(**pixel).or_default() += 1);
        counts
    };
    let mut counts = count(pixels);
    for bits in 1..=5_u8 {
        if counts.len() <= MAX_CANDIDATES {
            break;
        }
        let coarse = |channel: u8| (u16::from(channel >> bits) * 255 / u16::from(255_u8 >> bits)) as u8;
        pixels.iter_mut().for_each(|pixel| **pixel = pixel.map(coarse));
        counts = count(pixels);
    }
    if counts.len() <= max {
        return;
    }
    let colors: Vec<([u8; 4], u32)> = counts.into_iter().collect();
    let nearest = choose_colors(&colors, max);
    for pixel in pixels {
        let place = colors.binary_search_by_key(&**pixel, |color| color.0).unwrap_or_default();
        **pixel = nearest[place];
    }
}

/// Neighbours of the same colour: there are fewer runs than pixels.
struct Run {
    /// The colour as a number, which is faster to sort by than four bytes.
    color: u32,
    start: u32,
    len: u32,
}

/// The runs, those of a colour side by side.
fn sorted_runs(pixels: &[[u8; 4]]) -> Vec<Run> {
    let mut start = 0;
    let run = |run: &[[u8; 4]]| {
        let this = Run { color: u32::from_be_bytes(run[0]), start, len: run.len() as u32 };
        start += this.len;
        this
    };
    let mut runs: Vec<Run> = pixels.chunk_by(|a, b| a == b).map(run).collect();
    runs.sort_unstable_by_key(|run| run.color);
    runs
}

/// The colours, sorted, with their numbers of pixels.
fn count_colors(runs: &[Run]) -> Vec<([u8; 4], u32)> {
    let same = runs.chunk_by(|a, b| a.color == b.color);
    same.map(|same| (same[0].color.to_be_bytes(), same.iter().map(|run| run.len).sum())).collect()
}

/// The replacement of each colour. Repeatedly chooses the colour that is represented worst so far.
fn choose_colors(colors: &[([u8; 4], u32)], max: usize) -> Vec<[u8; 4]> {
    let mut groups: Vec<Group> = colors.chunks(LANES).map(Group::new).collect();
    let mut next = colors.iter().enumerate().max_by_key(|(_, color)| color.1).map_or(0, |(i, _)| i);
    for _ in 0..max {
        let own = groups[next / LANES].channels.map(|channel| channel[next % LANES]);
        groups.iter_mut().for_each(|group| group.choose(next as u32, own));
        next = worst(&groups).min(colors.len() - 1);
    }
    let nearest = groups.iter().flat_map(|group| group.nearest).take(colors.len());
    nearest.map(|chosen| colors[chosen as usize].0).collect()
}

/// So many colours are computed side by side.
const LANES: usize = 8;

/// Colours that may be chosen, and what is needed of them again and again. All numbers are whole and small enough for
/// floats, which every processor computes several of at once. The colours are sorted, so that those of a group are alike.
struct Group {
    /// Red, green and blue, weighted by alpha, and alpha.
    channels: [[f32; LANES]; 4],
    /// How bad it is to replace the colour, for each step of distance.
    weights: [f64; LANES],
    /// The distance to the nearest colour that is chosen.
    distances: [f32; LANES],
    /// The place of that colour.
    nearest: [u32; LANES],
    /// The least and the greatest value of each channel.
    bounds: [(f32, f32); 4],
    /// The greatest of the distances.
    farthest: f32,
    /// How bad the worst replacement is.
    loss: f64,
}

impl Group {
    fn new(colors: &[([u8; 4], u32)]) -> Self {
        let mut group = Self {
            channels: [[0.0; LANES]; 4],
            weights: [0.0; LANES],
            // A colour after the last has a replacement that is as near as can be.
            distances: from_fn(|i| if i < colors.len() { f32::MAX } else { 0.0 }),
            nearest: [0; LANES],
            bounds: [(f32::MAX, 0.0); 4],
            farthest: f32::MAX,
            loss: 0.0,
        };
        for (i, &(color, pixels)) in colors.iter().enumerate() {
            let [red, green, blue, alpha] = color.map(u32::from);
            let channels = [red * alpha / 255, green * alpha / 255, blue * alpha / 255, alpha];
            for (at, channel) in channels.map(|channel| channel as f32).into_iter().enumerate() {
                group.channels[at][i] = channel;
                group.bounds[at] = (group.bounds[at].0.min(channel), group.bounds[at].1.max(channel));
            }
            group.weights[i] = f64::from(pixels) * f64::from(pixels.isqrt());
        }
        group
    }

    /// Each colour that is nearer to the chosen one than to those before is replaced by it.
    fn choose(&mut self, chosen: u32, own: [f32; 4]) {
        if self.least_distance(own) >= self.farthest {
            return;
        }
        let squares = |i: usize| self.channels[i].map(|channel| (channel - own[i]) * (channel - own[i]));
        let [red, green, blue, alpha] = [squares(0), squares(1), squares(2), squares(3)];
        let new: [f32; LANES] = from_fn(|i| difference([red[i], green[i], blue[i], alpha[i]]));
        // Without branches, or the compiler takes one colour after the other.
        let (old, before) = (self.distances, self.nearest);
        let nearer: [u32; LANES] = from_fn(|i| u32::from(new[i] < old[i]).wrapping_neg());
        self.distances = from_fn(|i| if new[i] < old[i] { new[i] } else { old[i] });
        self.nearest = from_fn(|i| chosen & nearer[i] | before[i] & !nearer[i]);
        self.farthest = self.distances.into_iter().fold(0.0, f32::max);
        self.loss = self.losses().into_iter().fold(0.0, f64::max);
    }

    /// No colour of the group is nearer than that.
    fn least_distance(&self, own: [f32; 4]) -> f32 {
        let gap = |i: usize| (self.bounds[i].0 - own[i]).max(own[i] - self.bounds[i].1).max(0.0);
        difference([0, 1, 2, 3].map(|i| gap(i) * gap(i)))
    }

    fn losses(&self) -> [f64; LANES] {
        let mut losses = self.weights;
        losses.iter_mut().zip(self.distances).for_each(|(loss, distance)| *loss *= f64::from(distance));
        losses
    }
}

/// The place of the last of the colours that are represented worst.
fn worst(groups: &[Group]) -> usize {
    let worst = |worst: (usize, f64), (i, group): (usize, &Group)| {
        if group.loss >= worst.1 { (i, group.loss) } else { worst }
    };
    let (place, loss) = groups.iter().enumerate().fold((0, 0.0), worst);
    place * LANES + groups[place].losses().iter().rposition(|own| *own == loss).unwrap_or_default()
}

/// The perceived difference of two colours, squared, from the squares of the channels' differences.
fn difference([red, green, blue, alpha]: [f32; 4]) -> f32 {
    2.0 * red + 4.0 * green + blue + 3.0 * alpha
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
        assert!(count_colors(&sorted_runs(&pixels)).len() <= MAX_COLORS);
        let off = |(a, b): (&[u8; 4], &[u8; 4])| (0..4).all(|i| a[i].abs_diff(b[i]) <= 8);
        assert!(pixels.iter().zip(&before).all(off), "{pixels:?}");
        assert_eq!(pixels.last(), before.last());
    }

    #[test]
    fn groups_choose_what_single_colours_would() {
        let mut random = 7_u32;
        let mut next = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % below
        };
        for (count, alpha) in [(49, 1), (57, 256), (300, 40), (1_111, 1)] {
            let mut colors = std::collections::BTreeMap::new();
            while colors.len() < count {
                let color = [next(60), next(60), next(60), 255 - next(alpha)].map(|channel| channel as u8);
                colors.insert(color, 1 + next(900));
            }
            let colors: Vec<_> = colors.into_iter().collect();
            assert_eq!(choose_colors(&colors, 48), one_by_one(&colors, 48), "{count} colours");
        }
    }

    fn one_by_one(colors: &[([u8; 4], u32)], max: usize) -> Vec<[u8; 4]> {
        let channel = |color: [u8; 4], i: usize| i32::from(color[i]) * i32::from(color[3]) / 255;
        let distance = |a: [u8; 4], b: [u8; 4]| {
            let square = |i: usize| (channel(a, i) - channel(b, i)).pow(2);
            let alpha = (i32::from(a[3]) - i32::from(b[3])).pow(2);
            (2 * square(0) + 4 * square(1) + square(2) + 3 * alpha) as u64
        };
        let mut nearest = vec![(u64::MAX, [0; 4]); colors.len()];
        let mut chosen = colors.iter().max_by_key(|color| color.1).unwrap().0;
        for _ in 0..max {
            for (near, color) in nearest.iter_mut().zip(colors) {
                let distance = distance(chosen, color.0);
                if distance < near.0 {
                    *near = (distance, chosen);
                }
            }
            let loss = |i: &usize| nearest[*i].0 * u64::from(colors[*i].1) * u64::from(colors[*i].1.isqrt());
            chosen = colors[(0..colors.len()).max_by_key(loss).unwrap()].0;
        }
        nearest.into_iter().map(|near| near.1).collect()
    }
}
