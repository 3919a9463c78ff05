//! The growth table as a picture: one line for each operation, flat if nothing grows.

use std::fmt::Write;

use crate::growth::{Column, Cost};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 230.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;
/// The axis, in percent more than the small installation; it is longer where a line needs it.
const LEAST: f64 = -30.0;
const MOST: f64 = 50.0;
/// What counts as flat.
const FLAT: f64 = 15.0;
/// Between two names beside the ends of their lines.
const NAME_HEIGHT: f64 = 15.0;
/// Told apart also without colours: the lines carry their names.
const COLOURS: [&str; 9] =
    ["#14518b", "#b3261e", "#2e7d32", "#6a1b9a", "#b26a00", "#37474f", "#00838f", "#ad1457", "#5d4037"];

/// The picture, SVG.
#[must_use]
pub fn svg(engine: &str, columns: &[Column]) -> String {
    let percents = |column: &Column| column.costs.iter().map(Cost::more).collect::<Vec<f64>>();
    let all: Vec<f64> = columns.iter().flat_map(percents).collect();
    let most = all.iter().copied().fold(MOST, f64::max);
    let x = |number: usize| LEFT + (WIDTH - LEFT - RIGHT) * number as f64 / (columns.len().max(2) - 1) as f64;
    let y = |percent: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (percent.max(LEAST) - LEAST) / (most - LEAST);
    let (right, flat) = (WIDTH - RIGHT, y(-FLAT) - y(FLAT));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<title>{engine}: what operations cost more as everything grows</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"20\">{engine}: processor time of each operation, compared at the same moment to an \
         installation that stays small</text>\n\
         <text x=\"{LEFT}\" y=\"36\" fill=\"#555\">grey: within {FLAT} %</text>\n\
         <rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{flat:.1}\" fill=\"#eee\"/>\n",
        y(FLAT),
        right - LEFT
    );
    // Writing to memory can't fail.
    let mut percent = LEAST;
    while percent <= most {
        let at = y(percent);
        let _ = writeln!(svg, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>");
        let (left, down) = (LEFT - 8.0, at + 4.0);
        let _ = writeln!(svg, "<text x=\"{left:.1}\" y=\"{down:.1}\" text-anchor=\"end\">{percent:+.0} %</text>");
        percent += 10.0;
    }
    for (number, column) in columns.iter().enumerate() {
        let (at, below) = (x(number), HEIGHT - BOTTOM + 20.0);
        let _ = writeln!(svg, "<text x=\"{at:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">{}</text>", column.name);
    }
    for number in 0..columns.first().map_or(0, |first| first.costs.len()) {
        let colour = COLOURS.get(number % COLOURS.len()).copied().unwrap_or("#000");
        let own = columns.iter().filter_map(|column| percents(column).get(number).copied());
        let points: Vec<String> = own.enumerate().map(|(at, cost)| format!("{:.1},{:.1}", x(at), y(cost))).collect();
        let points = points.join(" ");
        let _ = writeln!(svg, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
    }
    names_beside(&mut svg, columns, y);
    svg + "</svg>\n"
}

/// The names of the lines beside their ends, moved apart where those are close.
fn names_beside(svg: &mut String, columns: &[Column], y: impl Fn(f64) -> f64) {
    let costs = columns.last().map(|last| last.costs.as_slice()).unwrap_or_default();
    let mut names: Vec<(f64, usize, &str)> =
        costs.iter().enumerate().map(|(number, cost)| (y(cost.more()) + 4.0, number, cost.operation)).collect();
    names.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut free, left) = (TOP, WIDTH - RIGHT + 8.0);
    for (at, number, operation) in names {
        let at = at.max(free);
        free = at + NAME_HEIGHT;
        let colour = COLOURS.get(number % COLOURS.len()).copied().unwrap_or("#000");
        // Writing to memory can't fail.
        let _ = writeln!(svg, "<text x=\"{left:.1}\" y=\"{at:.1}\" fill=\"{colour}\">{operation}</text>");
    }
}
