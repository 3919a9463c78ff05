//! The growth table as a picture: one line for each operation, flat if nothing grows.

use std::fmt::Write;

use crate::growth::Column;

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 60.0;
/// Told apart also without colours: the lines carry their names.
const COLOURS: [&str; 6] = ["#14518b", "#b3261e", "#2e7d32", "#6a1b9a", "#b26a00", "#37474f"];

/// The picture, SVG.
#[must_use]
pub fn svg(engine: &str, columns: &[Column]) -> String {
    let most = columns.iter().flat_map(|column| &column.costs).map(|(_, cost)| *cost).fold(1.0, f64::max) * 1.1;
    let x = |number: usize| LEFT + (WIDTH - LEFT - RIGHT) * number as f64 / (columns.len().max(2) - 1) as f64;
    let y = |cost: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * cost / most;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<title>{engine}: processor time of each operation as everything grows</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"20\">{engine}: processor time, microseconds, database included</text>\n"
    );
    // Writing to memory can't fail.
    for tenth in (0..=10).step_by(2) {
        let (cost, right) = (most * f64::from(tenth) / 10.0, WIDTH - RIGHT);
        let at = y(cost);
        let _ = writeln!(svg, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>");
        let _ =
            writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{cost:.0}</text>", LEFT - 8.0, at + 4.0);
    }
    for (number, column) in columns.iter().enumerate() {
        let (at, below) = (x(number), HEIGHT - BOTTOM + 20.0);
        for (line, words) in column.name.split(", ").enumerate() {
            let down = below + 14.0 * line as f64;
            let _ = writeln!(svg, "<text x=\"{at:.1}\" y=\"{down:.1}\" text-anchor=\"middle\">{words}</text>");
        }
    }
    let operations = columns.first().map(|first| first.costs.as_slice()).unwrap_or_default();
    for (number, (operation, _)) in operations.iter().enumerate() {
        let colour = COLOURS.get(number % COLOURS.len()).copied().unwrap_or("#000");
        let costs: Vec<f64> = columns.iter().filter_map(|column| Some(column.costs.get(number)?.1)).collect();
        let points: Vec<String> =
            costs.iter().enumerate().map(|(at, cost)| format!("{:.1},{:.1}", x(at), y(*cost))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
        if let Some(cost) = costs.last() {
            let (right, at) = (WIDTH - RIGHT + 8.0, y(*cost) + 4.0);
            let _ = writeln!(svg, "<text x=\"{right}\" y=\"{at:.1}\" fill=\"{colour}\">{operation}</text>");
        }
    }
    svg + "</svg>\n"
}
