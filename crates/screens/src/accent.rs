//! The institution's one colour, corrected where it would be hard to read.
//!
//! Pages may not carry inline styles, so the colour travels as a second, tiny stylesheet named after it:
//! `/accent-<rrggbb>.css`. The name says everything, so it too may be cached for ever.

use std::fmt;
use std::str::FromStr;

/// WCAG 2.2, 1.4.3: the least contrast of text.
const CONTRAST_MIN: f64 = 4.5;
/// The least readable light surface of the stylesheet (`--panel`); white is easier.
const LIGHT_SURFACE: Colour = Colour { red: 0xf2, green: 0xf4, blue: 0xf7 };
/// The least readable dark surface of the stylesheet (`--panel`); black is easier.
const DARK_SURFACE: Colour = Colour { red: 0x1e, green: 0x24, blue: 0x2b };
const BLACK: Colour = Colour { red: 0, green: 0, blue: 0 };
const WHITE: Colour = Colour { red: 255, green: 255, blue: 255 };
/// Steps from a colour to black or white in which a readable shade is looked for.
const SHADES: u16 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

/// An institution's colour, which has one shade that is readable on light pages and one on dark pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accent(Colour);

/// The text is not six hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAColour;

impl fmt::Display for NotAColour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a colour is six hexadecimal digits")
    }
}

impl std::error::Error for NotAColour {}

impl Accent {
    /// The colour of pages that belong to no institution: a quiet blue.
    #[must_use]
    pub fn neutral() -> Accent {
        Accent(Colour { red: 0x1f, green: 0x4e, blue: 0x8c })
    }

    fn on_light(self) -> Colour {
        self.0.readable_on(LIGHT_SURFACE, BLACK)
    }

    fn on_dark(self) -> Colour {
        self.0.readable_on(DARK_SURFACE, WHITE)
    }

    /// Where pages look for this colour: `/accent-<rrggbb>.css`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/accent-{}.css", self.0)
    }

    /// The stylesheet that stands there.
    #[must_use]
    pub fn css(&self) -> String {
        format!(
            ":root{{--accent:#{}}}@media screen and (prefers-color-scheme:dark){{:root{{--accent:#{}}}}}",
            self.on_light(),
            self.on_dark()
        )
    }
}

impl FromStr for Accent {
    type Err = NotAColour;

    /// Reads `rrggbb`, with or without `#`.
    fn from_str(text: &str) -> Result<Accent, NotAColour> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotAColour);
        }
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).map_err(|_| NotAColour)?.to_be_bytes();
        Ok(Accent(Colour { red, green, blue }))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl Colour {
    /// The shade nearest to this one, on the way to `end`, that can be read on `surface`.
    fn readable_on(self, surface: Colour, end: Colour) -> Colour {
        (0..=SHADES)
            .map(|step| self.mixed(end, step))
            .find(|shade| shade.contrast(surface) >= CONTRAST_MIN)
            .unwrap_or(end)
    }

    fn mixed(self, end: Colour, step: u16) -> Colour {
        let part = |from: u8, to: u8| {
            let sum = u16::from(from) * (SHADES - step) + u16::from(to) * step;
            u8::try_from(sum / SHADES).unwrap_or(to)
        };
        Colour { red: part(self.red, end.red), green: part(self.green, end.green), blue: part(self.blue, end.blue) }
    }

    /// Contrast ratio of WCAG 2.2, 1 to 21.
    fn contrast(self, other: Colour) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Relative luminance of WCAG 2.2, 0 to 1.
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let part = f64::from(channel) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readable_colour_is_left_alone() {
        let accent: Accent = "#0b5cad".parse().unwrap();
        assert_eq!(accent.on_light(), accent.0);
        assert_eq!(accent.path(), "/accent-0b5cad.css");
    }

    #[test]
    fn every_colour_becomes_readable_on_white_and_on_black() {
        for rgb in ["ffff00", "ffffff", "000000", "00aa55", "ff9900", "8888ff", "767676", "e60012"] {
            let accent: Accent = rgb.parse().unwrap();
            for surface in [WHITE, LIGHT_SURFACE] {
                assert!(accent.on_light().contrast(surface) >= CONTRAST_MIN, "{rgb} on {surface}");
            }
            for surface in [BLACK, DARK_SURFACE] {
                assert!(accent.on_dark().contrast(surface) >= CONTRAST_MIN, "{rgb} on {surface}");
            }
        }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((BLACK.contrast(WHITE) - 21.0).abs() < 1e-9);
        let grey = Colour { red: 0x76, green: 0x76, blue: 0x76 };
        assert!((grey.contrast(WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn the_surfaces_are_those_of_the_stylesheet() {
        for surface in [LIGHT_SURFACE, DARK_SURFACE] {
            assert!(crate::STYLE.contains(&format!("--panel:#{surface}")), "{surface}");
        }
    }

    #[test]
    fn only_six_digits_are_a_colour() {
        for bad in ["", "#fff", "red", "12345g", "#1234567", "+12345", "}{color"] {
            assert_eq!(bad.parse::<Accent>(), Err(NotAColour), "{bad}");
        }
    }
}
